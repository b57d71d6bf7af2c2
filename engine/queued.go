package engine

import (
	"context"
	"fmt"
	"time"
)

// notYet reports whether a run waits before it is begun: for its instant, or for earlier runs of its workflow. With an
// instant its lane is looked at again then; else the end of a run wakes it.
func (e *Engine) notYet(ctx context.Context, s *scope) (again *time.Time, waits bool, err error) {
	run, err := e.Ledger.Run(ctx, s.active.run.ID)
	if err != nil || run.Status != StatusPending || !run.StartedAt.IsZero() || run.Wanted != WantRun {
		return nil, false, err
	}
	if e.Now().Before(run.NotBefore) {
		again, waits = &run.NotBefore, true
	} else if run.Queued {
		if waits, err = e.behind(ctx, run); err != nil {
			return nil, false, err
		}
	}
	if !waits {
		return nil, false, nil
	}
	err = e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{SetLane{LaneKey: s.fence.LaneKey, Clean: true}}}).Wait(ctx)
	if err == nil {
		e.retire(run.ID) // a hundred that wait need no memory
	}
	return again, true, err
}

// behind reports whether an earlier run of the same workflow is not over.
func (e *Engine) behind(ctx context.Context, run Run) (bool, error) {
	open, err := e.openRuns(ctx, run.Workflow, run.Sandbox)
	if err != nil {
		return false, err
	}
	for i, other := range open {
		if other.ID == run.ID {
			return i < len(open)-1, nil
		}
	}
	return false, nil
}

// openRuns are the runs of a workflow that are not over, newest first: without those that others call, and test sends.
func (e *Engine) openRuns(ctx context.Context, workflow string, sandbox bool) ([]Run, error) {
	return openRuns(ctx, e.Ledger, workflow, sandbox)
}

func openRuns(ctx context.Context, ledger Ledger, workflow string, sandbox bool) ([]Run, error) {
	all, err := ledger.Runs(ctx, RunFilter{Workflow: workflow, Statuses: unfinished()})
	if err != nil {
		return nil, fmt.Errorf("looking for runs of %s: %w", workflow, err)
	}
	var open []Run
	for _, run := range all {
		if run.Sandbox == sandbox && run.Parent == nil && run.Test == nil {
			open = append(open, run)
		}
	}
	return open, nil
}
