package youmi

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// direct carries each request on the caller's own goroutine: it writes, then reads, and nothing else touches the
// connection. So what was written is known the moment it returns, nothing can be sent again behind the client's back,
// and a call costs about a third less than over http.Transport, which hands every request to two goroutines. It speaks
// HTTP/1.1; what has to go through a proxy is left to http.Transport.
type direct struct {
	proxies *http.Transport // dials and knows the TLS settings for both
	keep    int             // idle connections kept per host

	mu    sync.Mutex
	hosts map[string]*host
}

// host is one scheme and address, with its idle connections, the last used last.
type host struct {
	scheme, name, address string
	proxied               bool
	idle                  []*line
}

// line is a connection with its buffers.
type line struct {
	net.Conn
	left   *bounded
	reader *bufio.Reader
	writer *bufio.Writer
	used   time.Time
}

// maxHead bounds the head of an answer, interim ones included.
const maxHead = 256 << 10

// bounded reads no more of a connection than it is allowed to.
type bounded struct {
	conn net.Conn
	left int
}

var errHeadTooLong = errors.New("the head of the answer is longer than 256 KiB")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errHeadTooLong
	}
	n, err := b.conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func newDirect(proxies *http.Transport, keep int) *direct {
	return &direct{proxies: proxies, keep: keep, hosts: map[string]*host{}}
}

// RoundTrip implements http.RoundTripper. It tells the trace of the request's context of its connection, as
// http.Transport does.
func (d *direct) RoundTrip(request *http.Request) (*http.Response, error) {
	to, err := d.host(request)
	if err != nil {
		return nil, err
	}
	if to.proxied {
		return d.proxies.RoundTrip(request)
	}
	ctx := request.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(to.address)
	}
	l, reused := d.take(to)
	if l == nil {
		if l, err = d.connect(ctx, to); err != nil {
			return nil, err
		}
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: l.Conn, Reused: reused})
	}
	return d.exchange(ctx, to, l, request)
}

// exchange writes the request and reads the head of the answer.
func (d *direct) exchange(ctx context.Context, to *host, l *line, request *http.Request) (*http.Response, error) {
	// Nothing waits for the context while the connection is read: its end makes the read return.
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	fail := func(err error) (*http.Response, error) {
		stop()
		_ = l.Close() // its error says nothing that err does not
		if ended := ctx.Err(); ended != nil {
			err = ended
		}
		return nil, err
	}
	l.left.left = maxHead
	if err := request.Write(l.writer); err != nil {
		return fail(err)
	}
	if err := l.writer.Flush(); err != nil {
		return fail(err)
	}
	answer, err := http.ReadResponse(l.reader, request)
	for err == nil && answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols {
		answer, err = http.ReadResponse(l.reader, request) // an interim answer, which nobody asked for
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fail(err)
	}
	l.left.left = 2 * MaxBody // what is read of a body has its own bound
	answer.Body = &answerBody{ReadCloser: answer.Body, ctx: ctx, done: func(whole bool) {
		if !stop() || !whole || answer.Close || l.reader.Buffered() > 0 {
			_ = l.Close()
			return
		}
		d.give(to, l)
	}}
	return answer, nil
}

// answerBody gives the connection back when it has been read to its end, and closes it when it is closed before.
type answerBody struct {
	io.ReadCloser
	ctx   context.Context
	done  func(whole bool)
	ended bool
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	b.end(errors.Is(err, io.EOF))
	if cause := b.ctx.Err(); cause != nil && !errors.Is(err, io.EOF) {
		err = cause
	}
	return n, err
}

// Close does not read what is left: nobody wants it, and it may be long.
func (b *answerBody) Close() error {
	b.end(false)
	return nil
}

func (b *answerBody) end(whole bool) {
	if !b.ended {
		b.ended = true
		b.done(whole)
	}
}

// host finds what is known of a request's host.
func (d *direct) host(request *http.Request) (*host, error) {
	key := request.URL.Scheme + "://" + request.URL.Host
	d.mu.Lock()
	to := d.hosts[key]
	d.mu.Unlock()
	if to != nil {
		return to, nil
	}
	to = &host{scheme: request.URL.Scheme, name: request.URL.Hostname(), address: address(request.URL)}
	if d.proxies.Proxy != nil {
		proxy, err := d.proxies.Proxy(request)
		if err != nil {
			return nil, err
		}
		to.proxied = proxy != nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.hosts[key]; known != nil {
		return known, nil
	}
	d.hosts[key] = to
	return to, nil
}

func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// take takes an idle connection that is neither old nor closed by the other side; nil when there is none.
func (d *direct) take(to *host) (*line, bool) {
	for {
		d.mu.Lock()
		n := len(to.idle)
		if n == 0 {
			d.mu.Unlock()
			return nil, false
		}
		l := to.idle[n-1]
		to.idle = to.idle[:n-1]
		d.mu.Unlock()
		if time.Since(l.used) < idleTimeout && stillOpen(l.Conn) {
			return l, true
		}
		_ = l.Close() // old, or dead already
	}
}

// give keeps a connection for the next call, and closes those that were not used for long.
func (d *direct) give(to *host, l *line) {
	l.used = time.Now()
	d.mu.Lock()
	var old []*line
	for len(to.idle) > 0 && l.used.Sub(to.idle[0].used) >= idleTimeout {
		old, to.idle = append(old, to.idle[0]), to.idle[1:]
	}
	if len(to.idle) < d.keep {
		to.idle = append(to.idle, l)
	} else {
		old = append(old, l)
	}
	d.mu.Unlock()
	for _, l := range old {
		_ = l.Close()
	}
}

// connect makes a connection, with TLS where the scheme asks for it.
func (d *direct) connect(ctx context.Context, to *host) (*line, error) {
	conn, err := d.proxies.DialContext(ctx, "tcp", to.address)
	if err != nil {
		return nil, err
	}
	if to.scheme == "https" {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		settings := d.proxies.TLSClientConfig.Clone()
		if settings == nil {
			settings = &tls.Config{}
		}
		settings.ServerName, settings.NextProtos = to.name, []string{"http/1.1"}
		secured := tls.Client(conn, settings)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn = secured
	}
	left := &bounded{conn: conn}
	return &line{Conn: conn, left: left, reader: bufio.NewReader(left), writer: bufio.NewWriter(conn)}, nil
}

// CloseIdleConnections closes the connections that no call is using.
func (d *direct) CloseIdleConnections() {
	d.mu.Lock()
	var idle []*line
	for _, to := range d.hosts {
		idle = append(idle, to.idle...)
		to.idle = nil
	}
	d.mu.Unlock()
	for _, l := range idle {
		_ = l.Close()
	}
	d.proxies.CloseIdleConnections()
}
