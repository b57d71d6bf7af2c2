package events

import (
	"context"
	"log/slog"
	"time"
)

// Pruner forgets old events.
type Pruner interface {
	// PruneEvents forgets events received before an instant, and the oldest ones beyond so many (0: any number), but
	// never the newest of all. It returns how many it forgot.
	PruneEvents(ctx context.Context, before time.Time, most int64) (int64, error)
}

// Retention says how long events are kept. The zero value keeps them for 30 days, and ten million at the most.
type Retention struct {
	For    time.Duration // default: 30 days
	Most   int64         // default: 10,000,000
	Every  time.Duration // how often old ones are looked for. Default: an hour
	Logger *slog.Logger  // default: slog.Default()
}

// Run forgets old events, at once and then again and again, until the context ends.
func (r Retention) Run(ctx context.Context, pruner Pruner) {
	tick := time.NewTicker(r.withDefaults().Every)
	defer tick.Stop()
	for {
		r.Once(ctx, pruner)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Once forgets old events. What cannot be done is logged and left for the next time.
func (r Retention) Once(ctx context.Context, pruner Pruner) {
	r = r.withDefaults()
	n, err := pruner.PruneEvents(ctx, time.Now().Add(-r.For), r.Most)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.Logger.Warn("old events could not be forgotten", "error", err)
	case n > 0:
		r.Logger.Info("old events forgotten", "events", n)
	}
}

func (r Retention) withDefaults() Retention {
	if r.For <= 0 {
		r.For = 30 * 24 * time.Hour
	}
	if r.Most <= 0 {
		r.Most = 10_000_000
	}
	if r.Every <= 0 {
		r.Every = time.Hour
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r
}
