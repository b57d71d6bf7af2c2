package engine

import (
	"context"
	"errors"
	"slices"

	"youmiflow/workflows"
)

// ErrFull says that a trigger has as many runs that are not over as it may have.
var ErrFull = errors.New("the trigger has as many runs as it may have")

// Backlog names an event trigger of a workflow whose events wait.
type Backlog struct {
	Workflow, Trigger string // its name, and the trigger's key (workflows.Trigger.Key)
	Sandbox           bool   // of rehearsals
}

// Room is what the runs of a trigger take from.
type Room struct {
	Backlog
	// Others are the keys of the workflow's other triggers. Runs of a trigger that it no longer has take from the room of
	// each: one whose text was changed does not get as many runs again.
	Others []string
}

// Backlogs keeps which events wait for their trigger to have room; a ledger does. It is changed by AddWaiting and
// DropWaiting.
type Backlogs interface {
	// Backlogs returns the triggers that have events waiting. Its cost does not depend on how many wait.
	Backlogs(ctx context.Context) ([]Backlog, error)
	// WaitingEvents returns the sequence numbers of a trigger's waiting events, oldest first, up to so many.
	WaitingEvents(ctx context.Context, of Backlog, most int) ([]int64, error)
	// Unfinished counts the runs that are not over and take from a room (RequireRoom).
	Unfinished(ctx context.Context, room Room) (int, error)
}

// Changes of what waits.
type (
	// RequireRoom has the entry refused with ErrFull while Most runs that are not over take from the room. Else the run that
	// the entry adds counts among them.
	RequireRoom struct {
		Room
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
func roomFor(room Room, trigger *workflows.Trigger, run string) []Change {
	if trigger.Overlap != workflows.OverlapAllow && trigger.Overlap != workflows.OverlapQueue {
		return nil
	}
	return []Change{RequireRoom{Room: room, Run: run, Most: mostRuns(trigger)}}
}

// roomOf is that of a trigger of a workflow.
func (s *Scheduler) roomOf(planned Planned, trigger *workflows.Trigger) Room {
	room := Room{Backlog: s.backlogOf(planned, trigger)}
	for _, other := range planned.Workflow.Triggers {
		if other.Key != "" && other.Key != trigger.Key {
			room.Others = append(room.Others, other.Key)
		}
	}
	return room
}

func (s *Scheduler) backlogOf(planned Planned, trigger *workflows.Trigger) Backlog {
	return Backlog{planned.Name, trigger.Key, s.Sandbox}
}

func mostRuns(trigger *workflows.Trigger) int {
	if trigger.MaxRuns > 0 {
		return trigger.MaxRuns
	}
	return workflows.DefaultMaxRuns
}

// Behind reports whether events wait that could start runs once there is room for them, as of the last look. Those of a
// trigger that is paused, of a broken file, or of a process that rehearses where this one does not, could not.
func (w *EventWork) Behind() bool {
	for of := range w.behind {
		if at := w.find(of); at.known && !at.paused {
			return true
		}
	}
	return false
}

// findBehind reads which triggers have events waiting.
func (w *EventWork) findBehind(ctx context.Context) (list []Backlog, err error) {
	w.behind, w.queue = map[Backlog]bool{}, nil
	if w.Backlogs == nil {
		return nil, nil
	}
	if list, err = w.Backlogs.Backlogs(ctx); err != nil {
		return nil, err
	}
	for _, of := range list {
		w.behind[of] = true
	}
	return list, nil
}

// place is where a backlog belongs in the folder, as it is now.
type place struct {
	known   bool // false while the file of its workflow has no good version, and where it is another process's
	paused  bool
	planned Planned            // Workflow is nil where the folder has it no longer
	trigger *workflows.Trigger // nil where the workflow has it no longer, or it says something else now
}

func (w *EventWork) find(of Backlog) place {
	if w.Scheduler == nil || of.Sandbox != w.Scheduler.Sandbox {
		return place{}
	}
	_, list := w.Scheduler.Planner.Planned()
	i := slices.IndexFunc(list, func(planned Planned) bool { return planned.Name == of.Workflow })
	if i < 0 {
		return place{known: len(list) > 0, planned: Planned{Name: of.Workflow}}
	}
	at := place{known: list[i].Workflow != nil, planned: list[i]}
	if !at.known {
		return at
	}
	for _, trigger := range at.planned.Workflow.Triggers {
		if trigger.Key == of.Trigger {
			at.trigger, at.paused = trigger, w.Scheduler.Paused(of.Workflow, trigger.Name)
		}
	}
	return at
}
