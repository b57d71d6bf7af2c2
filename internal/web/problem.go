package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// problem is how errors are answered: RFC 9457, with the members code and problems besides.
type problem struct {
	Type   string `json:"type" jsonschema:"urn:youmiflow:problem: and the code"`
	Title  string `json:"title" jsonschema:"the status in words"`
	Status int    `json:"status"`
	Detail string `json:"detail" jsonschema:"what happened, and what to do"`
	Code   code   `json:"code" jsonschema:"stable, for programs"`
	// Instance names this one error in the daemon's log.
	Instance string `json:"instance,omitempty" jsonschema:"names this one error in the daemon's log"`
	// Problems are those of a workflow or of settings, each with its place.
	Problems diagnostic.List `json:"problems,omitempty"`
}

// refusal is an error that the API itself has found.
type refusal struct {
	code   code
	detail string
}

func (r *refusal) Error() string { return r.detail }

func refuse(code code, detail string) error { return &refusal{code, detail} }

// InvalidError says that something was asked for that cannot be done as it stands: a workflow, its list or the
// configuration is not valid. Commands end with exit code 3 for the same.
type InvalidError struct{ Cause error }

// Error is that of the cause.
func (e *InvalidError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *InvalidError) Unwrap() error { return e.Cause }

// problemOf is the one place where errors become answers. What is nobody's fault but ours tells its id only.
func problemOf(err error) problem {
	answer := func(code code, detail string) problem {
		status := code.status()
		return problem{Type: problemPrefix + string(code), Title: http.StatusText(status), Status: status, Detail: detail, Code: code}
	}
	if own, ok := errors.AsType[*refusal](err); ok {
		return answer(own.code, own.detail)
	}
	if list, ok := errors.AsType[diagnostic.List](err); ok {
		p := answer(codeInvalid, list.Count()+": mend what they name")
		p.Problems = list
		return p
	}
	switch {
	case errors.Is(err, engine.ErrNotFound):
		return answer(codeNotFound, err.Error())
	case errors.As(err, new(*engine.StateError)), errors.Is(err, engine.ErrOver):
		return answer(codeState, err.Error())
	case errors.Is(err, engine.ErrExists), errors.Is(err, engine.ErrBusy):
		return answer(codeConflict, err.Error())
	case errors.As(err, new(*workflows.ParamError)):
		return answer(codeParams, err.Error())
	case errors.As(err, new(*engine.AudienceError)):
		return answer(codeAudience, err.Error())
	case errors.As(err, new(*engine.ChatError)), errors.As(err, new(*PlatformError)):
		return answer(codePlatform, err.Error())
	case errors.Is(err, engine.ErrNotUnknown):
		return answer(codeState, err.Error())
	case errors.As(err, new(*engine.BackfillError)):
		return answer(codeBackfill, err.Error())
	case errors.As(err, new(*InvalidError)):
		return answer(codeInvalid, err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return answer(codeUnavailable, "this took too long, or the daemon stops: try again")
	}
	p := answer(codeInternal, "something went wrong in the daemon; its log says what")
	p.Instance = "urn:youmiflow:error:" + newErrorID()
	p.Detail += ", beside the id " + strings.TrimPrefix(p.Instance, "urn:youmiflow:error:")
	return p
}

func newErrorID() string { return strings.ToLower(rand.Text()[:10]) }

// fail answers with an error, and tells the log of those that are ours.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.config.Logger.ErrorContext(r.Context(), "a request failed", "method", r.Method, "path", r.URL.Path, "id", p.Instance, "error", err)
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p problem) {
	head(w, "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// PlatformError says that the platform could not be reached, or has refused: nothing was done.
type PlatformError struct{ Cause error }

// Error is that of the cause.
func (e *PlatformError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *PlatformError) Unwrap() error { return e.Cause }

// NotFound is an error that is answered as something that there is not.
func NotFound(detail string) error { return refuse(codeNotFound, detail) }

// BadBody is an error that is answered as a body that does not say what can be done.
func BadBody(detail string) error { return refuse(codeBody, detail) }
