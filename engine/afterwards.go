package engine

import (
	"context"
	"fmt"

	"youmiflow/workflows"
)

// Afterwards is a step in a `finally` of a run's own that failed. It changes no outcome, so nothing else tells of it.
type Afterwards struct {
	Step string // its path
	Failure
}

// FailedAfterwards lists the steps in a `finally` of a run's own that failed, in their order.
func FailedAfterwards(ctx context.Context, ledger Ledger, run Run) ([]Afterwards, error) {
	rows, err := ledger.Steps(ctx, run.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", run.ID, err)
	}
	var list []Afterwards
	for _, row := range rows {
		if row.Error != nil && row.Error.Afterwards {
			list = append(list, Afterwards{Step: row.Path, Failure: *row.Error})
		}
	}
	return list, nil
}

// afterwards marks a failure in a `finally`: that of the very step, not of a group or a parallel around it.
func (s *scope) afterwards(step *workflows.Step, r *result) *result {
	broken := r.Error != nil && (r.Status == StatusFailed || r.Status == StatusUnknown)
	around := step.Uses == nil && step.Foreach == nil && (len(step.Steps) > 0 || len(step.Parallel) > 0)
	if !s.ending || !broken || around {
		return r
	}
	marked, failure := *r, *r.Error
	failure.Afterwards = true
	marked.Error = &failure
	return &marked
}
