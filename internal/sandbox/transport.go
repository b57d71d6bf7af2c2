package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
)

// Transport carries requests to a sandbox in the same process, without a connection: for runs on virtual time. Each is
// answered before RoundTrip returns. What the sandbox does to connections comes out as the errors that a real one gives.
type Transport struct{ Sandbox *Sandbox }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	sleep := t.Sandbox.config.Sleep
	if err := sleep(request.Context(), 0); err != nil {
		return nil, err // it waits no longer: the request does not leave
	}
	served := request
	if request.Body == nil {
		served = request.WithContext(request.Context())
		served.Body = http.NoBody
	}
	w := &answerWriter{header: http.Header{}}
	broken := t.serve(w, served)
	late := error(nil)
	if broken {
		late = sleep(request.Context(), 0)
	}
	switch {
	case w.status == 0 && late != nil:
		return nil, late
	case w.status == 0:
		return nil, io.ErrUnexpectedEOF
	}
	answer := w.response(request)
	if broken {
		answer.Body = io.NopCloser(io.MultiReader(&w.body, failingReader{errors.Join(late, io.ErrUnexpectedEOF)}))
	}
	return answer, nil
}

// serve reports whether the sandbox has cut the connection.
func (t Transport) serve(w http.ResponseWriter, request *http.Request) (broken bool) {
	defer func() {
		if problem := recover(); problem != nil {
			if err, ok := problem.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(problem)
			}
			broken = true
		}
	}()
	t.Sandbox.ServeHTTP(w, request)
	return false
}

// answerWriter keeps what is answered.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush implements http.Flusher.
func (w *answerWriter) Flush() {}

func (w *answerWriter) response(request *http.Request) *http.Response {
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: -1, Request: request,
	}
}

// failingReader ends a body that was cut off.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
