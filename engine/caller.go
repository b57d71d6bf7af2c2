package engine

import (
	"context"
	"time"

	"youmiflow/workflows"
)

// caller makes a scope's calls.
type caller interface {
	// call makes the call of a step, with its retries. Its error stops the scope; a failed call is a result.
	call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error)
	// local performs a step that calls nobody.
	local(ctx context.Context, action Action) Outcome
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
	// waiting, when set, hears of the item's waits, so that a lane begins no further item while one waits.
	waiting func(bool)
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
