package cli

import (
	"context"
	"log/slog"
	"time"

	"youmiflow/internal/events"
	"youmiflow/internal/limit"
	"youmiflow/workflows"
)

// pruneEvery is how often the daemon looks for what has grown old.
const pruneEvery = time.Hour

// unknownPatience is how many times as long as others those runs are kept of which some outcomes are unknown.
const unknownPatience = 2

// growing is what grows; a ledger does.
type growing interface {
	events.Pruner
	PruneBuckets(ctx context.Context, before time.Time) error
	PruneRuns(ctx context.Context, before, unknown time.Time) (int, error)
	Checkpoint(ctx context.Context) (bool, error)
}

// growth keeps a ledger from growing without bound: it forgets old runs and events as the project says, and what limits do
// not need any more. What cannot be done is logged and tried again the next time.
type growth struct {
	ledger growing
	kept   func() workflows.Retention // as it is now
	logger *slog.Logger
	pokes  chan struct{}
}

func newGrowth(ledger growing, kept func() workflows.Retention, logger *slog.Logger) *growth {
	return &growth{ledger: ledger, kept: kept, logger: logger, pokes: make(chan struct{}, 1)}
}

// poke says that something else is kept than before. It never waits.
func (g *growth) poke() {
	select {
	case g.pokes <- struct{}{}:
	default:
	}
}

// run looks at once, every hour, and when it is poked, until ctx ends.
func (g *growth) run(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		g.once(ctx)
		select {
		case <-tick.C:
		case <-g.pokes:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *growth) once(ctx context.Context) {
	now, kept := time.Now(), g.kept()
	if err := g.ledger.PruneBuckets(ctx, now.Add(-limit.Kept)); err != nil && ctx.Err() == nil {
		g.logger.Warn("what limits have counted long ago could not be forgotten", "error", err)
	}
	events.Retention{For: kept.Events, Logger: g.logger}.Once(ctx, g.ledger)
	if kept.Runs > 0 {
		g.forgetRuns(ctx, now.Add(-kept.Runs), now.Add(-unknownPatience*kept.Runs))
	}
	if done, err := g.ledger.Checkpoint(ctx); err != nil && ctx.Err() == nil {
		g.logger.Warn("the ledger's log could not be written back", "error", err)
	} else if !done {
		g.logger.Debug("the ledger's log is in use; it is written back another time")
	}
}

func (g *growth) forgetRuns(ctx context.Context, before, unknown time.Time) {
	n, err := g.ledger.PruneRuns(ctx, before, unknown)
	if err != nil && ctx.Err() == nil {
		g.logger.Warn("old runs could not be forgotten", "error", err)
	}
	if n > 0 {
		g.logger.Info("old runs forgotten", "runs", n)
	}
}
