package events

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Bounds of the receiver.
const (
	// MaxBody bounds a push, in bytes.
	MaxBody = 1 << 20
	// DefaultTimeout bounds reading a push, and keeping it.
	DefaultTimeout = 10 * time.Second
	// DefaultConcurrency bounds the pushes in hand; others are asked to come again.
	DefaultConcurrency = 256
	// minSecret is how long a path secret is at least: 22 letters and digits of a random source are 110 bits and more.
	minSecret = 22
)

// Prefix is where the receiver listens; the secret follows.
const Prefix = "/events/"

// Config is what a Receiver is made of. Store and Secret are required.
type Config struct {
	Store Store
	// Secret is the last part of the path that pushes come to, and all that keeps others from pushing: no signature of
	// a push is documented. At least 22 of a-z, A-Z, 0-9, - and _. NewSecret makes one.
	Secret string
	// Timeout bounds reading a push, and then keeping it. Default: DefaultTimeout.
	Timeout time.Duration
	// Concurrency bounds the pushes in hand. Default: DefaultConcurrency.
	Concurrency int
	// Logger is told when events cannot be kept. Default: slog.Default().
	Logger *slog.Logger
	// Clock tells when a push was received. Default: time.Now.
	Clock func() time.Time
}

// String leaves the secret out.
func (c Config) String() string { return "events.Config{Secret: (hidden)}" }

// GoString leaves the secret out.
func (c Config) GoString() string { return c.String() }

// NewSecret makes a path secret of 128 bits and more.
func NewSecret() string { return rand.Text() }

// Receiver is the address that pushes come to. It is safe for concurrent use.
type Receiver struct {
	store   Store
	path    [sha256.Size]byte // digest of the path, which is all that is kept of the secret
	timeout time.Duration
	room    chan struct{}
	logger  *slog.Logger
	clock   func() time.Time
}

// New makes a receiver. The error names the setting, and never holds the secret.
func New(config Config) (*Receiver, error) {
	if config.Store == nil {
		return nil, errors.New("events: no Store: events must be kept before they are acknowledged")
	}
	if err := checkSecret(config.Secret); err != nil {
		return nil, err
	}
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	if config.Concurrency <= 0 {
		config.Concurrency = DefaultConcurrency
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	return &Receiver{
		store: config.Store, path: sha256.Sum256([]byte(Prefix + config.Secret)), timeout: config.Timeout,
		room: make(chan struct{}, config.Concurrency), logger: config.Logger, clock: config.Clock,
	}, nil
}

func checkSecret(secret string) error {
	for _, r := range secret {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return errors.New("events: the path secret may hold a-z, A-Z, 0-9, - and _ only")
		}
	}
	if len(secret) < minSecret {
		return fmt.Errorf("events: the path secret has %d characters: it needs at least %d, since it is all that keeps others from pushing", len(secret), minSecret)
	}
	return nil
}

// acknowledgement is the answer that doc-3385682 expects. For version 2 no page shows one; it gets the same.
type acknowledgement struct {
	Result  bool   `json:"Result"`
	Code    int    `json:"ReturnCode"`
	Message string `json:"Message"`
}

// ServeHTTP keeps a push and acknowledges it. Whoever does not know the secret gets 404, as for any other path.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	given := sha256.Sum256([]byte(request.URL.Path))
	if subtle.ConstantTimeCompare(given[:], r.path[:]) != 1 {
		http.NotFound(w, request)
		return
	}
	if request.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answer(w, http.StatusMethodNotAllowed, "pushes are POSTed")
		return
	}
	select {
	case r.room <- struct{}{}:
		defer func() { <-r.room }()
	default:
		later(w, "too many pushes at once")
		return
	}
	body, status, err := r.read(w, request)
	if err != nil {
		answer(w, status, err.Error())
		return
	}
	r.keep(w, request, Read(body, r.clock()))
}

// read reads the body within the bounds.
func (r *Receiver) read(w http.ResponseWriter, request *http.Request) ([]byte, int, error) {
	// A server or test without deadlines has its own bounds.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(r.timeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, MaxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("a push may have %d bytes", MaxBody)
	case err != nil:
		return nil, http.StatusBadRequest, errors.New("the body could not be read to its end")
	case len(body) == 0:
		return nil, http.StatusBadRequest, errors.New("the body is empty")
	}
	return body, 0, nil
}

// keep keeps the event and acknowledges it, or asks for it again.
func (r *Receiver) keep(w http.ResponseWriter, request *http.Request, event Event) {
	ctx, cancel := context.WithTimeout(request.Context(), r.timeout)
	defer cancel()
	if _, err := r.store.AddEvent(ctx, event); err != nil {
		if request.Context().Err() == nil {
			r.logger.Error("an event could not be kept, and was not acknowledged", "kind", event.Kind, "id", event.ID, "error", err)
		}
		later(w, "the event could not be kept")
		return
	}
	answer(w, http.StatusOK, "ok")
}

func later(w http.ResponseWriter, message string) {
	w.Header().Set("Retry-After", "5")
	answer(w, http.StatusServiceUnavailable, message)
}

func answer(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// Two scalars and a constant always encode; a client that is gone comes again.
	_ = json.NewEncoder(w).Encode(acknowledgement{Result: status == http.StatusOK, Code: status, Message: message})
}
