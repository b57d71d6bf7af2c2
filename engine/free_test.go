package engine_test

import (
	"context"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

type free struct{}

func (free) Reserve(context.Context, engine.LimitedCall, []*workflows.Limit) (time.Time, error) {
	return time.Time{}, nil
}
func (free) Hold(context.Context, engine.LimitedCall, []*workflows.Limit, time.Time) error { return nil }
