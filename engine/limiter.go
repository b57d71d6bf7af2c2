package engine

import (
	"context"
	"time"

	"youmiflow/workflows"
)

// Limiter says when a call may leave. It never sleeps: it answers with an instant, and the engine waits.
type Limiter interface {
	// Reserve takes the next free slot in every limit that matches the call, shared ones and the workflow's own, and
	// returns the instant at which all of them allow it; the past or now means at once. The slot is durable on return,
	// so that no crash and no other process hands it out again. A slot that is not used is lost.
	Reserve(ctx context.Context, call LimitedCall, own []*workflows.Limit) (time.Time, error)
	// Hold keeps every call that shares a bucket with this one back until then.
	Hold(ctx context.Context, call LimitedCall, own []*workflows.Limit, until time.Time) error
}

// LimitedCall is what `call` holds in a limit's expressions, and the seed of its gaps.
type LimitedCall struct {
	Connection string
	Workflow   string
	Operation  string
	Effect     workflows.Effect
	Account    string
	Friend     string
	Seed       uint64 // of the run's plan and the item, so that a plan shows the gaps the run will keep
}

// Bucket is the state of one limit for one key. A limiter stores it as it likes; the ledger only keeps it.
type Bucket struct {
	Key string // limit's scope and name, and the value of `by`
	// Arrival is the theoretical arrival time (GCRA) of the next call.
	Arrival time.Time
	// NotBefore is the earliest next call, from gaps and holds.
	NotBefore time.Time
	// Hour and Day are the starts of the windows that HourCount and DayCount count.
	Hour, Day           time.Time
	HourCount, DayCount int
}
