package cli

import (
	"context"
	"fmt"
	"io"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web/result"
)

// showRun prints one run with what it waits for, and what failed in its finally.
func (a *app) showRun(ctx context.Context, l *ledger.Ledger, run engine.Run) error {
	stands, err := engine.Standstills(ctx, l, run)
	if err != nil {
		return err
	}
	view, err := endedRun(ctx, l, run)
	if err == nil {
		err = a.explain(ctx, l, run, &view)
	}
	if err != nil {
		return err
	}
	view.Waiting = result.OfStandstills(stands)
	return a.printRun(view)
}

// endedRun shows a run with what failed in its finally.
func endedRun(ctx context.Context, l engine.Ledger, run engine.Run) (result.Run, error) {
	view := result.OfRun(run)
	failed, err := engine.FailedAfterwards(ctx, l, run)
	view.Afterwards = result.OfAfterwards(failed)
	return view, err
}

// printRun prints a run with what it waits for.
func (a *app) printRun(view result.Run) error {
	return a.one(view, func(w io.Writer) error {
		if err := a.writeRun(w, view); err != nil {
			return err
		}
		for _, failed := range view.Afterwards {
			if _, err := fmt.Fprintln(w, "afterwards "+failedAfterwards(failed)); err != nil {
				return err
			}
		}
		for _, waiting := range view.Waiting {
			if _, err := fmt.Fprintln(w, a.waitingLine(waiting)); err != nil {
				return err
			}
		}
		return nil
	})
}

// failedAfterwards says for people which step in a finally failed, and why.
func failedAfterwards(failed result.Afterwards) string {
	return fmt.Sprintf("the step %s of `finally` failed: %s", failed.Step, failed.Message)
}

// atServer completes a command that a message suggests, so that it is about the daemon of --server where there is one.
func (a *app) atServer(command string) string {
	if a.server == "" {
		return command
	}
	return command + " --server " + a.server
}

// waitingLine says for people what a run waits for, with the command that decides it.
func (a *app) waitingLine(waiting result.Waiting) string {
	line := "waits      " + waiting.Text
	if waiting.Step != "" {
		line = fmt.Sprintf("waits      %s: %s", waiting.Step, waiting.Text)
	}
	if waiting.Until != nil {
		line += ", until " + a.zone.moment(*waiting.Until)
	}
	if waiting.Kind == engine.StandsApprove {
		line += "\n           decide with: " + a.atServer(fmt.Sprintf("youmiflow runs approve|reject %s %s", waiting.Run, waiting.Step))
	}
	return line
}
