package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EventWorkConfig is what is needed to act on events. Fields without a stated default are required.
type EventWorkConfig struct {
	Engine *Engine // its Events, Now, Timer and Logger are used
	// Scheduler starts the runs of event triggers. Default: none are started.
	Scheduler *Scheduler
	// Connections are the names of those whose accounts a device fault holds: an event does not say which it is of.
	Connections []string
	// Poll is how often it looks for events that it was not told of. Default 1s.
	Poll time.Duration
	// SettleEvery is how often it looks whether events say what became of unknown calls. Default 5s.
	SettleEvery time.Duration
	// Backlogs keeps the events whose trigger has as many runs as it may have, or whose run could not be started. Default:
	// nobody does, and none that came behind such an event is acted on before it has its run.
	Backlogs Backlogs
}

// EventWork does what follows from events: it starts runs, holds accounts whose device is out of order, and settles calls
// whose outcome is unknown. Where it is stands in the ledger, so that a restart neither forgets an event nor counts one
// twice.
type EventWork struct {
	EventWorkConfig
	poke       chan struct{}
	settleFrom time.Time // of more unknown calls than are looked at in one go: where to go on
	settleAt   time.Time
	behind     map[Backlog]bool // triggers that have events waiting
	queue      []Change         // what becomes of the events that are looked at, besides runs
	faults     []error          // of the batch: events that wait since their run could not be started
}

// NewEventWork returns it. It does nothing before Run.
func NewEventWork(config EventWorkConfig) *EventWork {
	if config.Poll == 0 {
		config.Poll = time.Second
	}
	if config.SettleEvery == 0 {
		config.SettleEvery = 5 * time.Second
	}
	return &EventWork{EventWorkConfig: config, poke: make(chan struct{}, 1)}
}

// Poke says that an event was kept.
func (w *EventWork) Poke() {
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// Run works until ctx ends. What goes wrong is logged and tried again.
func (w *EventWork) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := w.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			w.Engine.Logger.ErrorContext(ctx, "acting on events; trying again", "error", err)
		}
		failing = err != nil
		poke := w.poke
		if failing {
			poke = nil // a flood must not turn a fault into a busy loop
		}
		fired, stop := w.Engine.Timer(w.rest(failing))
		select {
		case <-fired:
		case <-poke:
		case <-ctx.Done():
		}
		stop()
	}
	return nil
}

// backlogPoll is how often it looks whether there is room for events that wait.
const backlogPoll = 200 * time.Millisecond

// rest is how long it does nothing unless it is told of an event.
func (w *EventWork) rest(failing bool) time.Duration {
	if !failing && w.Behind() {
		return min(w.Poll, backlogPoll)
	}
	return w.Poll
}

// eventBatch is how many events are acted on before that is noted.
const eventBatch = 100

// look does what there is to do. What goes wrong with one kind of work does not keep the others.
func (w *EventWork) look(ctx context.Context) error {
	errs := []error{w.drain(ctx), w.batches(ctx)}
	if now := w.Engine.Now(); !now.Before(w.settleAt) {
		w.settleAt = now.Add(w.SettleEvery)
		errs = append(errs, w.settle(ctx))
	}
	return errors.Join(errs...)
}

func (w *EventWork) batches(ctx context.Context) error {
	for ctx.Err() == nil {
		if n, err := w.batch(ctx); err != nil || n < eventBatch {
			return err
		}
	}
	return nil
}

// batch acts on the next events and notes how far it came, also where one of them fails.
func (w *EventWork) batch(ctx context.Context) (n int, err error) {
	cursor, _, _, err := w.Engine.Events.EventCursor(ctx)
	if err != nil {
		return 0, err
	}
	w.faults = nil
	if _, err := w.findBehind(ctx); err != nil {
		return 0, err
	}
	list, err := w.Engine.Events.EventsAfter(ctx, cursor, eventBatch)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for _, event := range list {
		if err = w.act(ctx, event); err != nil {
			err = fmt.Errorf("event %s: %w", event.ID, err)
			break
		}
		cursor = event.Sequence
		n++
	}
	if n == 0 {
		return 0, err
	}
	if noting := w.Engine.commit(ctx, append(w.queue, SetEventCursor{cursor})...); noting != nil {
		return n, fmt.Errorf("noting which events were looked at: %w", noting)
	}
	return n, errors.Join(append(w.faults, err)...)
}

func (w *EventWork) act(ctx context.Context, event Event) error {
	if event.Kind == eventDeviceFault && event.Account != "" {
		if err := w.hold(ctx, event); err != nil {
			return err
		}
	}
	if err := w.Engine.tell(ctx, event); err != nil {
		return err
	}
	if w.Scheduler == nil {
		return nil
	}
	if w.fromBefore(ctx, event) {
		return nil
	}
	_, list := w.Scheduler.Planner.Planned()
	for _, planned := range list {
		if planned.Workflow == nil {
			continue
		}
		if _, err := w.fire(ctx, planned, event, nil); err != nil {
			return err
		}
	}
	return nil
}

// hold holds the account of a device that is out of order, for as long as one that fails by itself. No event is known that
// says that it works again.
func (w *EventWork) hold(ctx context.Context, event Event) error {
	until := event.Received.Add(w.Engine.TripFor)
	if !until.After(w.Engine.Now()) {
		return nil
	}
	if err := w.Engine.refreshAccounts(ctx); err != nil {
		return err
	}
	reason := "the platform has reported a fault of its device"
	if event.Text != "" {
		reason += ": " + event.Text
	}
	for _, connection := range w.Connections {
		if w.Scheduler != nil && w.Scheduler.Sandbox {
			connection = SandboxAccounts(connection)
		}
		held, is := w.Engine.accounts.get(accountKey{connection, event.Account})
		if is && (held.Until.IsZero() || !held.Until.Before(until)) {
			continue // for longer already
		}
		if err := w.Engine.TripAccount(ctx, connection, event.Account, until, reason, byEvent); err != nil {
			return err
		}
	}
	return nil
}

// byEvent is who did what an event caused, in the audit.
const byEvent = "event"
