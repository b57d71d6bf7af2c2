package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"youmiflow/workflows"
)

// fate is what became of an event, as far as one workflow goes.
type fate int

const (
	passed  fate = iota // it starts no run
	started             // it has its run
	waits               // from now on
	stays               // where it waits already
)

// fire starts the run of the first trigger of a workflow that an event is meant for: one event, one run. From is where the
// event has waited; nil when it has only now come. Either way the same is asked, of the triggers as they are now: what one
// that has waited was meant for then says nothing.
func (w *EventWork) fire(ctx context.Context, planned Planned, event Event, from *Backlog) (fate, error) {
	var names map[string]any
	for _, trigger := range w.candidates(planned, from) {
		if trigger.Event == "" || trigger.Event != event.Kind {
			continue
		}
		if names == nil {
			names = event.Names()
		}
		if !w.meant(ctx, planned, trigger, event, names) {
			continue
		}
		came, err := w.offer(ctx, planned, trigger, event, names, from)
		if err != nil {
			return came, fmt.Errorf("starting workflow %s: %w", planned.Name, err)
		}
		if came != passed {
			return came, nil
		}
	}
	return passed, nil
}

// candidates are the triggers that may start the run of an event: for one that waits for one of them, that and the next.
func (w *EventWork) candidates(planned Planned, from *Backlog) []*workflows.Trigger {
	list := planned.Workflow.Triggers
	if from == nil {
		return list
	}
	return list[max(0, slices.IndexFunc(list, func(trigger *workflows.Trigger) bool { return trigger.Key == from.Trigger })):]
}

// offer has a trigger start the run of an event that is meant for it, or the event wait for it.
func (w *EventWork) offer(ctx context.Context, planned Planned, trigger *workflows.Trigger, event Event, names map[string]any, from *Backlog) (fate, error) {
	of := w.Scheduler.backlogOf(planned, trigger)
	paused := w.Scheduler.Paused(planned.Name, trigger.Name)
	var with []Change
	switch {
	case from == nil && w.behind[of] && !paused: // it does not overtake those that wait
		return w.await(of, event, nil), nil
	case from != nil && *from != of: // behind those that came before it
		return w.await(of, event, from), nil
	case from != nil:
		with = []Change{DropWaiting{of, event.Sequence}}
	}
	run, why, err := w.Scheduler.FireEvent(ctx, planned, trigger, event.ID, names, with...)
	switch {
	case errors.Is(err, ErrFull) && w.Backlogs != nil, why == whyPaused && from != nil:
		return w.await(of, event, from), nil
	case err != nil && from == nil && w.Backlogs != nil && ctx.Err() == nil: // those of others do not wait for it
		w.faults = append(w.faults, fmt.Errorf("event %s: starting workflow %s: %w", event.ID, planned.Name, err))
		return w.await(of, event, nil), nil
	case err != nil:
		return passed, err
	case why != "":
		w.Engine.Logger.InfoContext(ctx, "an event started no run", "workflow", planned.Name, "event", event.ID, "reason", why)
		return passed, nil // another trigger may be meant for it too
	}
	w.Engine.Logger.InfoContext(ctx, "an event started a run", "workflow", planned.Name, "event", event.ID, "run", run.ID)
	return started, nil
}

// await has an event wait for a trigger, and no longer where it has waited. It is kept with what else becomes of the
// events that are looked at.
func (w *EventWork) await(of Backlog, event Event, from *Backlog) fate {
	if from != nil && *from == of {
		return stays
	}
	if from != nil {
		w.queue = append(w.queue, DropWaiting{*from, event.Sequence})
	}
	w.behind[of] = true
	w.queue = append(w.queue, AddWaiting{of, event.Sequence})
	return waits
}

// meant asks the condition of a trigger.
func (w *EventWork) meant(ctx context.Context, planned Planned, trigger *workflows.Trigger, event Event, names map[string]any) bool {
	if trigger.If == nil {
		return true
	}
	value, err := trigger.If.Eval(map[string]any{"event": names})
	if err != nil {
		w.Engine.Logger.WarnContext(ctx, "the condition of a trigger cannot be evaluated for an event; no run is started",
			"workflow", planned.Name, "trigger", trigger.Name, "event", event.ID, "error", w.Engine.redactor.Error(err))
	}
	yes, _ := value.(bool)
	return yes
}

// fromBefore reports whether an event is from before a backup was accepted, so that it may have had its run. One that does
// not say when it happened is from when it was received.
func (w *EventWork) fromBefore(ctx context.Context, event Event) bool {
	at := event.At
	if at.IsZero() {
		at = event.Received
	}
	if w.Scheduler.Since.IsZero() || at.After(w.Scheduler.Since) {
		return false
	}
	w.Engine.Logger.WarnContext(ctx, "an event starts no run: it is from before a backup was restored, which does not know whether it was acted on",
		"event", event.ID, "at", at)
	return true
}
