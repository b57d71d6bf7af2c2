package engine

import (
	"context"
	"fmt"
	"time"
)

// Recovery says what a new owner of a ledger does about a run that an earlier process left.
type Recovery int

// The recoveries.
const (
	Leave     Recovery = iota // not touched
	Drive                     // goes on
	Suspend                   // settled, its conversations handed back, then paused until somebody resumes it
	Interrupt                 // as Suspend, or until a daemon has it go on (ResumeInterrupted)
)

// Recover looks at every run that is not over, and does with it as decide says; a run that another one has called is dealt
// with as that one. It is for a process that has just become the only one to work on this ledger.
func (e *Engine) Recover(ctx context.Context, decide func(Run) Recovery) error {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: []Status{StatusPending, StatusRunning, StatusPaused}})
	if err != nil {
		return fmt.Errorf("looking for unfinished runs: %w", err)
	}
	f := &family{runs: make(map[string]Run, len(runs)), decided: map[string]Recovery{}, decide: decide}
	for _, run := range runs {
		f.runs[run.ID] = run
		if err := e.recall(ctx, run); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	for _, run := range runs {
		if err := e.recover(ctx, f, run); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

// recall notes what a run has left taken over, before any goes on: items that are put aside keep their conversations, and
// another run's would take them, and end them under their hands. Runs that are left alone count as well.
func (e *Engine) recall(ctx context.Context, run Run) error {
	if run.holding() == 0 {
		return nil
	}
	open, err := e.openTakeovers(ctx, run.ID)
	if err != nil {
		return err
	}
	root, err := e.rootItem(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, one := range open {
		e.conversations.take(conversation{run.Sandbox, one.Connection, one.Account, one.Friend},
			holder{run: run.ID, item: one.Item, root: one.Item == root.ID})
	}
	return nil
}

// openTakeovers are those that a run holds, or may hold, oldest first: some for each of its lanes.
func (e *Engine) openTakeovers(ctx context.Context, run string) ([]Takeover, error) {
	open, err := e.Ledger.Takeovers(ctx, TakeoverFilter{Run: run, States: []TakeoverState{TakeoverIntended, TakeoverHeld}})
	if err != nil {
		return nil, fmt.Errorf("looking for open takeovers: %w", err)
	}
	return open, nil
}

// Resting reports whether a run is paused in order: nothing of it is under way, and it holds nothing.
func (r Run) Resting() bool {
	return r.Status == StatusPaused && r.Wanted == WantPause && r.holding() == 0 && r.Calls[CallIntent] == 0
}

// holding is how many conversations a run holds, or may hold.
func (r Run) holding() int { return r.Takeovers[TakeoverHeld] + r.Takeovers[TakeoverIntended] }

func (e *Engine) recover(ctx context.Context, f *family, run Run) error {
	recovery := f.recovery(run)
	switch {
	case recovery == Drive && f.forgotten(run):
		return unlessAlone(e.resume(ctx, run.ID, time.Time{}, Run.pausedWithParent)) // nobody works on it
	case recovery == Leave, run.Resting():
		return nil
	case (recovery == Suspend || recovery == Interrupt) && run.Wanted == WantRun && f.called(run):
		return nil // it is paused with the one that called it
	case recovery == Interrupt && run.Wanted == WantRun:
		return unlessAlone(e.interrupt(ctx, run.ID))
	case recovery == Suspend && run.Wanted == WantRun:
		return e.Pause(ctx, run.ID)
	}
	wakes, err := e.wakes(ctx, run.ID)
	if err != nil {
		return err
	}
	if err := e.commit(ctx, wakes...); err != nil {
		return err
	}
	if recovery == Drive && run.Wanted == WantRun && !run.StartedAt.IsZero() {
		e.logRun(ctx, run, "a run goes on that an earlier process has left", standingAttrs(run)...)
	}
	return nil
}

// family is what Recover knows of the runs that are not over.
type family struct {
	runs    map[string]Run
	decided map[string]Recovery
	decide  func(Run) Recovery
}

// recovery is what becomes of a run: what becomes of the one that stands above all that called it.
func (f *family) recovery(run Run) Recovery {
	for run.Parent != nil {
		parent, open := f.runs[run.Parent.Run]
		if !open {
			break
		}
		run = parent
	}
	recovery, known := f.decided[run.ID]
	if !known {
		recovery = f.decide(run)
		f.decided[run.ID] = recovery
	}
	return recovery
}

// called reports whether a run that is not over either has called this one.
func (f *family) called(run Run) bool {
	if run.Parent == nil {
		return false
	}
	_, open := f.runs[run.Parent.Run]
	return open
}

// forgotten reports whether a run paused with the one that called it, which goes on: the process died when it had asked for
// the one and not yet for the other.
func (f *family) forgotten(run Run) bool {
	return run.pausedWithParent() && f.called(run) && f.runs[run.Parent.Run].Wanted == WantRun
}
