package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

const controlPrefix = "/_sandbox/"

// call is one request of an operation, read.
type call struct {
	number        uint64 // counts from 1
	operation     *operation
	body          []byte
	fields        map[string]any // the body, when it is a JSON object
	problem       string         // why there are no fields; "" when there are
	contentType   string
	authorization string
	header        http.Header
	at            time.Time
}

// ServeHTTP answers the API and, under /_sandbox/, the control requests.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		s.control.ServeHTTP(w, r)
		return
	}
	c := call{number: s.requests.Add(1), at: s.config.Clock()}
	if refused := s.read(w, r, &c); refused != nil {
		send(w, *refused)
		return
	}
	v := s.judge(c)
	if v.delay > 0 && s.config.Sleep(r.Context(), v.delay) != nil {
		panic(http.ErrAbortHandler) // the client is gone: nothing was done, and nobody listens
	}
	if v.expire {
		s.tokens.revokeAll()
		s.v1Tokens.revokeAll()
	}
	s.finish(w, r, c, v)
}

// finish does what is asked, unless the verdict is that it comes to nothing, and answers as the verdict says.
func (s *Sandbox) finish(w http.ResponseWriter, r *http.Request, c call, v verdict) {
	if v.before() {
		switch v.fault.Kind {
		case KindLoseBefore:
			panic(http.ErrAbortHandler)
		case KindHTTP:
			send(w, httpFault(v.fault))
		default:
			send(w, s.wrap(c, refuse(v.fault.Code, "sandbox fault "+v.fault.String())))
		}
		return
	}
	answer := c.operation.answer(c)
	switch v.fault.Kind {
	case KindLose:
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	case KindTruncate:
		truncate(w, answer)
	case KindGarbage:
		answer.body = []byte("<html><body>sandbox fault: this is not JSON</body></html>\n")
		send(w, answer)
	case KindHTTP:
		send(w, httpFault(v.fault))
	case KindSlow:
		s.trickle(r.Context(), w, answer, v.fault.Delay)
	default:
		send(w, answer)
	}
}

// judge asks the faults in force.
func (s *Sandbox) judge(c call) verdict {
	faults := s.faults.Load()
	if len(faults.rules) == 0 {
		return verdict{}
	}
	return faults.judge(c.operation.name, s.account(c), c.body)
}

// read finds the operation and reads the body. It returns the refusal where there is no such operation or body.
func (s *Sandbox) read(w http.ResponseWriter, r *http.Request, c *call) *reply {
	refused := func(status int, description string) *reply {
		answer := s.wrap(*c, result{code: codeParameters, status: status, description: description})
		return &answer
	}
	c.operation = s.operations[r.URL.Path]
	if c.operation == nil {
		return refused(http.StatusNotFound, fmt.Sprintf("the sandbox has no %s; it has %s", r.URL.Path, s.paths()))
	}
	if r.Method != c.operation.method {
		answer := refused(http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s, not %s", r.URL.Path, c.operation.method, r.Method))
		answer.header.Set("Allow", c.operation.method)
		return answer
	}
	c.contentType, c.authorization = r.Header.Get("Content-Type"), r.Header.Get("Authorization")
	var err error
	if c.body, err = readBody(w, r); err != nil {
		return refused(http.StatusOK, "the body cannot be read: "+err.Error())
	}
	c.header = r.Header
	switch {
	case c.operation.name == tokenOperation:
	case c.operation.media == "":
		c.fields, c.problem = c.operation.readQuery(r.URL.Query())
	default:
		c.fields, c.problem = readFields(c.body)
		if _, problem := c.operation.readQuery(r.URL.Query()); c.problem == "" && c.operation.version == 1 {
			c.problem = problem
		}
	}
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength <= 0 || r.ContentLength > maxBody {
		return io.ReadAll(limited)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(limited, body)
	return body, err
}

// readFields reads a JSON object.
func readFields(body []byte) (fields map[string]any, problem string) {
	if err := json.Unmarshal(body, &fields); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return nil, "the body is JSON, but no object"
		}
		return nil, "the body is not JSON: " + err.Error()
	}
	if fields == nil {
		return nil, "the body is null, no object"
	}
	return fields, ""
}

func send(w http.ResponseWriter, answer reply) {
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // a client that is gone is no concern of the platform
}

// truncate promises the whole body, sends half and cuts the connection.
func truncate(w http.ResponseWriter, answer reply) {
	answer.header.Set("Content-Length", fmt.Sprint(len(answer.body)))
	answer.body = answer.body[:len(answer.body)/2]
	send(w, answer)
	_ = http.NewResponseController(w).Flush() // what cannot be flushed is cut all the same
	panic(http.ErrAbortHandler)
}

// trickle sends the body in pieces, evenly over the duration.
func (s *Sandbox) trickle(ctx context.Context, w http.ResponseWriter, answer reply, over time.Duration) {
	const pieces = 8
	answer.header.Set("Content-Length", fmt.Sprint(len(answer.body)))
	whole := answer.body
	answer.body = nil
	send(w, answer)
	_ = http.NewResponseController(w).Flush() // the header; what cannot be flushed comes at the end
	for piece := range pieces {
		if s.config.Sleep(ctx, over/pieces) != nil {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(whole[len(whole)*piece/pieces : len(whole)*(piece+1)/pieces])
		_ = http.NewResponseController(w).Flush()
	}
}

// pause waits, or returns early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
