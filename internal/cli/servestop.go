package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"youmiflow/engine"
)

// ending is how a daemon ends.
type ending struct {
	began atomic.Pointer[time.Time] // nil: it has not been asked to
	left  *int                      // how many runs go on when it is started again; nil: they were not counted
}

// begin notes that the daemon is to stop from now on. Only the first time counts.
func (e *ending) begin() {
	now := time.Now()
	e.began.CompareAndSwap(nil, &now)
}

// countWithin bounds the look at the ledger at the end of a stop, whose time is up then.
const countWithin = time.Second / 2

// countLeft counts the runs that go on when the daemon is started again. Where it cannot, the stop is no worse for it.
func (d *daemon) countLeft(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	runs, err := d.ledger.Runs(ctx, engine.RunFilter{Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusPaused}})
	if err != nil {
		d.app.logger().Warn("the runs that are left cannot be counted", "error", err)
		return
	}
	left := 0
	for _, run := range runs {
		if run.Sandbox == d.sandboxed && (run.Wanted == engine.WantRun || run.Interrupted()) {
			left++
		}
	}
	d.stop.left = &left
}

// tellStopped is the last thing that a daemon says, however it came to stop: one that was killed has not said it.
func (d *daemon) tellStopped() {
	began := d.stop.began.Load()
	if began == nil {
		return
	}
	took := time.Since(*began).Round(time.Millisecond)
	text, attributes := fmt.Sprintf("stopped after %s", took), []any{"project", d.project.dir, "sandbox", d.sandboxed, "took", took.String()}
	if left := d.stop.left; left != nil {
		text += fmt.Sprintf("; runs that go on when the daemon is started again: %d", *left)
		attributes = append(attributes, "left", *left)
	}
	d.app.tell(text, "stopped", attributes...)
}

// inTime has the error of a stop say so where its time was up.
func inTime(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &lateStop{cause: err}
	}
	return err
}

// lateStop is the error of a stop for which there was not enough time.
type lateStop struct{ cause error }

func (e *lateStop) Error() string {
	return fmt.Sprintf("the stop took longer than the %s that it has, and what was still in flight was left: it is settled when the daemon is started again", drainWithin)
}

func (e *lateStop) Unwrap() error { return e.cause }
