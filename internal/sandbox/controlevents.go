package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// controlEvents are the requests that make something happen, as customers, staff and devices would.
func (s *Sandbox) controlEvents(mux *http.ServeMux) {
	list := func(path string, value func() any) {
		mux.HandleFunc("GET /_sandbox/"+path, func(w http.ResponseWriter, _ *http.Request) { send(w, jsonReply(http.StatusOK, value())) })
	}
	list("callbacks", func() any { return append([]Callback{}, s.Callbacks()...) })
	list("todos", func() any { return append([]Todo{}, s.Todos()...) })
	list("bulk-sends", func() any { return append([]BulkSend{}, s.BulkSends()...) })
	mux.HandleFunc("POST /_sandbox/reply", controlled(func(in struct{ Account, Friend, Text string }) (any, error) {
		return s.Reply(in.Account, in.Friend, in.Text)
	}))
	mux.HandleFunc("POST /_sandbox/device-fault", controlled(func(in struct{ Account, Text string }) (any, error) {
		return s.Stats().Events, s.DeviceFault(in.Account, in.Text)
	}))
	mux.HandleFunc("POST /_sandbox/task-result", controlled(func(in struct {
		TaskID  string `json:"task_id"`
		Succeed *bool
		Text    string
	}) (any, error) {
		return s.Stats().Events, s.TaskResult(in.TaskID, in.Succeed == nil || *in.Succeed, in.Text)
	}))
	mux.HandleFunc("POST /_sandbox/event", controlled(func(in struct {
		Type            json.RawMessage // a number or a name
		Account, Friend string
		Values          map[string]any
	}) (any, error) {
		var kind any
		_ = json.Unmarshal(in.Type, &kind) // what cannot be read is no kind, and is refused as such
		return s.Stats().Events, s.PushEvent(scalar(kind), in.Account, in.Friend, in.Values)
	}))
	mux.HandleFunc("POST /_sandbox/todos/done", controlled(func(in struct{ ID int }) (any, error) {
		ok, err := s.FinishTodo(in.ID)
		if err == nil && !ok {
			err = &refusal{codeParameters, fmt.Sprintf("there is no open todo %d", in.ID)}
		}
		return s.Todos(), err
	}))
}

// controlled reads a JSON object, does what it asks for and answers with what came of it.
func controlled[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&in); err != nil {
			controlError(w, http.StatusBadRequest, fmt.Errorf("the body must be a JSON object of this request's fields: %w", err))
			return
		}
		out, err := do(in)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			controlError(w, http.StatusBadRequest, err)
		case err != nil:
			controlError(w, http.StatusInternalServerError, err)
		default:
			send(w, jsonReply(http.StatusOK, out))
		}
	}
}
