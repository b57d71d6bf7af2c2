package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

// showRun prints one run with what it waits for.
func (a *app) showRun(ctx context.Context, l engine.Ledger, run engine.Run) error {
	stands, err := engine.Standstills(ctx, l, run)
	if err != nil {
		return err
	}
	closed, err := a.standsClosed(ctx, l, run)
	if err != nil {
		return err
	}
	stands = append(closed, stands...)
	view := result.OfRun(run)
	view.Waiting = result.OfStandstills(stands)
	return a.printRun(view, rehearsed(run))
}

// printRun prints a run with what it waits for; note stands behind its id.
func (a *app) printRun(view result.Run, note string) error {
	return a.one(view, func(w io.Writer) error {
		if err := writeRun(w, view, note); err != nil {
			return err
		}
		for _, waiting := range view.Waiting {
			if _, err := fmt.Fprintln(w, waitingLine(waiting)); err != nil {
				return err
			}
		}
		return nil
	})
}

// standsClosed tells whether a run waits for its send window, from the text that it was started with.
func (a *app) standsClosed(ctx context.Context, l engine.Ledger, run engine.Run) ([]engine.Standstill, error) {
	if run.Status != engine.StatusRunning {
		return nil, nil
	}
	project, err := a.openProject(".")
	if err != nil {
		return nil, err
	}
	catalogue, err := a.planCatalogue(project, run.Sandbox)
	if err != nil {
		return nil, err
	}
	return windowClosed(ctx, l, run, catalogue, project.config.Timezone)
}

// windowClosed is standsClosed with the steps and the time zone of the project.
func windowClosed(ctx context.Context, l engine.Ledger, run engine.Run, catalogue workflows.Catalogue, zone *time.Location) ([]engine.Standstill, error) {
	if run.Status != engine.StatusRunning {
		return nil, nil
	}
	version, err := l.Workflow(ctx, run.Digest)
	if err != nil {
		return nil, err
	}
	workflow, _ := workflows.Parse(version.File, version.Source, catalogue)
	if workflow == nil {
		return nil, nil // of another version, or it calls others: the run is shown all the same
	}
	still, closed, err := engine.StandsClosed(workflow, run, zone, time.Now())
	if err != nil || !closed {
		return nil, err
	}
	return []engine.Standstill{still}, nil
}

// waitingLine says for people what a run waits for.
func waitingLine(waiting result.Waiting) string {
	line := "waits      " + waiting.Text
	if waiting.Step != "" {
		line = fmt.Sprintf("waits      %s: %s", waiting.Step, waiting.Text)
	}
	if waiting.Until != nil {
		line += ", until " + waiting.Until.Local().Format(time.DateTime)
	}
	if waiting.Kind == engine.StandsApprove {
		line += fmt.Sprintf("\n           decide with: youmiflow runs approve|reject %s %s", waiting.Run, waiting.Step)
	}
	return line
}
