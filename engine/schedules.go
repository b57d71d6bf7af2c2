package engine

import (
	"context"
	"errors"
	"time"
)

// ErrBusy says that another run of the workflow goes on.
var ErrBusy = errors.New("another run of the workflow goes on")

// Schedules keeps what is known of triggers; a ledger does. It is changed by SetSchedule, PauseSchedule and DropSchedule.
type Schedules interface {
	// Schedules returns all rows by workflow and trigger, those of rehearsals last.
	Schedules(ctx context.Context) ([]Schedule, error)
	// ScheduleEdits is another number after every PauseSchedule. It is cheap enough to be asked every second.
	ScheduleEdits(ctx context.Context) (int64, error)
}

// Schedule is what the ledger knows of one trigger of a workflow; with Trigger "", of all of them: then only Paused counts.
type Schedule struct {
	Workflow, Trigger string
	Sandbox           bool // of rehearsals, which leave the real ones alone
	// Definition is what the trigger's instants follow from: when it changes, they are counted from then on.
	Definition string
	// ConsideredAt is the instant up to which every instant has had its chance; zero: none has.
	ConsideredAt time.Time
	NextAt       time.Time // zero: there is none
	Paused       bool
	FiredAt      time.Time // the last instant that became a run
	FiredRun     string
	LastAt       time.Time // the last instant that came to anything
	LastOutcome  FireOutcome
	LastReason   string
	// How many instants became runs, were skipped and were missed.
	Fired, Skipped, Missed int
}

// FireOutcome says what came of an instant.
type FireOutcome string

// The outcomes of fires.
const (
	Fired   FireOutcome = "fired"
	Skipped FireOutcome = "skipped" // by overlap, or since its params cannot be had
	Missed  FireOutcome = "missed"  // nobody was there in time
)

// Changes of schedules.
type (
	// SetSchedule writes all of a trigger's row but Paused, which stays as it is. It is refused with ErrStale when the row
	// has not considered the instants up to Was (nil: there is a row), or when the trigger or its workflow is paused.
	// With Force it is never refused.
	SetSchedule struct {
		Schedule
		Was   *time.Time
		Force bool
	}
	// PauseSchedule pauses a trigger, or with Trigger "" all of a workflow, or ends that. Instants that pass while a
	// trigger is paused are forgotten. It holds for rehearsals too. An audit row says who did it.
	PauseSchedule struct {
		Workflow, Trigger string
		Paused            bool
		At                time.Time
		Who               string
	}
	// DropSchedule forgets a trigger that is not paused.
	DropSchedule struct {
		Workflow, Trigger string
		Sandbox           bool
	}
	// RequireIdle has the entry refused with ErrBusy while a run of the workflow goes on, waiting ones included. Runs that
	// others call, and test sends, do not count, nor those in the sandbox for those that are real.
	RequireIdle struct {
		Workflow string
		Sandbox  bool
	}
)

func (SetSchedule) change()   {}
func (PauseSchedule) change() {}
func (DropSchedule) change()  {}
func (RequireIdle) change()   {}
