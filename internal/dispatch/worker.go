package dispatch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"youmiflow/engine"
)

// maxAttempts is only used up by what goes wrong outside of Work, such as the database: Work's errors make a new job.
const maxAttempts = 10000

// laneArgs is the one kind of job.
type laneArgs struct {
	engine.LaneKey
	// Failures counts the errors in a row.
	Failures int `json:"failures,omitempty"`
}

// Kind implements river.JobArgs.
func (laneArgs) Kind() string { return "lane" }

type worker struct {
	river.WorkerDefaults[laneArgs]
	dispatcher *Dispatcher
}

// Work implements river.Worker: one slice. The next job and the end of this one are one transaction, so that a lane is
// never without a job while it has work.
func (w *worker) Work(ctx context.Context, job *river.Job[laneArgs]) error {
	d, key := w.dispatcher, job.Args.LaneKey
	if d.stopping.Err() != nil {
		return river.JobSnooze(time.Second)
	}
	if !d.lanes.enter(key) {
		return nil // whoever works on it has heard, and comes again
	}
	again, err := d.slice(ctx, key)
	woken := d.lanes.leave(key)
	next := laneArgs{LaneKey: key}
	switch {
	case err != nil:
		pause := pauseAfter(job.Args.Failures)
		if !errors.Is(err, context.Canceled) || d.stopping.Err() == nil {
			d.config.Logger.Warn("a lane failed and is tried again", "run", key.Run, "step", key.Step, "lane", key.Lane,
				"error", err, "in", pause)
		}
		next.Failures = job.Args.Failures + 1
		retry := time.Now().Add(pause)
		again = &retry
	case woken:
		now := time.Now()
		again = &now
	case again == nil:
		return nil
	}
	return d.replace(ctx, job, next, *again)
}

// slice calls the work, with a context that ends when the dispatcher stops. River's time limit does not end it: the work
// has its own, and could not tell one end from the other.
func (d *Dispatcher) slice(ctx context.Context, key engine.LaneKey) (again *time.Time, err error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(d.stopping, cancel)()
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	return d.config.Work(ctx, key)
}

// replace completes the job and adds the next.
func (d *Dispatcher) replace(ctx context.Context, job *river.Job[laneArgs], next laneArgs, when time.Time) (err error) {
	// A slice that ran into its time limit still has to be followed by another.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rescueAfter-jobTimeout)
	defer cancel()
	tx, err := d.config.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
	}()
	if !when.After(time.Now()) {
		when = time.Time{}
	}
	committed, err := d.insert(ctx, tx, []river.InsertManyParams{{Args: next, InsertOpts: at(when)}})
	if err != nil {
		return err
	}
	if _, err := river.JobCompleteTx[*sqliteDriver](ctx, tx, job); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	committed()
	return nil
}

// pauseAfter is how long a lane rests after that many failures in a row before: 1 s, doubling up to 30 s.
func pauseAfter(failures int) time.Duration {
	return min(time.Second<<min(failures, 5), 30*time.Second)
}

// retryPolicy is for jobs that failed outside of Work.
type retryPolicy struct{}

// NextRetry implements river.ClientRetryPolicy.
func (retryPolicy) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(pauseAfter(len(job.Errors)))
}

// lanes are those being worked on in this process, and whether each was woken meanwhile.
type lanes struct {
	mu   sync.Mutex
	busy map[engine.LaneKey]bool
}

// enter reports whether the lane was free. If not, its holder will hear of it in leave.
func (l *lanes) enter(key engine.LaneKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, busy := l.busy[key]; busy {
		l.busy[key] = true
		return false
	}
	if l.busy == nil {
		l.busy = map[engine.LaneKey]bool{}
	}
	l.busy[key] = false
	return true
}

// leave frees the lane and reports whether it was woken since enter.
func (l *lanes) leave(key engine.LaneKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	woken := l.busy[key]
	delete(l.busy, key)
	return woken
}

func (l *lanes) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy)
}
