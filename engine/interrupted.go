package engine

import (
	"context"
	"errors"
	"fmt"
)

// CodeInterrupted is the code of a paused run's error when it only paused since the process that worked on it died, and it
// is for a daemon to go on with it. Whoever pauses, resumes or cancels the run takes it away.
const CodeInterrupted = "interrupted"

// Interrupted reports whether a run is paused, or about to be, only since its process died (Interrupt).
func (r Run) Interrupted() bool {
	return r.Wanted == WantPause && r.Error != nil && r.Error.Code == CodeInterrupted
}

// interrupt pauses a run until a daemon has it go on, or somebody.
func (e *Engine) interrupt(ctx context.Context, id string) error {
	return e.request(ctx, id, WantPause, "paused", nil, &Failure{Code: CodeInterrupted,
		Message: "the process that worked on it died: it goes on when the daemon is started again, or when it is resumed"})
}

// ResumeInterrupted has the runs go on that are interrupted and fit, each once what it held is handed back. It is for a
// daemon that has just become the owner of the ledger. It returns the ids of those that go on; the errors are those of the
// others, joined.
func (e *Engine) ResumeInterrupted(ctx context.Context, fits func(Run) bool) ([]string, error) {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: unfinished()})
	if err != nil {
		return nil, fmt.Errorf("looking for interrupted runs: %w", err)
	}
	var resumed []string
	var problems []error
	for _, run := range runs {
		if !run.Interrupted() || run.Parent != nil || !run.Copied.IsZero() || !fits(run) {
			continue
		}
		err := e.resumeInterrupted(ctx, run.ID)
		switch {
		case err == nil:
			resumed = append(resumed, run.ID)
		case ctx.Err() != nil:
			return resumed, nil
		case !errors.Is(err, errNotInterrupted) && !errors.As(err, new(*StateError)):
			problems = append(problems, err)
		}
	}
	return resumed, errors.Join(problems...)
}

var errNotInterrupted = errors.New("the run is not interrupted any more")

// resumeInterrupted leaves a run alone that somebody has steered while it came to rest.
func (e *Engine) resumeInterrupted(ctx context.Context, id string) error {
	if err := e.awaitRest(ctx, id); err != nil {
		return err
	}
	run, err := e.Ledger.Run(ctx, id)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	if !run.Interrupted() {
		return errNotInterrupted
	}
	return e.Resume(ctx, id)
}
