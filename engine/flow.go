package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"youmiflow/workflows"
)

// flow lets time pass for a scope, asks people, and has other workflows run: for real, or for a plan. Errors stop the
// scope; what a step has come to is a result.
type flow interface {
	// wait lets time pass, or looks again and again until a condition holds.
	wait(ctx context.Context, s *scope, step *workflows.Step) (*result, error)
	// approve asks a person.
	approve(ctx context.Context, s *scope, step *workflows.Step) (*result, error)
	// child has another workflow run.
	child(ctx context.Context, s *scope, step *workflows.Step) (*result, error)
	// together does the branches of a parallel step. It returns their errors, in their order, when each has ended or come
	// as far as it can.
	together(ctx context.Context, branches []func(context.Context) error) []error
}

// liveFlow is that of a run. An orderly one does the branches of a parallel step one behind the other.
type liveFlow struct{ orderly bool }

func (f liveFlow) together(ctx context.Context, branches []func(context.Context) error) []error {
	errs := make([]error, len(branches))
	if f.orderly {
		for i, branch := range branches {
			errs[i] = branch(ctx)
		}
		return errs
	}
	var working sync.WaitGroup
	for i, branch := range branches {
		working.Go(func() { errs[i] = branch(ctx) })
	}
	working.Wait()
	return errs
}

// idle lets time pass up to an instant: here when that is near, else by suspending. A foreach item is held meanwhile, and
// its lane goes on. The error is errCancelled when the run is cancelled.
func (s *scope) idle(ctx context.Context, at time.Time, why string) error {
	for {
		now := s.engine.Now()
		if !at.After(now) {
			return nil
		}
		wanted, _, stop := s.wanting()
		if wanted == WantCancel {
			return errCancelled
		}
		s.active.waiting(at, why)
		near := s.turn.horizon
		if !s.isRoot() {
			near = now.Add(min(longWait, s.engine.Slice))
		}
		if wanted != WantRun || at.After(near) {
			return s.standsStill(at, why)
		}
		fired, stopTimer := s.engine.Timer(at.Sub(now))
		select {
		case <-fired:
		case <-stop:
		case <-s.turn.leaving.channel():
		case <-ctx.Done():
			stopTimer()
			return ctx.Err()
		}
		stopTimer()
	}
}

// isRoot reports whether the scope is that of the run's own steps.
func (s *scope) isRoot() bool { return s.item.Step == "" }

// standsStill suspends the scope until an instant, or until it is woken (zero). For long, it keeps no conversation.
func (s *scope) standsStill(at time.Time, why string) *suspended {
	stop := &suspended{at: at, held: why}
	stop.brief = !at.IsZero() && at.Sub(s.engine.Now()) < longSilence
	if stop.brief && s.isRoot() {
		stop.held = ""
	}
	return stop
}

// remember makes how the item's steps stand durable, together with changes, and waits for it.
func (s *scope) remember(ctx context.Context, changes ...Change) error {
	s.kept.mu.Lock()
	change, err := s.written(StatusPending, "")
	if err != nil {
		s.kept.mu.Unlock()
		return err
	}
	receipt := s.engine.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: append(changes, change)})
	s.kept.status = StatusPending
	s.kept.mu.Unlock()
	return receipt.Wait(ctx)
}

// stops tells an error that ends a scope's list from one that says how a step has ended.
func stops(err error) bool { return err != nil && !errors.Is(err, errCancelled) }

// entered reports whether any step within this one was begun. What the steps of a foreach gave is not in this scope.
func (s *scope) entered(step *workflows.Step) bool {
	if step.Foreach != nil {
		return false
	}
	found := false
	eachList(step, func(list []*workflows.Step) {
		for _, inner := range list {
			found = found || s.result(inner.Path) != nil || s.entered(inner)
		}
	})
	return found
}
