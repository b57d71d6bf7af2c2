package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CodeInterrupted is the code of a paused run's error when it only paused since the process that worked on it ended, and it
// is for a daemon to go on with it. Whoever pauses, resumes or cancels the run takes it away.
const CodeInterrupted = "interrupted"

// Interrupted reports whether a run is paused, or about to be, only since its process ended (Interrupt).
func (r Run) Interrupted() bool {
	return r.Wanted == WantPause && r.Error != nil && r.Error.Code == CodeInterrupted
}

// interrupt pauses a run until a daemon has it go on, or somebody. One that is asked for something else is left alone.
func (e *Engine) interrupt(ctx context.Context, id string) error {
	return e.request(ctx, id, demand{wanted: WantPause, word: "paused", problem: &Failure{Code: CodeInterrupted,
		Message: "the process that worked on it has ended: it goes on when the daemon is started again, or when it is resumed"},
		when: func(run Run) bool { return run.Wanted == WantRun }})
}

// ResumeInterrupted has the runs go on that are interrupted and fit, each once what it held is handed back, or a minute has
// passed; none waits for another. A run that somebody has asked for something else by then is left alone. It is for a daemon
// that has just become the owner of the ledger. It returns the ids of those that go on; the errors are those of the others,
// joined.
func (e *Engine) ResumeInterrupted(ctx context.Context, fits func(Run) bool) ([]string, error) {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: unfinished()})
	if err != nil {
		return nil, fmt.Errorf("looking for interrupted runs: %w", err)
	}
	waiting := slices.DeleteFunc(runs, func(run Run) bool {
		return !run.Interrupted() || run.Parent != nil || !run.Copied.IsZero() || !fits(run)
	})
	var resumed []string
	var problems []error
	limit := e.Now().Add(restWithin)
	tick := time.NewTicker(settling)
	defer tick.Stop()
	for {
		waiting = slices.DeleteFunc(waiting, func(run Run) bool {
			again, err := e.resumeInterrupted(ctx, run, limit)
			switch {
			case again:
				return false
			case err == nil:
				resumed = append(resumed, run.ID)
			case !leftAlone(err):
				problems = append(problems, err)
			}
			return true
		})
		if ctx.Err() != nil {
			return resumed, nil
		}
		if len(waiting) == 0 {
			return resumed, errors.Join(problems...)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// resumeInterrupted has a run go on that has come to rest; again asks for another look at one that has not.
func (e *Engine) resumeInterrupted(ctx context.Context, run Run, limit time.Time) (again bool, err error) {
	now, err := e.Ledger.Run(ctx, run.ID)
	if err != nil {
		return false, fmt.Errorf("run %s: %w", run.ID, err)
	}
	if now.Interrupted() && now.comingToRest() && !e.Now().After(limit) {
		return true, nil
	}
	if err := e.resume(ctx, run.ID, limit, Run.Interrupted); err != nil {
		return false, err
	}
	if now.Status, now.Error = StatusRunning, nil; now.StartedAt.IsZero() {
		now.Status = StatusPending
	}
	e.logRun(ctx, now, "a run goes on that was paused since its process had ended", standingAttrs(now)...)
	return false, nil
}
