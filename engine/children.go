package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
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

// codeWithParent is the code of a paused run's error when it paused only with the run that called it, and goes on with that.
// Whoever pauses, resumes or cancels the called run itself takes it away.
const codeWithParent = "with-parent"

// pausedWithParent reports whether a run is paused, or about to be, only since the run that called it is.
func (r Run) pausedWithParent() bool {
	return r.Wanted == WantPause && r.Error != nil && r.Error.Code == codeWithParent
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
			ask = e.pauseWithParent
		}
		if err := unlessAlone(ask(ctx, child.ID)); err != nil {
			return false, err
		}
	}
	return rest, nil
}

// pauseWithParent pauses a called run until the one that called it goes on. One that is paused already is paused for a
// reason of its own, and stays so.
func (e *Engine) pauseWithParent(ctx context.Context, id string) error {
	return e.request(ctx, id, demand{wanted: WantPause, word: "paused",
		problem: &Failure{Code: codeWithParent, Message: "the run that called it is paused: it goes on with that"},
		when:    func(run Run) bool { return run.Wanted == WantRun }})
}

// leftAlone reports whether an error says that a run is over, or that somebody has asked it for something else meanwhile.
func leftAlone(err error) bool {
	return errors.As(err, new(*StateError)) || errors.Is(err, ErrChanged)
}

// unlessAlone is the error, unless that says that a run was rightly left alone.
func unlessAlone(err error) error {
	if leftAlone(err) {
		return nil
	}
	return err
}

// resumeChildren has the runs go on that a run has called, and that were paused with it.
func (e *Engine) resumeChildren(ctx context.Context, id string, limit time.Time) error {
	open, err := e.Ledger.Runs(ctx, RunFilter{Parent: id, Statuses: unfinished()})
	if err != nil {
		return fmt.Errorf("reading the runs that run %s has called: %w", id, err)
	}
	for _, child := range open {
		if !child.pausedWithParent() {
			continue
		}
		if err := unlessAlone(e.resume(ctx, child.ID, limit, Run.pausedWithParent)); err != nil {
			return err
		}
	}
	return nil
}
