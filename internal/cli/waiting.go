package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"youmiflow/engine"
)

// waitingView is something that a run waits for, as `runs show` prints it (docs/json.md).
type waitingView struct {
	Run   string                `json:"run"`
	Step  string                `json:"step"`
	Kind  engine.StandstillKind `json:"kind"`
	Text  string                `json:"text"`
	Until *time.Time            `json:"until"`
}

// parentView is the run and step that called a run.
type parentView struct {
	Run  string `json:"run"`
	Step string `json:"step"`
}

func viewParent(run engine.Run) *parentView {
	if run.Parent == nil {
		return nil
	}
	return &parentView{Run: run.Parent.Run, Step: run.Parent.Step}
}

// showRun prints one run with what it waits for.
func (a *app) showRun(ctx context.Context, l engine.Ledger, run engine.Run) error {
	stands, err := engine.Standstills(ctx, l, run)
	if err != nil {
		return err
	}
	view := viewRun(run)
	for _, still := range stands {
		view.Waiting = append(view.Waiting, waitingView{Run: still.Run, Step: still.Step, Kind: still.Kind, Text: still.Text,
			Until: when(still.Until)})
	}
	return a.one(view, func(w io.Writer) error {
		if err := writeRun(w, run); err != nil {
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

// waitingLine says for people what a run waits for.
func waitingLine(waiting waitingView) string {
	line := fmt.Sprintf("waits      %s: %s", waiting.Step, waiting.Text)
	if waiting.Until != nil {
		line += ", until " + waiting.Until.Local().Format(time.DateTime)
	}
	if waiting.Kind == engine.StandsApprove {
		line += fmt.Sprintf("\n           decide with: youmiflow runs approve|reject %s %s", waiting.Run, waiting.Step)
	}
	return line
}
