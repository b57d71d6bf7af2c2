package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// The bounds of every connection. Answers that go on for long, such as streams, lift the bound of writing for themselves.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	// answerTimeout is how long the API works on an answer; a plan reads whole audiences.
	answerTimeout = 50 * time.Second
	// farewell is how long requests may take to end once the server is to stop.
	farewell = 3 * time.Second
)

// Config is what a server needs. Fields without a stated default are required.
type Config struct {
	// Listener is where Run listens, which Bound should have bounded. The server closes it. Serve has one of its own.
	Listener net.Listener
	// Checks decide about readiness: all of them must pass.
	Checks []Check
	// Logger gets what is worth telling an operator. Default: discarded.
	Logger *slog.Logger
	// Now is the time that what people ask for is recorded with. Default time.Now.
	Now func() time.Time
	// Version is that of the program.
	Version string
	// Sandbox says that the daemon rehearses: it messages nobody.
	Sandbox bool

	// What the API shows and steers.
	Ledger    engine.Ledger
	Steering  Steering
	Folder    Folder
	Project   Project
	Schedules Schedules
	Accounts  Accounts
	Events    Events
	Catalogue workflows.Catalogue
	// Doctor examines what the daemon works with.
	Doctor func(ctx context.Context) ([]result.Finding, error)
	// Limits are those that all workflows share.
	Limits func() []*workflows.Limit
}

// Server answers HTTP requests.
type Server struct {
	config  Config
	mux     *http.ServeMux
	gate    *gate
	streams atomic.Int64
	crowd   crowd
	calm    http.Handler
}

// New returns a server that answers for its health, and for nothing else before it has tokens. It starts nothing.
func New(config Config) (*Server, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Server{config: config, mux: http.NewServeMux(), gate: newGate(config.Now)}
	s.Mount("GET "+healthPath, http.HandlerFunc(s.healthy))
	s.Mount("GET "+readyPath, http.HandlerFunc(s.ready))
	if err := s.serveAPI(); err != nil {
		return nil, err
	}
	sameSite := http.NewCrossOriginProtection()
	sameSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refuse(codeCrossOrigin, "a page of another site has sent this"))
	}))
	s.calm = s.calmly(s.spared(sameSite.Handler(s.straight(s.mux))))
	return s, nil
}

// Mount adds what else listens at the address, before Run. Patterns are those of http.ServeMux. With a method it is the only
// one of its path: others are refused.
func (s *Server) Mount(pattern string, handler http.Handler) {
	s.mux.Handle(pattern, handler)
	if method, path, found := strings.Cut(pattern, " "); found {
		s.takesOnly(path, method)
	}
}

// takesOnly refuses other methods of a path than those, which are separated by commas.
func (s *Server) takesOnly(path, methods string) {
	s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		s.fail(w, r, refuse(codeMethod, "this address takes "+methods))
	})
}

// nothingHere answers for addresses below /api at which there is nothing.
func (s *Server) nothingHere(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, refuse(codeNotFound, "there is nothing at this address; what there is: "+descriptionPath))
}

// straight answers for addresses of the API that are not written as they should be: http.ServeMux would send a client
// elsewhere, such as to the run "items" for a run without a name.
func (s *Server) straight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.URL.EscapedPath()
		meant := path.Clean("/" + asked)
		if asked != meant && asked != meant+"/" && (strings.HasPrefix(meant+"/", "/api/") || strings.HasPrefix(asked, "/api/")) {
			s.nothingHere(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// SetTokens says who may use the API from now on. Without any, nobody may.
func (s *Server) SetTokens(tokens []workflows.Token) { s.gate.use(tokens) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.calm.ServeHTTP(w, r) }

// Run answers until ctx ends; then what is under way may end within 3 s. Streams end with ctx.
func (s *Server) Run(ctx context.Context) error { return s.Serve(ctx, s.config.Listener) }

// Serve is Run at another listener, which it closes.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: s.crowd.enter, ConnState: s.crowd.changed,
		ErrorLog: slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving HTTP at %s: %w", listener.Addr(), err)
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

// serveAPI makes the API and its description of the table.
func (s *Server) serveAPI() error {
	table := s.routes()
	text, err := describe(table, s.config.Version)
	if err != nil {
		return err
	}
	s.Mount("GET "+descriptionPath, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		head(w, "application/json")
		_, _ = w.Write(text)
	}))
	allowed := map[string]string{}
	for _, one := range table {
		s.mux.HandleFunc(one.method+" "+prefix+one.path, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, one) })
		if allowed[one.path] != "" {
			allowed[one.path] += ", "
		}
		allowed[one.path] += one.method
	}
	for path, methods := range allowed {
		s.takesOnly(prefix+path, methods)
	}
	s.mux.HandleFunc("/api", s.nothingHere)
	s.mux.HandleFunc("/api/", s.nothingHere)
	return nil
}

const (
	prefix          = "/api/v1"
	descriptionPath = "/api/openapi.json"
)

// answer does one operation for somebody who may.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, one route) {
	who, err := s.gate.admit(w, r, one.role)
	if err == nil {
		err = one.known(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if one.streams {
		if err := one.write(w, &request{Request: r, who: who}); err != nil {
			s.fail(w, r, err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	value, err := one.do(&request{Request: r.WithContext(ctx), who: who})
	if err != nil {
		if cause := ctx.Err(); cause != nil { // a query that is broken off says so in words of its own
			err = fmt.Errorf("%w: %w", cause, err)
		}
		s.fail(w, r, err)
		return
	}
	if one.status == http.StatusNoContent {
		head(w, "")
		w.WriteHeader(one.status)
		return
	}
	text, err := encode(value)
	if err != nil {
		s.fail(w, r, fmt.Errorf("writing the answer: %w", err))
		return
	}
	head(w, "application/json")
	w.WriteHeader(one.status)
	_, _ = w.Write(text) // what cannot be written any more has no reader
}

// calmly answers for handlers that panic: the process goes on.
func (s *Server) calmly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if found := recover(); found != nil && found != any(http.ErrAbortHandler) {
				s.panicked(w, r, found)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *Server) panicked(w http.ResponseWriter, r *http.Request, found any) {
	s.config.Logger.ErrorContext(r.Context(), "a request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(found),
		"stack", string(debug.Stack()))
	s.fail(w, r, fmt.Errorf("panic: %v", found))
}

// head sets the headers that every answer has; kind is "" for one without a body.
func head(w http.ResponseWriter, kind string) {
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// encode makes the text of an answer, whole, before anything of it is sent.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return b.Bytes(), err
}
