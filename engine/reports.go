package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"youmiflow/workflows"
)

// reportStep is the step of the catalogue that writes what became of every row to a file.
const reportStep = "report.write"

// Reports are the files to which a run's own steps have written what became of its rows, by the names that the workflow gave
// them. They show what was known then: nothing writes them again. None are known of a run whose workflow this version cannot
// read any more, or that is not kept.
func (e *Engine) Reports(ctx context.Context, run Run) ([]string, error) {
	workflow, err := e.workflowOf(ctx, run)
	if unreadable := (*rejected)(nil); errors.As(err, &unreadable) || errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	writes := map[string]bool{}
	workflow.Each(func(step *workflows.Step) {
		if step.Uses != nil && step.Uses.Name == reportStep {
			writes[step.Path] = true
		}
	})
	if len(writes) == 0 {
		return nil, nil
	}
	rows, err := e.Ledger.Steps(ctx, run.ID)
	if err != nil {
		return nil, fmt.Errorf("looking for the reports of run %s: %w", run.ID, err)
	}
	var paths []string
	for _, row := range rows {
		if !writes[row.Path] || row.Status != StatusSucceeded {
			continue
		}
		var outputs struct {
			Path string `json:"path"`
		}
		if err := json.Unmarshal(row.Outputs, &outputs); err != nil {
			return nil, fmt.Errorf("reading what step %s of run %s gave: %w", row.Path, run.ID, err)
		}
		if outputs.Path != "" {
			paths = append(paths, outputs.Path)
		}
	}
	return paths, nil
}
