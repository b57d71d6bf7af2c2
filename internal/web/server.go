package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The bounds of every connection. Answers that go on for long, such as streams, lift the bound of writing for themselves.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// farewell is how long requests may take to end once the server is to stop.
	farewell = 5 * time.Second
)

// Config is what a server needs. Fields without a stated default are required.
type Config struct {
	// Listener is where it listens. The server closes it.
	Listener net.Listener
	// Checks decide about readiness: all of them must pass.
	Checks []Check
	// Logger gets what is worth telling an operator. Default: discarded.
	Logger *slog.Logger
}

// Server answers HTTP requests.
type Server struct {
	config Config
	mux    *http.ServeMux
}

// New returns a server that answers for its health. It starts nothing.
func New(config Config) *Server {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: config, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /healthz", s.healthy)
	s.mux.HandleFunc("GET /readyz", s.ready)
	return s
}

// Mount adds what else listens at the address, before Run. Patterns are those of http.ServeMux.
func (s *Server) Mount(pattern string, handler http.Handler) { s.mux.Handle(pattern, handler) }

// Run answers until ctx ends; then what is under way may end within 5 s.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.mux, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.config.Listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving HTTP at %s: %w", s.config.Listener.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	err := server.Shutdown(last)
	if err != nil { // some client does not let go
		err = server.Close()
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
