package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"

	"youmiflow/internal/web"
	"youmiflow/workflows"
)

// listenAt opens the address that the command line says, else that of youmiflow.yaml.
func (a *app) listenAt(ctx context.Context, address string, server workflows.Server) (net.Listener, error) {
	what := "--listen"
	if address == "" {
		address, what = server.Listen, "listen"
	}
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, usage("%s %s: %w", what, address, err)
	}
	return listener, nil
}

// exposed reports whether other machines reach an address.
func exposed(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}

// certificate is the daemon's, which may be another one after its configuration was read again.
type certificate struct {
	held atomic.Pointer[tls.Certificate]
}

// load reads the files. A certificate that cannot be used leaves the one before in force.
func (c *certificate) load(server workflows.Server) error {
	pair, err := tls.LoadX509KeyPair(server.Cert, server.Key)
	if err != nil {
		return invalid("server.tls: %w", err)
	}
	c.held.Store(&pair)
	return nil
}

// over has a listener speak TLS.
func (c *certificate) over(listener net.Listener) net.Listener {
	return tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.held.Load(), nil
	}})
}

// openListener opens where the daemon listens, with its certificate where it has one; nil without.
func (a *app) openListener(ctx context.Context, address string, server workflows.Server) (net.Listener, *certificate, error) {
	listener, err := a.listenAt(ctx, address, server)
	if err != nil {
		return nil, nil, err
	}
	listener = web.Bound(listener)
	if server.Cert == "" {
		if exposed(listener.Addr()) {
			a.logger().Warn("other machines reach this address, and nothing is encrypted: add server.tls to youmiflow.yaml, or put a proxy in front that speaks TLS",
				"listen", listener.Addr().String())
		}
		return listener, nil, nil
	}
	cert := &certificate{}
	if err := cert.load(server); err != nil {
		return nil, nil, errors.Join(err, listener.Close())
	}
	return cert.over(listener), cert, nil
}
