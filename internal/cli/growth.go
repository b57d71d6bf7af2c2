package cli

import (
	"context"
	"time"

	"youmiflow/internal/limit"
)

// pruneEvery is how often the daemon looks for what has grown old.
const pruneEvery = time.Hour

// unknownPatience is how many times as long as others those runs are kept of which some outcomes are unknown.
const unknownPatience = 2

// forgetOld forgets old runs where the project says so, and what limits do not need any more, until ctx ends. What cannot be
// done is logged and tried again the next time.
func (d *daemon) forgetOld(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		d.forgetOnce(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (d *daemon) forgetOnce(ctx context.Context) {
	logger, now := d.app.logger(), time.Now()
	if err := d.ledger.PruneBuckets(ctx, now.Add(-limit.Kept)); err != nil && ctx.Err() == nil {
		logger.Warn("what limits have counted long ago could not be forgotten", "error", err)
	}
	kept := d.project.config.Retention.Runs
	if kept == 0 {
		return
	}
	n, err := d.ledger.PruneRuns(ctx, now.Add(-kept), now.Add(-unknownPatience*kept))
	if err != nil && ctx.Err() == nil {
		logger.Warn("old runs could not be forgotten", "error", err)
	}
	if n > 0 {
		logger.Info("old runs forgotten", "runs", n)
	}
}
