package engine

import (
	"context"
	"errors"
	"fmt"
)

// sortBatch is how many events of a trigger that is gone are looked at before what becomes of them is kept.
const sortBatch = 500

// drain starts runs for events that wait, as far as their triggers have room. What goes wrong with those of one trigger
// does not keep the others.
func (w *EventWork) drain(ctx context.Context) error {
	if w.Scheduler == nil || w.Backlogs == nil {
		return nil
	}
	list, err := w.findBehind(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, of := range list { // first, so that they are in their order behind the trigger that is meant for them now
		if at := w.find(of); at.known && at.trigger == nil {
			errs = append(errs, w.wrong(of, w.sortAnew(ctx, at, of)))
		}
	}
	for _, of := range list {
		if at := w.find(of); at.known && at.trigger != nil && !at.paused {
			errs = append(errs, w.wrong(of, w.drainOne(ctx, at, of)))
		}
	}
	return errors.Join(errs...)
}

func (w *EventWork) wrong(of Backlog, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("starting runs of workflow %s for events that wait: %w", of.Workflow, err)
}

func (w *EventWork) drainOne(ctx context.Context, at place, of Backlog) error {
	most, room := mostRuns(at.trigger), w.Scheduler.roomOf(at.planned, at.trigger)
	for ctx.Err() == nil {
		open, err := w.Backlogs.Unfinished(ctx, room)
		if err != nil || open >= most {
			return err
		}
		waiting, err := w.Backlogs.WaitingEvents(ctx, of, most-open)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if more, err := w.workOff(ctx, at, of, waiting); err != nil || !more {
			return err
		}
	}
	return nil
}

// sortAnew asks of events whose trigger is gone, or says something else now, which one is meant for them as the file is.
// They wait for that one, or no longer.
func (w *EventWork) sortAnew(ctx context.Context, at place, of Backlog) error {
	if at.planned.Workflow == nil {
		w.Engine.Logger.WarnContext(ctx, "a workflow is gone; the events that waited for it start no runs", "workflow", of.Workflow)
		return w.Engine.commit(ctx, DropWaiting{Backlog: of}, w.forgotten(of, "the workflow is gone"))
	}
	for ctx.Err() == nil {
		waiting, err := w.Backlogs.WaitingEvents(ctx, of, sortBatch)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if _, err := w.workOff(ctx, at, of, waiting); err != nil {
			return err
		}
	}
	return nil
}

// workOff does what there is to do for some events that wait, and reports whether more of them may follow.
func (w *EventWork) workOff(ctx context.Context, at place, of Backlog, waiting []int64) (more bool, err error) {
	w.queue = nil
	dropped, more := 0, true
	for _, sequence := range waiting {
		var came fate
		if came, err = w.late(ctx, at, of, sequence); err != nil {
			break
		}
		if came == passed {
			w.queue = append(w.queue, DropWaiting{of, sequence})
			dropped++
		}
		if more = came != stays; !more {
			break
		}
	}
	if dropped > 0 && at.trigger == nil {
		w.queue = append(w.queue, w.forgotten(of, fmt.Sprintf("%d, whose trigger is gone or says something else now", dropped)))
	}
	if len(w.queue) == 0 {
		return more, err
	}
	return more, errors.Join(err, w.Engine.commit(ctx, w.queue...))
}

// late does for an event that has waited what is done for one that has only now come.
func (w *EventWork) late(ctx context.Context, at place, of Backlog, sequence int64) (fate, error) {
	list, err := w.Engine.Events.EventsAfter(ctx, sequence-1, 1)
	if err != nil {
		return passed, err
	}
	if len(list) == 0 || list[0].Sequence != sequence {
		w.Engine.Logger.WarnContext(ctx, "an event has waited for longer than events are kept; no run is started", "workflow", of.Workflow)
		return passed, nil
	}
	event := list[0]
	if w.fromBefore(ctx, event) {
		return passed, nil
	}
	came, err := w.fire(ctx, at.planned, event, &of)
	if err != nil {
		return came, fmt.Errorf("event %s: %w", event.ID, err)
	}
	if came == passed {
		w.Engine.Logger.InfoContext(ctx, "an event that has waited starts no run", "workflow", of.Workflow, "event", event.ID)
	}
	return came, nil
}

// forgotten has the audit say that events wait no longer.
func (w *EventWork) forgotten(of Backlog, note string) AddAudit {
	return AddAudit{At: w.Engine.Now(), Who: byEvent, Action: "forget waiting events", On: "workflow " + of.Workflow, Note: note}
}
