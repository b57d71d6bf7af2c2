package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrNotUnknown says that there is nothing to settle: the outcome of the call is known, or its item still goes on.
var ErrNotUnknown = errors.New("there is nothing to settle")

// Codes of calls that were settled.
const (
	codeSettled = "settled"  // the message was sent
	codeNotSent = "not-sent" // it was not
)

// The bounds within which something that is told of a message can be about a call. They are chosen: no page says how late
// the platform tells.
const (
	echoEarly    = 5 * time.Second  // clocks differ
	echoLate     = 10 * time.Minute // a queue on the platform's side
	settleWithin = 24 * time.Hour   // how long events are waited for
	settleBatch  = 1000
	mostHeard    = 1000 // events that are looked at of one customer, or of one task
)

// Verdict is what became of an unknown call.
type Verdict struct {
	Sent bool
	Task string // its task, where that is known
	Note string // how it is known
}

// settle looks whether events say what became of unknown calls. A message is delivered before its call fails as often as
// after, so that the calls are asked about, and not each event when it comes.
func (w *EventWork) settle(ctx context.Context) error {
	since := w.Engine.Now().Add(-settleWithin)
	if w.settleFrom.After(since) {
		since = w.settleFrom
	}
	calls, err := w.Engine.Events.UnknownCalls(ctx, since, settleBatch)
	if err != nil {
		return err
	}
	w.settleFrom = time.Time{}
	if len(calls) == settleBatch {
		w.settleFrom = calls[len(calls)-1].StartedAt
	}
	for _, call := range calls {
		verdict, err := w.Engine.eventVerdict(ctx, call)
		if err == nil && verdict != nil {
			err = w.Engine.SettleCall(ctx, call, *verdict, byEvent)
		}
		if err != nil && !errors.Is(err, ErrNotUnknown) {
			return fmt.Errorf("settling %s of item %d of run %s: %w", call.Step, call.Item, call.Run, err)
		}
	}
	return nil
}

// eventVerdict is what events say of an unknown call; nil when they say nothing that is certain.
func (e *Engine) eventVerdict(ctx context.Context, call Call) (*Verdict, error) {
	heard, err := e.Events.EventsOf(ctx, call.Friend, call.StartedAt.Add(-echoEarly), mostHeard)
	if err != nil {
		return nil, err
	}
	for _, event := range heard {
		if event.From != SpokeAccount || event.Account != call.Account || event.Received.After(call.StartedAt.Add(echoLate)) {
			continue
		}
		only, err := e.onlyCall(ctx, call, event.Content, event.At)
		if err != nil {
			return nil, err
		}
		if !only {
			continue
		}
		if verdict, err := e.taskVerdict(ctx, call, event.Task, heard); verdict != nil || err != nil {
			return verdict, err
		}
		return &Verdict{Sent: true, Task: event.Task, Note: "the chat shows it (event " + event.ID + ")"}, nil
	}
	return e.taskVerdict(ctx, call, call.TaskID, heard)
}

// taskVerdict is what the latest result of a call's task says; nil when none has come. A result need not name the customer:
// it is found by its task too.
func (e *Engine) taskVerdict(ctx context.Context, call Call, task string, heard []Event) (*Verdict, error) {
	if task == "" {
		return nil, nil
	}
	found, err := e.Events.EventsOfTask(ctx, task, call.StartedAt.Add(-echoEarly), mostHeard)
	if err != nil {
		return nil, err
	}
	var verdict *Verdict
	for _, event := range slices.Concat(heard, found) {
		if event.Kind != eventTaskResult || event.Task != task || event.Done == nil ||
			event.Account != "" && event.Account != call.Account || event.Friend != "" && event.Friend != call.Friend {
			continue
		}
		verdict = &Verdict{Sent: *event.Done, Task: task, Note: "the result of its task (event " + event.ID + ")"}
		if !verdict.Sent && event.Text != "" {
			verdict.Note += ": " + event.Text
		}
	}
	return verdict, nil
}

// onlyCall reports whether a text that the chat shows at a time can be the message of this call, and of no other: two calls
// with the same text cannot be told apart, nor can one of several messages speak for the others.
func (e *Engine) onlyCall(ctx context.Context, call Call, text string, at time.Time) (bool, error) {
	if text == "" || !says(call.Request, text) || several(call.Request) ||
		at.Before(call.StartedAt.Add(-echoEarly)) || at.After(call.StartedAt.Add(echoLate)) {
		return false, nil
	}
	others, err := e.Events.CallsTo(ctx, call.Account, call.Friend, at.Add(-echoLate-echoEarly), at.Add(echoLate))
	if err != nil {
		return false, err
	}
	for _, other := range others {
		if other.CallKey != call.CallKey && says(other.Request, text) && other.State != CallFailed {
			return false, nil
		}
	}
	return true, nil
}

// several reports whether a request holds more than one message: a list of objects.
func several(request json.RawMessage) bool {
	var body map[string]any
	if json.Unmarshal(request, &body) != nil {
		return true
	}
	for _, value := range body {
		if list, ok := value.([]any); ok && len(list) > 1 {
			return true
		}
	}
	return false
}

// RequireUnknown has an entry refused with ErrNotUnknown unless the item, and each of these calls of it, is unknown: two who
// settle the same at once do not both do it.
type RequireUnknown struct {
	Run, Step string // of the item
	ID        int64
	Calls     []CallKey
}

func (RequireUnknown) change() {}

// SettleCall keeps what became of an unknown call, and with it of its item, once none of its calls is unknown any more.
// An audit row says who found out. ErrNotUnknown when the item still goes on, or is settled.
func (e *Engine) SettleCall(ctx context.Context, call Call, verdict Verdict, who string) error {
	item, err := e.itemOf(ctx, call)
	if err != nil {
		return err
	}
	if item.Status != StatusUnknown {
		return ErrNotUnknown
	}
	all, err := e.callsOf(ctx, item)
	if err != nil {
		return err
	}
	changes, err := e.settled(item, all, []Call{call}, verdict)
	if err != nil {
		return err
	}
	if err := e.commit(ctx, append(changes, settleAudit(e.Now(), item, call.Step, verdict, who))...); err != nil {
		return fmt.Errorf("keeping what became of it: %w", err)
	}
	return e.settledRun(ctx, call.Run)
}

// settleAudit says who found out what became of a message.
func settleAudit(at time.Time, item Item, step string, verdict Verdict, who string) AddAudit {
	on := fmt.Sprintf("run %s item %s", item.Run, item.Key)
	if step != "" {
		on += " step " + step
	}
	return AddAudit{At: at, Who: who, Action: "settle", On: on, Note: verdict.word() + ": " + verdict.Note}
}

// word is what a verdict comes to.
func (v Verdict) word() string {
	if v.Sent {
		return "sent"
	}
	return "not sent"
}

// callsOf are the calls of an item.
func (e *Engine) callsOf(ctx context.Context, item Item) (calls []Call, err error) {
	for call, err := range e.Ledger.Calls(ctx, CallFilter{Item: item.ID}) {
		if err != nil {
			return nil, fmt.Errorf("reading the calls of item %q: %w", item.Key, err)
		}
		calls = append(calls, call)
	}
	return calls, nil
}

// settled are the changes by which unknown calls of an item, of all that it has, are settled, and with them the item; without
// calls it is one of which none is known: what it was sent after a backup was made.
func (e *Engine) settled(item Item, all, calls []Call, verdict Verdict) ([]Change, error) {
	required := RequireUnknown{Run: item.Run, Step: item.Step, ID: item.ID}
	changes := []Change{}
	for _, call := range calls {
		required.Calls = append(required.Calls, call.CallKey)
		change := SetCall{CallKey: call.CallKey, Run: call.Run, State: CallSucceeded, Code: codeSettled, Message: verdict.Note,
			RequestID: call.RequestID, TaskID: call.TaskID, FinishedAt: e.Now()}
		if verdict.Task != "" {
			change.TaskID = verdict.Task
		}
		if !verdict.Sent {
			change.State, change.Code = CallFailed, codeNotSent
		}
		changes = append(changes, change)
	}
	end, err := settledItem(item, all, required.Calls, verdict)
	return append([]Change{required}, append(changes, end)...), err
}

func (e *Engine) itemOf(ctx context.Context, call Call) (Item, error) {
	for item, err := range e.Ledger.Items(ctx, ItemFilter{Run: call.Run, AfterID: call.Item - 1, Limit: 1, Root: true}) {
		if err != nil || item.ID == call.Item {
			return item, err
		}
	}
	return Item{}, fmt.Errorf("item %d of run %s: %w", call.Item, call.Run, ErrNotFound)
}

// settledItem is how the item ends once these calls are settled.
func settledItem(item Item, all []Call, calls []CallKey, verdict Verdict) (Change, error) {
	to, reason := StatusSucceeded, fmt.Sprintf("settled as %s; what was to follow was left out", verdict.word())
	if !verdict.Sent {
		to, reason = StatusFailed, (&Failure{Code: codeNotSent, Message: "settled as not sent: " + verdict.Note}).text()
	}
	for _, other := range all {
		switch {
		case slices.Contains(calls, other.CallKey):
		case other.State == CallUnknown:
			to, reason = StatusUnknown, item.Reason
		case other.State == CallFailed && other.Code == codeNotSent && to == StatusSucceeded:
			to, reason = StatusFailed, (&Failure{Code: codeNotSent, Message: "one of its messages was settled as not sent"}).text()
		}
	}
	progress, err := settledProgress(item.Progress, calls, verdict)
	return SetItem{ID: item.ID, Run: item.Run, Step: item.Step, From: StatusUnknown, To: to, Reason: reason, Progress: progress}, err
}

// settledProgress is what is kept of the steps of an item; nil where nothing is.
func settledProgress(progress json.RawMessage, calls []CallKey, verdict Verdict) (json.RawMessage, error) {
	results := map[string]*result{}
	if len(progress) > 0 && len(calls) > 0 {
		if err := decodeProgress(progress, &results); err != nil {
			return nil, fmt.Errorf("reading the item's progress: %w", err)
		}
	}
	if len(results) == 0 {
		return nil, nil
	}
	for _, call := range calls {
		r := results[call.Step]
		if r == nil {
			continue
		}
		r.Status, r.Error = StatusSucceeded, nil
		if !verdict.Sent {
			r.Status, r.Error, r.Sent = StatusFailed, &Failure{Code: codeNotSent, Message: verdict.Note}, false
		}
	}
	text, err := json.Marshal(results)
	if err != nil {
		return nil, fmt.Errorf("writing the item's progress: %w", err)
	}
	return text, nil
}

// settledRun has a run that ended as partial succeed once nothing of it is failed or unknown any more.
func (e *Engine) settledRun(ctx context.Context, id string) error {
	run, err := e.Ledger.Run(ctx, id)
	if err != nil || run.Status != StatusPartial || run.Counts[StatusFailed]+run.Counts[StatusUnknown] > 0 {
		return err
	}
	succeeded := StatusSucceeded
	return e.commit(ctx, SetRun{ID: id, Status: &succeeded})
}
