package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// stopGrace is how long a server that stops waits for answers in flight before it cuts them off.
const stopGrace = time.Second

// Serve serves the sandbox on a listener until the context ends, then waits a second for answers in flight. It closes
// the listener, returns when every connection is closed, and returns nil when the context was what ended it.
func Serve(ctx context.Context, s *Sandbox, listener net.Listener) error {
	var answering gate
	server := &http.Server{
		Handler:           answering.guard(s),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	var stopped sync.WaitGroup
	done := make(chan struct{})
	stopped.Go(func() {
		select {
		case <-ctx.Done():
			shutDown(server)
		case <-done:
		}
	})
	err := server.Serve(listener)
	close(done)
	stopped.Wait()
	answering.close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("sandbox: %w", err)
}

// gate knows when no request is being answered any more: net/http cuts connections off, but does not wait for those
// who answered them.
type gate struct {
	mu     sync.RWMutex // held for reading while a request is answered
	closed bool
}

func (g *gate) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.RLock()
		defer g.mu.RUnlock()
		if g.closed {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

// close waits for the answers in flight and lets no other begin.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// shutDown lets answers in flight end for a while, then cuts them off. A request whose
// connection is cut is cancelled, so delays end too.
func shutDown(server *http.Server) {
	grace, end := context.WithTimeout(context.Background(), stopGrace)
	defer end()
	if server.Shutdown(grace) == nil {
		return
	}
	_ = server.Close() // the listener is closed already; there is nothing else that closing could fail at
}

// Start serves the sandbox on a free port of 127.0.0.1 and returns its URL, such as http://127.0.0.1:40123. The server
// ends with the context or with stop, which waits for it and may be called more than once. The sandbox stays open.
func Start(ctx context.Context, s *Sandbox) (url string, stop func(), err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("sandbox: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = Serve(ctx, s, listener) // a listener on loopback that fails shows as refused connections
	})
	return "http://" + listener.Addr().String(), func() { cancel(); serving.Wait() }, nil
}
