package engine

import (
	"context"
	"errors"
	"fmt"

	"youmiflow/workflows"
)

// work runs an item to its end, or until it is suspended (*suspended). Whatever the item held of a conversation is
// handed back before it ends.
func (s *scope) work(ctx context.Context, list, finally []*workflows.Step) error {
	st, late, err := s.body(ctx, list, finally)
	if err != nil {
		return err
	}
	if len(s.holding()) > 0 {
		if err := s.flush(ctx); err != nil {
			return err
		}
		if err := s.release(ctx, false); err != nil {
			return err
		}
	}
	return s.finish(ctx, st, late)
}

// flush commits the outcome that was kept for the item's end, when the end is not next.
func (s *scope) flush(ctx context.Context) error {
	if s.unsaved == nil {
		return nil
	}
	changes := s.unsaved
	s.unsaved = nil
	return s.save(ctx, changes)
}

// finish appends how the item ended. Nobody waits for it item by item: the lane does, before it is given back.
func (s *scope) finish(ctx context.Context, st *standing, late *Failure) error {
	status, reason := s.honest(s.outcome(itemEnd(st, late)))
	change := s.move(status, reason)
	if status != StatusSucceeded || s.entries() > 1 { // else there is one call, and its row says everything
		var err error
		if change, err = s.progress(status, reason); err != nil {
			return err
		}
	}
	s.receipts = append(s.receipts, s.engine.Ledger.Append(ctx, Entry{Changes: append(s.unsaved, change)}))
	s.unsaved = nil
	s.kept.status = status
	return nil
}

// itemEnd turns how the body ended into the item's status and reason. late is a failure of the finally.
func itemEnd(st *standing, late *Failure) (Status, string) {
	reason := ""
	if st.failure != nil {
		reason = st.failure.text()
	}
	switch {
	case st.status == StatusCancelled:
		return StatusCancelled, "the run was cancelled"
	case st.clean() && !st.ran:
		return StatusSkipped, ReasonNoStep
	case st.clean() && late != nil:
		return st.status, "afterwards: " + late.text()
	}
	return st.status, reason
}

func (f *Failure) text() string {
	switch {
	case f.Code == "":
		return f.Message
	case f.Message == "":
		return f.Code
	}
	return fmt.Sprintf("%s (%s)", f.Message, f.Code)
}

// lastCall finds the last step of the lists that may make a call; nil where what comes after it has the item wait, or does
// several things at a time.
func lastCall(lists ...[]*workflows.Step) *workflows.Step {
	found, _ := lastOf(lists...)
	return found
}

// lastOf is lastCall, and reports besides whether there is nothing to be found before these lists either.
func lastOf(lists ...[]*workflows.Step) (*workflows.Step, bool) {
	for i := len(lists) - 1; i >= 0; i-- {
		for j := len(lists[i]) - 1; j >= 0; j-- {
			step := lists[i][j]
			if step.Uses != nil && step.Uses.Type.Effect != workflows.EffectLocal {
				return step, true
			}
			if step.Parallel != nil || step.Call != nil || step.Wait != nil || step.Approve != nil {
				return nil, true
			}
			if found, ended := lastOf(step.Steps, step.Finally); ended {
				return found, true
			}
		}
	}
	return nil, false
}

// isSuspended reports whether err stopped an item for now, and when it wants to go on.
func isSuspended(err error) (*suspended, bool) {
	var stop *suspended
	ok := errors.As(err, &stop)
	return stop, ok
}
