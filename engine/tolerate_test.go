package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// failing is a ledger that cannot write some entries down.
type failing struct {
	engine.Ledger
	fails func(engine.Change) bool
}

type unwritten struct{}

func (unwritten) Wait(context.Context) error { return errors.New("disk I/O error") }

func (f failing) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	for _, change := range entry.Changes {
		if f.fails(change) {
			return unwritten{}
		}
	}
	return f.Ledger.Append(ctx, entry)
}

// A pause that could not be written down is tried again, and no lane is left behind meanwhile.
func TestTooManyFailuresPauseTheRunAlsoWhenTheDiskFailsOnce(t *testing.T) {
	var once atomic.Bool
	fails := func(change engine.Change) bool {
		set, ok := change.(engine.SetRun)
		return ok && set.Wanted != nil && *set.Wanted == engine.WantPause && once.CompareAndSwap(false, true)
	}
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:code=200014")}}
	adjust := func(c *engine.Config) { c.Ledger, c.TripAfter = failing{c.Ledger, fails}, 1<<20 }
	bubble(t, `limits: { account: { by: call.account, gap: 1s } }`, box, adjust, func(t *testing.T, r *rehearsal) {
		var rows []string
		for i := range 40 {
			rows = append(rows, fmt.Sprintf(`{ account: "%d", friend: f%d }`, i%4, i))
		}
		id := r.start(sending("", "      concurrency: 1\n      tolerate: 3", "["+strings.Join(rows, ", ")+"]"))
		run := r.until(id, time.Second, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
		require.True(t, once.Load())
		require.Equal(t, "tolerate", run.Error.Code)
		require.LessOrEqual(t, run.Counts[engine.StatusFailed], 12)
		require.ErrorContains(t, errors.Join(r.desk.errors...), "disk I/O error")
		r.desk.errors = nil
		require.NoError(t, r.engine.Cancel(t.Context(), id))
		r.until(id, time.Second, over)
	})
}
