package engine

import (
	"context"
	"errors"
	"fmt"
)

// tells is what the end of a run changes for the one that called it: the item that waits goes on, and its lane is woken.
func (a *activeRun) tells() []Change {
	parent := a.run.Parent
	if parent == nil {
		return nil
	}
	return []Change{
		SetItem{ID: parent.Item, Run: parent.Run, Step: parent.Lane.Step, From: StatusHeld, To: StatusPending},
		Wake{LaneKey: parent.Lane},
	}
}

// missed lets a held item go on at once when a run that it waits for was over before the ledger knew that it waits: nobody
// else will.
func (s *scope) missed(ctx context.Context, stop *suspended) error {
	if err := waitAll(ctx, s.receipts); err != nil {
		return err
	}
	for _, id := range stop.children {
		run, err := s.engine.Ledger.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("reading the run that item %q waits for: %w", s.item.Key, err)
		}
		if run.Status.Over() {
			err := s.remember(ctx)
			return orElse(err, &suspended{at: s.engine.Now()})
		}
	}
	return stop
}

// childrenAtRest asks for every run that this one has called to be paused or cancelled, and reports whether all are.
func (e *Engine) childrenAtRest(ctx context.Context, id string, wanted Wanted) (bool, error) {
	open, err := e.Ledger.Runs(ctx, RunFilter{Parent: id, Statuses: unfinished()})
	if err != nil {
		return false, fmt.Errorf("reading the runs that run %s has called: %w", id, err)
	}
	rest := true
	for _, child := range open {
		if wanted == WantPause && child.Wanted == WantPause && child.Status == StatusPaused {
			continue
		}
		rest = false
		if child.Wanted == wanted {
			continue
		}
		ask := e.Cancel
		if wanted == WantPause {
			ask = e.Pause
		}
		if err := ask(ctx, child.ID); err != nil && !errors.As(err, new(*StateError)) {
			return false, err
		}
	}
	return rest, nil
}

// resumeChildren has the runs go on that a run has called, and that were paused with it.
func (e *Engine) resumeChildren(ctx context.Context, id string) error {
	paused, err := e.Ledger.Runs(ctx, RunFilter{Parent: id, Statuses: []Status{StatusPaused}})
	if err != nil {
		return fmt.Errorf("reading the runs that run %s has called: %w", id, err)
	}
	for _, child := range paused {
		if err := e.Resume(ctx, child.ID); err != nil && !errors.As(err, new(*StateError)) {
			return err
		}
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
