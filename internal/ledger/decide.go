package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// rejectedCode is that of a step that a person has rejected.
const rejectedCode = "rejected"

// admitDecision refuses to decide what does not wait for a decision (any more).
func (g *group) admitDecision(c engine.Decide) error {
	if c.Decision != workflows.DecisionApprove && c.Decision != workflows.DecisionReject {
		return errRefused{fmt.Errorf("deciding on step %q of run %s: %q is neither %s nor %s", c.Path, c.Run, c.Decision,
			workflows.DecisionApprove, workflows.DecisionReject)}
	}
	row, err := g.row(`SELECT step.status, run.status, run.wanted FROM step LEFT JOIN run ON run.id = step.run
		WHERE step.run = ? AND step.path = ?`, c.Run, c.Path)
	if err != nil {
		return err
	}
	if row == nil || engine.Status(row.text(0)) != engine.StatusHeld || engine.Status(row.text(1)).Over() ||
		engine.Wanted(row.text(2)) == engine.WantCancel {
		return errRefused{fmt.Errorf("step %q of run %s does not wait for a decision: %w", c.Path, c.Run, engine.ErrOver)}
	}
	return nil
}

// decide settles a step that waits for a person.
func (g *group) decide(c engine.Decide) error {
	row, err := g.row(`SELECT outputs FROM step WHERE run = ? AND path = ? AND status = 'held'`, c.Run, c.Path)
	if err != nil {
		return err
	}
	if row == nil { // decided by the same entry
		return fmt.Errorf("step %q of run %s does not wait for a decision: %w", c.Path, c.Run, engine.ErrOver)
	}
	outputs, err := decided(row.text(0), c)
	if err != nil {
		return fmt.Errorf("step %q of run %s: %w", c.Path, c.Run, err)
	}
	step := engine.StepRow{Run: c.Run, Path: c.Path, Status: engine.StatusSucceeded, Outputs: outputs}
	if c.Decision == workflows.DecisionReject {
		step.Status, step.Error = engine.StatusFailed, &engine.Failure{Code: rejectedCode, Message: rejection(c)}
	}
	if err := g.setStep(step); err != nil {
		return err
	}
	g.wakes = append(g.wakes, engine.Wake{LaneKey: engine.LaneKey{Run: c.Run}})
	return g.addAudit(engine.AddAudit{At: c.At, Who: c.Who, Action: string(c.Decision),
		On: fmt.Sprintf("step %s of run %s", c.Path, c.Run), Note: c.Note})
}

// decided adds the decision to what the step has said so far.
func decided(before string, c engine.Decide) (json.RawMessage, error) {
	outputs := map[string]any{}
	if before != "" {
		if err := json.Unmarshal([]byte(before), &outputs); err != nil {
			return nil, fmt.Errorf("reading its outputs: %w", err)
		}
	}
	outputs["decision"], outputs["by"], outputs["note"] = c.Decision, c.Who, c.Note
	outputs["at"] = c.At.UTC().Format(time.RFC3339Nano)
	return json.Marshal(outputs)
}

func rejection(c engine.Decide) string {
	message := "rejected"
	if c.Who != "" {
		message += " by " + c.Who
	}
	if c.Note != "" {
		message += ": " + c.Note
	}
	return message
}
