package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"youmiflow/workflows"
)

// caller makes a scope's calls.
type caller interface {
	// call makes the call of a step, with its retries. Its error stops the scope; a failed call is a result.
	call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error)
	// local performs a step that calls nobody. Its error stops the scope.
	local(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error)
}

// loops runs a scope's foreach steps.
type loops interface {
	foreach(ctx context.Context, s *scope, step *workflows.Step) (*result, error)
}

// turn is what the holder of a lane lends an item while it works on it.
type turn struct {
	gate *gate
	// horizon is the instant up to which the item may wait where it is; beyond it, it is suspended.
	horizon time.Time
	// leaving is set when the process is to stop.
	leaving *leaving
	// waiting, when set, hears of the item's waits for anything but a slot, so that a lane begins no further item meanwhile.
	waiting func(bool)
	// stops are the events that leave out the rest of the item; nil: none do.
	stops *workflows.StopWhen
	// waited, when set, hears how long the item is about to wait for a slot of its limits.
	waited func(time.Duration)
}

func (t turn) pause() {
	if t.waiting != nil {
		t.waiting(true)
	}
}

func (t turn) proceed() {
	if t.waiting != nil {
		t.waiting(false)
	}
}

// waits tells that the item waits for a slot from now on until an instant.
func (t turn) waits(now, until time.Time) {
	if t.waited != nil && until.After(now) {
		t.waited(until.Sub(now))
	}
}

// leaving says that the slice is to end, and since when.
type leaving struct {
	done  <-chan struct{}
	cause func() error
	clock func() time.Time
	once  sync.Once
	at    time.Time
}

func newLeaving(ctx context.Context, clock func() time.Time) *leaving {
	return &leaving{done: ctx.Done(), cause: ctx.Err, clock: clock}
}

// now reports whether the process is to stop.
func (l *leaving) now() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.done:
		l.once.Do(func() { l.at = l.clock() })
		return true
	default:
		return false
	}
}

// channel is closed when the process is to stop.
func (l *leaving) channel() <-chan struct{} {
	if l == nil {
		return nil
	}
	return l.done
}

// ending reports whether the process is to stop, unlike a slice that has merely used up its time: what cannot be done
// in slices goes on then.
func (l *leaving) ending() bool { return l.now() && errors.Is(l.cause(), context.Canceled) }

// end is closed when the process is to stop; nil once the slice has used up its time.
func (l *leaving) end() <-chan struct{} {
	if l.now() && !l.ending() {
		return nil
	}
	return l.channel()
}
