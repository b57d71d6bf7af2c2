package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"youmiflow/workflows"
)

// codeStopped is that of what is left out since an event of the customer asked for it. Unlike the other reasons it leaves
// an item succeeded to which a message was sent: that is what the campaign was for.
const codeStopped = "stopped"

// stoppedBy says whether an event of the conversation leaves out the rest of the item. It asks what is durable, so that
// nothing leaves once an event is kept, whichever process keeps it and whenever that was since the run began.
func (s *scope) stoppedBy(ctx context.Context, request Request) (*leftOut, error) {
	stop := s.turn.stops
	if stop == nil || s.engine.Events == nil || request.Friend == "" || s.active.run.Test != nil || !windowed(request) {
		return nil, nil
	}
	sent := sync.OnceValues(func() ([]Call, error) { return s.messages(ctx) })
	for event, err := range s.engine.Events.Heard(ctx, stop.Event, request.Account, request.Friend, s.active.began()) {
		if err != nil {
			return nil, err
		}
		meant, err := s.means(ctx, stop, event, sent)
		if err != nil {
			return nil, err
		}
		if meant {
			return &leftOut{codeStopped, reasonStopped(event)}, nil
		}
	}
	return nil, nil
}

// means reports whether an event is one that stops the item. What the item has sent itself never does; what somebody else
// sent does when a condition asks for it. Sent gives what the item has sent.
func (s *scope) means(ctx context.Context, stop *workflows.StopWhen, event Event, sent func() ([]Call, error)) (bool, error) {
	if event.From != SpokeCustomer && spoken(event.Kind) {
		if event.From == SpokeAccount && stop.If == nil {
			return false, nil
		}
		calls, err := sent()
		if err != nil {
			return false, fmt.Errorf("reading what the item has sent: %w", err)
		}
		if slices.ContainsFunc(calls, func(call Call) bool { return echoes(event, call) }) {
			return false, nil
		}
	}
	if stop.If == nil {
		return true, nil
	}
	names := make(map[string]any, len(s.names)+1)
	for name, value := range s.names {
		names[name] = value
	}
	names["event"] = event.Names()
	value, err := stop.If.Eval(names)
	if err != nil {
		// Nobody knows whether the customer wants to be left alone: they are.
		s.engine.Logger.WarnContext(ctx, "the condition of stop_when cannot be evaluated; the item is stopped", "run", s.item.Run,
			"item", s.item.Key, "event", event.ID, "error", s.engine.redactor.Error(err))
		return true, nil
	}
	yes, _ := value.(bool)
	return yes, nil
}

// spoken reports whether events of a kind are of something that one side said.
func spoken(kind string) bool {
	return kind == eventChat || kind == eventSent || kind == eventReceived
}

// messages are the calls by which the item has sent messages, or may have.
func (s *scope) messages(ctx context.Context) ([]Call, error) {
	var sent []Call
	for call, err := range s.engine.Ledger.Calls(ctx, CallFilter{Run: s.item.Run, Item: s.item.ID}) {
		if err != nil {
			return nil, err
		}
		if call.Effect == workflows.EffectMessage {
			sent = append(sent, call)
		}
	}
	return sent, nil
}

// echoes reports whether an event is the echo of a message.
func echoes(event Event, call Call) bool {
	return call.Friend == event.Friend && (event.Task != "" && event.Task == call.TaskID || event.Content == "" || says(call.Request, event.Content))
}

// says reports whether a request holds a text, as the whole of one of its values.
func says(request json.RawMessage, text string) bool {
	var body any
	return json.Unmarshal(request, &body) == nil && holdsText(body, text)
}

func holdsText(value any, text string) bool {
	switch value := value.(type) {
	case string:
		return value == text
	case []any:
		for _, one := range value {
			if holdsText(one, text) {
				return true
			}
		}
	case map[string]any:
		for _, one := range value {
			if holdsText(one, text) {
				return true
			}
		}
	}
	return false
}

func reasonStopped(event Event) string {
	switch {
	case spoken(event.Kind) && event.From == SpokeAccount:
		return "somebody else has written in the chat"
	case spoken(event.Kind):
		return "the customer answered"
	case event.Kind == eventNewOwner:
		return "the customer has another owner"
	}
	return fmt.Sprintf("an event %s came", event.Kind)
}

// began is when the run was begun; before that, when it was added.
func (a *activeRun) began() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.run.StartedAt.IsZero() {
		return a.run.CreatedAt
	}
	return a.run.StartedAt
}
