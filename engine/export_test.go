package engine

import (
	"context"
	"time"
)

// TimedCall is a call of a plan with its instant.
type TimedCall struct {
	Account, Friend, Operation string
	At                         time.Time
}

// PlanCalls makes a plan and returns every call of it too.
func (e *Engine) PlanCalls(ctx context.Context, submission Submission, clock *VirtualClock) (*Plan, []TimedCall, error) {
	p, err := e.newPlanner(ctx, submission, clock)
	if err != nil {
		return nil, nil, err
	}
	p.friends = true
	var calls []TimedCall
	p.heard = func(it *plannedItem, op *plannedOp, at int64) {
		who := it.whoms[op.whom]
		calls = append(calls, TimedCall{p.shapes.names[who.account], who.friend, op.operation, time.Unix(0, at).UTC()})
	}
	plan, err := p.run(ctx)
	return plan, calls, err
}

// ClockText is how an instant is told to people.
func ClockText(now, at time.Time, location *time.Location) string {
	return clockText(now, at, location)
}
