package engine

import (
	"context"
	"errors"
	"fmt"

	"youmiflow/workflows"
)

// ErrFull says that a trigger has as many runs that are not over as it may have.
var ErrFull = errors.New("the trigger has as many runs as it may have")

// Backlog names an event trigger of a workflow whose events wait.
type Backlog struct {
	Workflow, Trigger string
	Sandbox           bool // of rehearsals
}

// Backlogs keeps which events wait for their trigger to have room; a ledger does. It is changed by AddWaiting and
// DropWaiting.
type Backlogs interface {
	// Backlogs returns the triggers that have events waiting. Its cost does not depend on how many wait.
	Backlogs(ctx context.Context) ([]Backlog, error)
	// WaitingEvents returns the sequence numbers of a trigger's waiting events, oldest first, up to so many.
	WaitingEvents(ctx context.Context, of Backlog, most int) ([]int64, error)
	// Unfinished counts the runs that a trigger has started (RequireRoom) and that are not over.
	Unfinished(ctx context.Context, of Backlog) (int, error)
}

// Changes of what waits.
type (
	// RequireRoom has the entry refused with ErrFull while the trigger has Most runs that are not over. Else the run that
	// the entry adds counts among them.
	RequireRoom struct {
		Backlog
		Run  string
		Most int
	}
	// AddWaiting has an event wait, behind the others of its trigger that came before it. One that waits already is left
	// alone.
	AddWaiting struct {
		Backlog
		Event int64 // its sequence number
	}
	// DropWaiting has an event wait no longer; with Event 0, none of the trigger's.
	DropWaiting struct {
		Backlog
		Event int64
	}
)

func (RequireRoom) change() {}
func (AddWaiting) change()  {}
func (DropWaiting) change() {}

// roomFor bounds the unfinished runs of an event's trigger, where another run does not keep it from starting one anyway.
func roomFor(of Backlog, trigger *workflows.Trigger, run string) []Change {
	if trigger.Overlap != workflows.OverlapAllow && trigger.Overlap != workflows.OverlapQueue {
		return nil
	}
	return []Change{RequireRoom{Backlog: of, Run: run, Most: mostRuns(trigger)}}
}

func mostRuns(trigger *workflows.Trigger) int {
	if trigger.MaxRuns > 0 {
		return trigger.MaxRuns
	}
	return workflows.DefaultMaxRuns
}

// await has an event wait. It is kept with how far the events were looked at.
func (w *EventWork) await(of Backlog, event Event) {
	w.behind[of] = true
	w.queue = append(w.queue, AddWaiting{of, event.Sequence})
}

// Behind reports whether events wait for a trigger, as of the last look.
func (w *EventWork) Behind() bool { return len(w.behind) > 0 }

// findBehind reads which triggers have events waiting.
func (w *EventWork) findBehind(ctx context.Context) error {
	w.behind, w.queue = map[Backlog]bool{}, nil
	if w.Backlogs == nil {
		return nil
	}
	list, err := w.Backlogs.Backlogs(ctx)
	if err != nil {
		return err
	}
	for _, of := range list {
		w.behind[of] = true
	}
	return nil
}

// drain starts runs for events that wait, as far as their triggers have room.
func (w *EventWork) drain(ctx context.Context) error {
	if w.Scheduler == nil || w.Backlogs == nil {
		return nil
	}
	list, err := w.Backlogs.Backlogs(ctx)
	if err != nil {
		return err
	}
	for _, of := range list {
		if of.Sandbox != w.Scheduler.Sandbox {
			continue
		}
		if err := w.drainOne(ctx, of); err != nil {
			return fmt.Errorf("starting runs of workflow %s for events that wait: %w", of.Workflow, err)
		}
	}
	return nil
}

func (w *EventWork) drainOne(ctx context.Context, of Backlog) error {
	planned, trigger, known := w.find(of)
	if !known || trigger != nil && w.Scheduler.Paused(of.Workflow, of.Trigger) {
		return nil
	}
	if trigger == nil {
		return w.forget(ctx, of)
	}
	for ctx.Err() == nil {
		open, err := w.Backlogs.Unfinished(ctx, of)
		if err != nil || open >= mostRuns(trigger) {
			return err
		}
		waiting, err := w.Backlogs.WaitingEvents(ctx, of, mostRuns(trigger)-open)
		if err != nil || len(waiting) == 0 {
			return err
		}
		for _, sequence := range waiting {
			if more, err := w.startLate(ctx, planned, trigger, of, sequence); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// find looks for a trigger in the folder. It is not known while the file of its workflow has no good version, and nil when
// it is gone.
func (w *EventWork) find(of Backlog) (planned Planned, trigger *workflows.Trigger, known bool) {
	_, list := w.Scheduler.Planner.Planned()
	for _, planned := range list {
		if planned.Name != of.Workflow {
			continue
		}
		if planned.Workflow == nil {
			return planned, nil, false
		}
		for _, trigger := range planned.Workflow.Triggers {
			if trigger.Name == of.Trigger && trigger.Event != "" {
				return planned, trigger, true
			}
		}
	}
	return planned, nil, len(list) > 0
}

// startLate starts the run of an event that has waited, and reports whether another may follow.
func (w *EventWork) startLate(ctx context.Context, planned Planned, trigger *workflows.Trigger, of Backlog, sequence int64) (bool, error) {
	list, err := w.Engine.Events.EventsAfter(ctx, sequence-1, 1)
	if err != nil {
		return false, err
	}
	done := DropWaiting{of, sequence}
	if len(list) == 0 || list[0].Sequence != sequence {
		w.Engine.Logger.WarnContext(ctx, "an event has waited for longer than events are kept; no run is started", "workflow", of.Workflow,
			"trigger", of.Trigger)
		return true, w.Engine.commit(ctx, done)
	}
	event := list[0]
	run, why, err := w.Scheduler.FireEvent(ctx, planned, trigger, event.ID, event.Names(), done)
	switch {
	case errors.Is(err, ErrFull) || why == whyPaused:
		return false, nil
	case err != nil:
		return false, err
	case why != "":
		w.Engine.Logger.InfoContext(ctx, "an event started no run", "workflow", of.Workflow, "event", event.ID, "reason", why)
		return true, w.Engine.commit(ctx, done)
	}
	w.Engine.Logger.InfoContext(ctx, "an event started a run", "workflow", of.Workflow, "event", event.ID, "run", run.ID)
	return true, nil
}

// forget has the events of a trigger that is gone wait no longer. The audit says so.
func (w *EventWork) forget(ctx context.Context, of Backlog) error {
	w.Engine.Logger.WarnContext(ctx, "a trigger is gone; the events that waited for it start no runs", "workflow", of.Workflow, "trigger", of.Trigger)
	return w.Engine.commit(ctx, DropWaiting{Backlog: of}, AddAudit{At: w.Engine.Now(), Who: byEvent, Action: "forget waiting events",
		On: fmt.Sprintf("workflow %s, trigger %s", of.Workflow, of.Trigger), Note: "the trigger is gone"})
}
