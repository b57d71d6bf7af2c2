package engine

import (
	"context"
	"log/slog"
	"time"
)

// runAttrs say in a record of the log which run it is about.
func runAttrs(run Run, more ...any) []any {
	return append([]any{"run", run.ID, "workflow", run.Workflow, "sandbox", run.Sandbox}, more...)
}

// logRun has the log say what becomes of a run. Of runs that others have called there may be thousands: that is for whoever
// looks closely.
func (e *Engine) logRun(ctx context.Context, run Run, message string, more ...any) {
	level := slog.LevelInfo
	if run.Parent != nil {
		level = slog.LevelDebug
	}
	e.Logger.Log(ctx, level, message, runAttrs(run, more...)...)
}

// logEnd has the log say how a run ended, and of how many items.
func (e *Engine) logEnd(ctx context.Context, run Run, status Status, at time.Time, failure *Failure) {
	more := []any{"status", string(status)}
	if run.Foreach {
		for _, outcome := range []Status{StatusSucceeded, StatusFailed, StatusUnknown, StatusSkipped, StatusCancelled} {
			more = append(more, string(outcome), run.Counts[outcome])
		}
	}
	if failure != nil {
		more = append(more, "code", failure.Code)
	}
	e.logRun(ctx, run, "a run has ended", append(more, "took", at.Sub(run.StartedAt).Round(time.Millisecond).String())...)
}
