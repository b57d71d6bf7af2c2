package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// checkTimeout bounds all the checks of one look together.
const checkTimeout = 3 * time.Second

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

// Check is one thing that must be well before the daemon is of use.
type Check struct {
	Name string
	// Do returns what is wrong, in words that anybody may read: nobody has to sign in to see them.
	Do func(ctx context.Context) error
}

// readiness is the answer of /readyz.
type readiness struct {
	Status string            `json:"status"` // ready, or not ready
	Checks map[string]string `json:"checks"` // ok, or what is wrong, by name
}

// healthy says that the process lives and answers.
func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	writeHealth(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether the daemon can do its work.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	answer := readiness{Status: "ready", Checks: map[string]string{}}
	status := http.StatusOK
	for _, check := range s.config.Checks {
		answer.Checks[check.Name] = "ok"
		if err := check.Do(ctx); err != nil {
			answer.Checks[check.Name] = err.Error()
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	writeHealth(w, status, answer)
}

// writeHealth writes an answer of nothing but words.
func writeHealth(w http.ResponseWriter, status int, words any) {
	head(w, "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(words) // what cannot be written any more has no reader
}
