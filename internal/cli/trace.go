package cli

import (
	"context"

	"youmiflow/internal/telemetry"
)

// trace has spans written from now on, where the environment names who takes them; the function it returns sends the last.
func (a *app) trace(ctx context.Context) (closeTraces func(), err error) {
	if !telemetry.Wanted(a.Lookup) {
		return func() {}, nil
	}
	if a.traces, err = telemetry.Open(ctx, a.Version); err != nil {
		return nil, invalid("%w", err)
	}
	return func() { a.traces.Close(context.WithoutCancel(ctx), a.logger()) }, nil
}
