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
	run.Status, run.Error = status, failure
	e.logRun(ctx, run, "a run has ended", append(standingAttrs(run), "took", at.Sub(run.StartedAt).Round(time.Millisecond).String())...)
}

// logPause has the log say that a run is paused, and what has become of how many items by then. Run is as it was before: one
// that was paused has been told of.
func (e *Engine) logPause(ctx context.Context, run Run) {
	if run.Status == StatusPaused {
		return
	}
	run.Status = StatusPaused
	e.logRun(ctx, run, "a run is paused", standingAttrs(run)...)
}

// standingAttrs say how a run stands: its status, its items by theirs where it has any, and the code of its error.
func standingAttrs(run Run) []any {
	attrs := []any{"status", string(run.Status)}
	statuses := []Status{StatusSucceeded, StatusFailed, StatusUnknown, StatusSkipped, StatusCancelled}
	if !run.Status.Over() {
		statuses = append(statuses, StatusPending, StatusHeld)
	}
	if run.Foreach {
		for _, status := range statuses {
			attrs = append(attrs, string(status), run.Counts[status])
		}
	}
	if run.Error != nil && run.Error.Code != "" {
		attrs = append(attrs, "code", run.Error.Code)
	}
	return attrs
}
