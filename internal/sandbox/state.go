package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Todo is a todo record (待办).
type Todo struct {
	ID        int             `json:"id"`
	Account   string          `json:"account"`
	Friend    string          `json:"friend"`
	Creator   string          `json:"creator"` // staff number; "" when none was given
	Receivers []string        `json:"receivers,omitempty"`
	Title     string          `json:"title"`
	Content   string          `json:"content"`
	RemindAt  time.Time       `json:"remind_at,omitzero"`
	CreatedAt time.Time       `json:"created_at"`
	DoneAt    time.Time       `json:"done_at,omitzero"` // zero while it is open
	Body      json.RawMessage `json:"body"`             // the request's body
}

// BulkSend is an RPA bulk send that was saved.
type BulkSend struct {
	ID      int             `json:"id"`
	At      time.Time       `json:"at"`
	Body    json.RawMessage `json:"body"`
	Deleted bool            `json:"deleted,omitempty"`
}

// Reply is something that a customer wrote.
type Reply struct {
	ID      uint64    `json:"id"`
	Account string    `json:"account"`
	Friend  string    `json:"friend"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	After   uint64    `json:"after"` // the delivery, of whatever conversation, that was the last before it
}

// activation is a conversation that was activated.
type activation struct {
	Staff   string    `json:"staff"`
	Channel int       `json:"channel"`
	At      time.Time `json:"at"`
}

// ownership is whose a fan is from now on.
type ownership struct {
	Friend string `json:"friend"`
	Staff  string `json:"staff"`
}

// maxKept bounds each kind of thing that is kept besides deliveries and takeovers.
const maxKept = 100_000

// state is what the world knows besides messages and takeovers. The world's lock guards it.
type state struct {
	todos     []Todo
	bulks     []BulkSend
	replies   ring[Reply]
	replied   uint64
	callbacks []Callback
	asked     map[string]bool // PcKid of each request to add a friend
	owners    map[string]string
	activated ring[activation]
}

func newState() state {
	return state{asked: map[string]bool{}, owners: map[string]string{}, replies: ring[Reply]{size: maxKept}, activated: ring[activation]{size: maxKept}}
}

// further is the part of a record that changes the state. One of its fields is set.
type further struct {
	Todo       *Todo       `json:"todo,omitempty"` // a new one, or what has become of one
	Bulk       *BulkSend   `json:"bulk,omitempty"` // likewise
	Reply      *Reply      `json:"reply,omitempty"`
	Callback   *Callback   `json:"callback,omitempty"`
	Asked      string      `json:"asked,omitempty"`
	Owner      *ownership  `json:"owner,omitempty"`
	Activation *activation `json:"activation,omitempty"`
}

func (f further) empty() bool { return f == further{} }

func (s *state) change(f further) {
	switch {
	case f.Todo != nil:
		s.todos = put(s.todos, f.Todo.ID, *f.Todo)
	case f.Bulk != nil:
		s.bulks = put(s.bulks, f.Bulk.ID, *f.Bulk)
	case f.Reply != nil:
		s.replies.add(*f.Reply)
		s.replied = f.Reply.ID
	case f.Callback != nil:
		s.callbacks = append(slices.DeleteFunc(s.callbacks, f.Callback.replaces), *f.Callback)
	case f.Asked != "":
		s.asked[f.Asked] = true
	case f.Owner != nil:
		s.owners[f.Owner.Friend] = f.Owner.Staff
	case f.Activation != nil:
		s.activated.add(*f.Activation)
	}
}

// put replaces the thing of a number, which counts from 1, or adds it.
func put[T any](list []T, id int, one T) []T {
	if id >= 1 && id <= len(list) {
		list[id-1] = one
		return list
	}
	return append(list, one)
}

// note commits a change of the state.
func (w *world) note(change func(*state) (further, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := change(&w.state)
	if err != nil || f.empty() {
		return err
	}
	return w.commit(record{further: f})
}

var errFull = &refusal{codeServerError, fmt.Sprintf("this sandbox keeps no more than %d of these: POST /_sandbox/reset empties it", maxKept)}

func (w *world) addTodo(t Todo) (Todo, error) {
	err := w.note(func(s *state) (further, error) {
		if len(s.todos) >= maxKept {
			return further{}, errFull
		}
		t.ID = len(s.todos) + 1
		return further{Todo: &t}, nil
	})
	return t, err
}

// finishTodo marks a todo as done. ok is false when there is none of that number that is open.
func (w *world) finishTodo(id int, at time.Time) (done Todo, ok bool, err error) {
	err = w.note(func(s *state) (further, error) {
		if id < 1 || id > len(s.todos) || !s.todos[id-1].DoneAt.IsZero() {
			return further{}, nil
		}
		done, ok = s.todos[id-1], true
		done.DoneAt = at
		return further{Todo: &done}, nil
	})
	return done, ok, err
}

func (w *world) addBulk(b BulkSend) (BulkSend, error) {
	err := w.note(func(s *state) (further, error) {
		if len(s.bulks) >= maxKept {
			return further{}, errFull
		}
		b.ID = len(s.bulks) + 1
		return further{Bulk: &b}, nil
	})
	return b, err
}

func (w *world) deleteBulk(id int) (ok bool, err error) {
	err = w.note(func(s *state) (further, error) {
		if id < 1 || id > len(s.bulks) || s.bulks[id-1].Deleted {
			return further{}, nil
		}
		ok = true
		b := s.bulks[id-1]
		b.Deleted = true
		return further{Bulk: &b}, nil
	})
	return ok, err
}

func (w *world) addReply(r Reply) (Reply, error) {
	err := w.note(func(s *state) (further, error) {
		r.ID, r.After = s.replied+1, w.total
		return further{Reply: &r}, nil
	})
	return r, err
}

// ask keeps the caller's id of a request to add a friend, which must be unique.
func (w *world) ask(id string) error {
	return w.note(func(s *state) (further, error) {
		switch {
		case s.asked[id]:
			return further{}, &refusal{codeFailed, fmt.Sprintf("PcKid %s was used before: it must be unique", id)}
		case len(s.asked) >= maxKept:
			return further{}, errFull
		}
		return further{Asked: id}, nil
	})
}

func (w *world) setOwner(friend, staff string) error {
	return w.note(func(*state) (further, error) { return further{Owner: &ownership{friend, staff}}, nil })
}

func (w *world) activate(a activation) error {
	return w.note(func(*state) (further, error) { return further{Activation: &a}, nil })
}

func (w *world) owner(friend string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	staff, ok := w.state.owners[friend]
	return staff, ok
}

func (w *world) activations(which func(activation) bool) int {
	w.mu.Lock()
	list := w.state.activated.list()
	w.mu.Unlock()
	n := 0
	for _, a := range list {
		if which(a) {
			n++
		}
	}
	return n
}

func (w *world) todos() []Todo {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.state.todos)
}

func (w *world) bulkSends() []BulkSend {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.state.bulks)
}

// errEmptyRecord is of a journal's line that changes nothing.
var errEmptyRecord = errors.New("it holds neither a delivery nor a takeover nor any other change")
