package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"youmiflow/workflows"
)

// openChildren is how many runs that one run has called may be open at a time. Further items wait for their turn, so that
// a foreach over a million rows does not make a million runs at once.
const openChildren = 1000

// triggerCall is the trigger of a run that another one called.
const triggerCall = "call"

// child has another workflow run, as a run of its own: made in one entry with what remembers it, so that there is never a
// second. It is over when that run is.
func (liveFlow) child(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	r := s.result(step.Path)
	if r == nil {
		run, refused := s.submit(step)
		if refused != nil {
			return refused, nil
		}
		if room, err := s.engine.roomForChild(ctx, s.active); err != nil || !room {
			return nil, orElse(err, &suspended{at: s.engine.Now().Add(time.Second)})
		}
		if err := s.begin(ctx, step, run); err != nil {
			return nil, err
		}
		r = s.result(step.Path)
	}
	run, err := s.engine.Ledger.Run(ctx, r.Child)
	if err != nil {
		return nil, fmt.Errorf("reading the run that step %s called: %w", step.Path, err)
	}
	if run.Status.Over() {
		return s.returned(step, r, run)
	}
	if s.cancelled() {
		return &result{Status: StatusCancelled}, nil
	}
	why := fmt.Sprintf("waits for a run of %s, run %s", run.Workflow, run.ID)
	s.active.waiting(s.engine.Now().Add(time.Hour), why)
	stop := s.standsStill(time.Time{}, why)
	stop.children = []string{run.ID}
	return nil, stop
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// callee is the workflow that a step calls, with its params as they are kept.
func (s *scope) callee(step *workflows.Step) (*workflows.Workflow, map[string]any, error) {
	callee := s.active.workflow.Calls[step.Call.Workflow]
	if callee == nil {
		return nil, nil, fmt.Errorf("there is no workflow %q", step.Call.Workflow)
	}
	params := map[string]any{}
	if step.Call.With != nil {
		value, err := step.Call.With.Eval(s.names)
		if err != nil {
			return nil, nil, err
		}
		given, _ := value.(map[string]any)
		for name, value := range given {
			if params[name], err = plain(value); err != nil {
				return nil, nil, fmt.Errorf("the param %q: %w", name, err)
			}
		}
	}
	if _, err := callee.BindParams(params); err != nil {
		return nil, nil, err
	}
	return callee, params, s.engine.checkParams(params)
}

// plain writes a value so that it means the same once the ledger has kept it as JSON.
func plain(value any) (any, error) {
	switch value := value.(type) {
	case time.Time:
		return value.Format(time.RFC3339Nano), nil
	case time.Duration:
		return value.String(), nil
	case Rows:
		return nil, errors.New("rows belong to their run and cannot be kept: give the path of the list")
	case []any:
		list := make([]any, len(value))
		for i := range value {
			var err error
			if list[i], err = plain(value[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(value))
		for name := range value {
			var err error
			if object[name], err = plain(value[name]); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return value, nil
}

// submit prepares the run that a step calls; refused is the result when that cannot be.
func (s *scope) submit(step *workflows.Step) (run Run, refused *result) {
	callee, params, err := s.callee(step)
	if err != nil {
		return run, failed("params", s.engine.redactor.Error(err))
	}
	parent := s.active.run
	return Run{
		ID: childID(parent, s.item.ID, step.Path), Workflow: callee.Name, Digest: callee.Digest, Connection: callee.Connection,
		Sandbox: parent.Sandbox, Params: params, Trigger: triggerCall, CreatedAt: s.engine.Now(), Status: StatusPending,
		Wanted: WantRun, Commit: parent.Commit, Versions: parent.Versions, Test: parent.Test, Copied: parent.Copied,
		Foreach: len(everyForeach(callee)) > 0,
		Parent:  &Parent{Run: parent.ID, Item: s.item.ID, Step: step.Path, Lane: s.fence.LaneKey},
	}, nil
}

// childID is that of the one run which a step of an item calls.
func childID(parent Run, item int64, path string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s", parent.ID, item, path))
	name := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:8])
	return parent.CreatedAt.UTC().Format("20060102-150405-") + strings.ToLower(name)
}

// begin adds the run, and remembers it in the same entry.
func (s *scope) begin(ctx context.Context, step *workflows.Step, run Run) error {
	s.keep(step.Path, &result{Child: run.ID})
	err := s.remember(ctx, AddRun{run}, Wake{LaneKey: LaneKey{Run: run.ID}})
	if errors.Is(err, ErrExists) { // made by a holder of the lane whose progress was not kept
		return s.remember(ctx)
	}
	if err != nil {
		return fmt.Errorf("adding a run of %s: %w", run.Workflow, err)
	}
	s.active.childBegun()
	return nil
}

// roomForChild reports whether the run may call another one. What it counts by itself is only ever too much, and then the
// ledger is asked.
func (e *Engine) roomForChild(ctx context.Context, active *activeRun) (bool, error) {
	if active.openChildren() < openChildren {
		return true, nil
	}
	open, err := e.Ledger.Runs(ctx, RunFilter{Parent: active.run.ID, Statuses: unfinished(), Limit: openChildren})
	if err != nil {
		return false, fmt.Errorf("counting the runs that are open: %w", err)
	}
	active.childrenAre(len(open))
	return len(open) < openChildren, nil
}

// unfinished are the statuses of runs that are not over.
func unfinished() []Status { return []Status{StatusPending, StatusRunning, StatusPaused} }

// returned is what a run that is over gives to the step that called it.
func (s *scope) returned(step *workflows.Step, r *result, run Run) (*result, error) {
	r.Status = StatusSucceeded
	if run.Status != StatusSucceeded {
		r.Status = StatusFailed
		r.Error = &Failure{Code: "child-" + string(run.Status), Message: childMessage(run)}
	}
	if len(run.Outputs) > 0 {
		outputs, err := decodeRow(run.Outputs)
		if err != nil {
			return nil, fmt.Errorf("reading the outputs of run %s: %w", run.ID, err)
		}
		r.Outputs, _ = outputs.(map[string]any)
	}
	s.keep(step.Path, r)
	return s.active.typed(step, r), nil
}

func childMessage(run Run) string {
	message := fmt.Sprintf("run %s of %s is %s", run.ID, run.Workflow, run.Status)
	if run.Error != nil {
		message += ": " + run.Error.text()
	}
	return message
}
