package youmi

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// idleTimeout is how long a connection is kept between calls. It is short on purpose: a server or balancer that closes
// an idle connection just as a message is written on it leaves that message unknown, and many close after 15 s or more.
const idleTimeout = 10 * time.Second

// newTransport makes a transport that sends nothing twice. It speaks HTTP/1.1 only: over HTTP/2, net/http sends a request
// again after a PROTOCOL_ERROR of the server, which proves nothing. Over HTTP/1.1 it sends a POST again only where it
// can rewind the body, and bodies here cannot be.
func newTransport(concurrency int) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		Protocols:           protocols,
		MaxIdleConns:        concurrency + 2, // the token endpoint is another host
		MaxIdleConnsPerHost: concurrency,
		IdleConnTimeout:     idleTimeout,
		TLSHandshakeTimeout: 10 * time.Second,
		DisableCompression:  true, // the answers are a few hundred bytes
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countingConn{Conn: conn}, nil
		},
	}
}

// countingConn counts what was written, so that a request of which no byte left is known.
type countingConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// counting finds the counter under a connection; nil when the connection is not the client's own.
func counting(conn net.Conn) *countingConn {
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	counter, _ := conn.(*countingConn)
	return counter
}
