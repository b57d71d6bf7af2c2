package engine

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Event is something that the platform has pushed, as far as it could be read.
type Event struct {
	Sequence int64  // in the order in which events were kept
	ID       string // the same for each repetition
	Kind     string // one of workflows.EventKinds
	Source   string
	Type     string // the platform's own word
	At       time.Time
	Received time.Time
	Merchant string
	Account  string
	Friend   string
	From     string // SpokeAccount or SpokeCustomer; "" when nobody knows who spoke
	Content  string
	Task     string // the platform's number of a task; "" for none
	Done     *bool  // how the task ended, where the event says so
	Text     string // why it failed
	Values   json.RawMessage
}

// Who spoke.
const (
	SpokeAccount  = "account"
	SpokeCustomer = "customer"
)

// Kinds of events that the engine itself does something about.
const (
	eventChat        = "chat"
	eventReceived    = "message.received"
	eventSent        = "message.sent"
	eventTaskResult  = "task.result"
	eventDeviceFault = "device.fault"
	eventNewOwner    = "fan.owner_changed"
)

// EventSource has what the platform has pushed, and what is to be settled by it; a ledger does.
type EventSource interface {
	// EventsAfter returns up to so many events behind a sequence number, in their order.
	EventsAfter(ctx context.Context, sequence int64, most int) ([]Event, error)
	// EventsOf returns the events that name a friend and were received since then, oldest first, up to so many.
	EventsOf(ctx context.Context, friend string, since time.Time, most int) ([]Event, error)
	// Heard streams the events of a kind in a conversation that were received since then, oldest first, all of them. Events
	// that name the friend and no account belong to each of the friend's conversations.
	Heard(ctx context.Context, kind, account, friend string, since time.Time) iter.Seq2[Event, error]
	// EventsOfTask returns the events that name a task and were received since then, oldest first, up to so many.
	EventsOfTask(ctx context.Context, task string, since time.Time, most int) ([]Event, error)
	// Listening returns held items that a friend's events wake (Listen), behind an id, by id, up to so many. It looks at
	// no others.
	Listening(ctx context.Context, friend string, after int64, most int) ([]Item, error)
	// EventCursor is the number that SetEventCursor wrote last; known is false before that. Newest is that of the newest
	// event, 0 when there is none.
	EventCursor(ctx context.Context) (cursor int64, known bool, newest int64, err error)
	// UnknownCalls returns calls whose outcome is unknown and that began since then, oldest first, up to so many.
	UnknownCalls(ctx context.Context, since time.Time, most int) ([]Call, error)
	// CallsTo returns the message calls to a conversation that began in between, whatever became of them.
	CallsTo(ctx context.Context, account, friend string, from, to time.Time) ([]Call, error)
}

// Names is the event as expressions see it.
func (e Event) Names() map[string]any {
	var values any
	if len(e.Values) > 0 && json.Unmarshal(e.Values, &values) != nil {
		values = string(e.Values) // it is no JSON: as it came
	}
	return map[string]any{
		"id": e.ID, "kind": e.Kind, "source": e.Source, "type": e.Type, "at": e.At, "received_at": e.Received,
		"merchant": e.Merchant, "account": e.Account, "friend": e.Friend, "from": e.From, "content": e.Content,
		"task": e.Task, "values": values,
	}
}

// eventOf is the event that a run was started by; one with nothing in it when none did.
func eventOf(run Run) map[string]any {
	names := Event{}.Names()
	for name, value := range run.Event {
		if text, ok := value.(string); ok && (name == "at" || name == "received_at") {
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				value = at
			}
		}
		names[name] = value
	}
	return names
}
