package web

import (
	"context"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/netutil"
)

const (
	// maxConnections bounds how many connections are served at a time.
	maxConnections = 1024
	// spareConnections are there for whoever looks after the daemon's health while all others are taken.
	spareConnections = 32
	// crowdedRetry is when a client that found all of them taken may come again, in seconds.
	crowdedRetry = "5"
)

// Bound has a listener accept no more connections than a server serves: those behind them wait in the system's queue. Where
// connections are encrypted, it is the listener below that is bounded.
func Bound(listener net.Listener) net.Listener {
	return netutil.LimitListener(listener, maxConnections+spareConnections)
}

// crowd knows the connections of a server.
type crowd struct {
	mu      sync.Mutex
	regular int
	late    map[net.Conn]bool
}

// late marks the context of a connection that came when all were taken.
type late struct{}

// enter takes in a connection. It is one of http.Server's hooks.
func (c *crowd) enter(ctx context.Context, connection net.Conn) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.regular < maxConnections {
		c.regular++
		return ctx
	}
	if c.late == nil {
		c.late = map[net.Conn]bool{}
	}
	c.late[connection] = true
	return context.WithValue(ctx, late{}, true)
}

// changed lets a connection go once it is over. It is one of http.Server's hooks.
func (c *crowd) changed(connection net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late[connection] {
		delete(c.late, connection)
		return
	}
	c.regular--
}

// spared answers a connection that came late for the daemon's health only, once.
func (s *Server) spared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(late{}) != nil {
			w.Header().Set("Connection", "close")
			if r.URL.Path != healthPath && r.URL.Path != readyPath {
				w.Header().Set("Retry-After", crowdedRetry)
				s.fail(w, r, refuse(codeUnavailable, "too many clients are connected: try again"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
