package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"youmiflow/workflows"
)

// settling is how soon the run's own lane looks again whether its other lanes have come to rest.
const settling = 100 * time.Millisecond

// workRoot works on the run's own steps: from the first unfinished one to the end, or to a foreach whose lanes are
// still being worked on. Each of those wakes it when it is done.
func (e *Engine) workRoot(ctx context.Context, active *activeRun, key LaneKey, leave *leaving) (*time.Time, error) {
	lane, err := e.Ledger.Seize(ctx, key)
	if err != nil || lane.Done {
		return nil, err
	}
	wanted, _, _ := active.state()
	if wanted != WantRun {
		if rest, err := e.childrenAtRest(ctx, key.Run, wanted); err != nil || !rest {
			return e.soon(settling), err
		}
		if rest, err := e.lanesAtRest(ctx, active, wanted); err != nil || !rest {
			return e.soon(settling), err
		}
	}
	switch {
	case wanted != WantRun:
		// Nobody works on its lanes: what is open anywhere was left by a process that died, also while it handed back.
		err = e.recoverCalls(ctx, CallFilter{Run: key.Run, States: []CallState{CallIntent}})
	case !lane.Clean:
		err = e.recoverLane(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	again, err := e.root(ctx, active, Fence{key, lane.Epoch}, wanted, leave)
	if errors.Is(err, ErrStale) {
		return nil, nil
	}
	return again, err
}

func (e *Engine) root(ctx context.Context, active *activeRun, fence Fence, wanted Wanted, leave *leaving) (*time.Time, error) {
	s, err := e.rootScope(ctx, active, fence, leave)
	if err != nil {
		return nil, err
	}
	if wanted == WantPause {
		return nil, e.rest(ctx, s)
	}
	if again, waits, err := e.notYet(ctx, s); err != nil || waits {
		return again, err
	}
	if err := e.start(ctx, active); err != nil {
		return nil, err
	}
	if err := s.cutShort(ctx); err != nil {
		if stop, ok := isSuspended(err); ok {
			return e.leaveRoot(ctx, s, stop)
		}
		return nil, err
	}
	st, late, err := s.body(ctx, active.workflow.Steps, active.workflow.Finally)
	if stop, ok := isSuspended(err); ok && stop.held != "" {
		err = s.release(ctx, true) // it waits for long
		if err == nil {
			err = stop
		}
	}
	if stop, ok := isSuspended(err); ok {
		return e.leaveRoot(ctx, s, stop)
	}
	if err != nil {
		return nil, err
	}
	if err := s.release(ctx, false); err != nil {
		if stop, ok := isSuspended(err); ok {
			return e.leaveRoot(ctx, s, stop)
		}
		return nil, err
	}
	if len(active.workflow.Calls) > 0 { // what it has called and nobody waits for any more
		rest, err := e.childrenAtRest(ctx, active.run.ID, WantCancel)
		if err != nil {
			return nil, err
		}
		if !rest {
			return e.leaveRoot(ctx, s, &suspended{at: e.Now().Add(settling)})
		}
	}
	return nil, e.end(ctx, s, st, late)
}

// rootScope prepares the scope of the run's own steps.
func (e *Engine) rootScope(ctx context.Context, active *activeRun, fence Fence, leave *leaving) (*scope, error) {
	item, err := e.rootItem(ctx, active.run.ID)
	if err != nil {
		return nil, err
	}
	s, err := newScope(e, active, item, nil)
	if err != nil {
		return nil, err
	}
	s.fence, s.caller, s.loops = fence, liveCaller{}, e
	s.lists = [][]*workflows.Step{active.workflow.Steps, active.workflow.Finally}
	s.flow = liveFlow{e.Orderly}
	s.turn = turn{gate: active.gate("", e.Concurrency), horizon: e.Now().Add(e.Slice), leaving: leave}
	s.record = func(ctx context.Context, path string, r *result) error { return e.recordStep(ctx, s, path, r) }
	return s, nil
}

// rootItem reads the item that stands for a run's own steps.
func (e *Engine) rootItem(ctx context.Context, run string) (root Item, err error) {
	for found, err := range e.Ledger.Items(ctx, ItemFilter{Run: run, Root: true, Step: new(string), Limit: 1}) {
		if err != nil {
			return root, fmt.Errorf("reading the run's root: %w", err)
		}
		root = found
	}
	return root, nil
}

// start marks the run as running, once.
func (e *Engine) start(ctx context.Context, active *activeRun) error {
	run, err := e.Ledger.Run(ctx, active.run.ID)
	if err != nil || run.Status == StatusRunning && !run.StartedAt.IsZero() {
		return err
	}
	status := StatusRunning
	change := SetRun{ID: run.ID, Status: &status}
	if run.StartedAt.IsZero() {
		now := e.Now()
		change.StartedAt = &now
		active.started(now)
	}
	if err := e.commit(ctx, change); err != nil {
		return err
	}
	if run.StartedAt.IsZero() {
		e.logRun(ctx, run, "a run has begun", "status", string(status), "trigger", run.Trigger)
	}
	return nil
}

// lanesAtRest reports whether nobody works on the run's other lanes any more: for a pause that they were left in
// order, for a cancel that they are done.
func (e *Engine) lanesAtRest(ctx context.Context, active *activeRun, wanted Wanted) (bool, error) {
	for _, step := range everyForeach(active.workflow) {
		lanes, err := e.Ledger.Lanes(ctx, active.run.ID, step.Path)
		if err != nil {
			return false, fmt.Errorf("reading the lanes of %s: %w", step.Path, err)
		}
		for _, lane := range lanes {
			if !lane.Done && (wanted == WantCancel || !lane.Clean) {
				return false, nil
			}
		}
	}
	return true, nil
}

// rest ends a pause: what unfinished items hold of conversations is handed back, and the run is paused.
func (e *Engine) rest(ctx context.Context, root *scope) error {
	if err := e.handBack(ctx, root.active, root.fence, true); err != nil {
		if _, ok := isSuspended(err); !ok {
			return err
		}
		e.Logger.WarnContext(ctx, "a paused run still holds conversations; they are ended when a process next opens this ledger",
			"run", root.active.run.ID)
	}
	if err := e.forgive(ctx, root); err != nil {
		return err
	}
	run, err := e.Ledger.Run(ctx, root.active.run.ID)
	if err != nil {
		return err
	}
	status := StatusPaused
	err = e.Ledger.Append(ctx, Entry{Fence: &root.fence, Changes: []Change{
		SetRun{ID: run.ID, Status: &status}, SetLane{LaneKey: root.fence.LaneKey, Clean: true},
	}}).Wait(ctx)
	if err == nil {
		e.retire(run.ID)
		e.logPause(ctx, run)
	}
	return err
}

// leaveRoot ends a slice of the run's own lane before its steps have ended.
func (e *Engine) leaveRoot(ctx context.Context, s *scope, stop *suspended) (*time.Time, error) {
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	changes := []Change{SetLane{LaneKey: s.fence.LaneKey, Clean: true, Waits: stop.waits}}
	err := e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
	if err != nil {
		return nil, err
	}
	if wanted, _, _ := s.active.state(); wanted != WantRun {
		return e.soon(0), nil
	}
	if stop.at.IsZero() {
		return nil, nil
	}
	return &stop.at, nil
}

// end commits the run's outcome.
func (e *Engine) end(ctx context.Context, s *scope, st *standing, late *Failure) error {
	if err := waitAll(ctx, s.receipts); err != nil {
		return err
	}
	outputs, missing := s.outputs(s.active.workflow.Outputs, st)
	if missing != nil {
		st.worsen(StatusFailed, missing)
	}
	read, status, err := e.runStatus(ctx, s, st)
	if err != nil {
		return err
	}
	itemStatus, reason := s.honest(itemEnd(st, late))
	if itemStatus == StatusSkipped {
		itemStatus = StatusSucceeded // a run whose conditions all said no has done what it was asked to
	}
	item, err := s.progress(itemStatus, reason)
	if err != nil {
		return err
	}
	now := e.Now()
	run := SetRun{ID: s.active.run.ID, Status: &status, FinishedAt: &now, Outputs: outputs}
	if st.failure != nil {
		run.Error = st.failure
	}
	changes := slices.Concat(s.unsaved, []Change{item, run, SetLane{LaneKey: s.fence.LaneKey, Clean: true, Done: true}},
		s.active.tells())
	err = e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
	if err == nil {
		e.conversations.end(s.active.run.ID)
		e.retire(s.active.run.ID)
		e.logEnd(ctx, read, status, now, run.Error)
	}
	return err
}

// runStatus is how the run ends, with the row that this follows from.
func (e *Engine) runStatus(ctx context.Context, s *scope, st *standing) (Run, Status, error) {
	run, err := e.Ledger.Run(ctx, s.active.run.ID)
	if err != nil {
		return run, "", err
	}
	if left := run.Counts[StatusPending] + run.Counts[StatusHeld]; run.Foreach && left > 0 && st.status != StatusFailed {
		return run, "", fmt.Errorf("%d items are still pending: the run cannot end", left)
	}
	switch {
	case s.cancelled():
		return run, StatusCancelled, nil
	case st.status == StatusFailed:
		return run, StatusFailed, nil
	case st.status == StatusUnknown:
		return run, StatusPartial, nil
	}
	if run.Foreach && run.Counts[StatusFailed]+run.Counts[StatusUnknown] > 0 {
		return run, StatusPartial, nil
	}
	return run, StatusSucceeded, nil
}

// recordStep keeps a finished step of the run's own, for lanes, pages and people. Rows are not kept: an audience is
// opened again when it is needed.
func (e *Engine) recordStep(ctx context.Context, s *scope, path string, r *result) error {
	outputs := map[string]any{}
	for name, value := range r.Outputs {
		if _, rows := value.(Rows); !rows {
			outputs[name] = value
		}
	}
	text, err := json.Marshal(outputs)
	if err != nil {
		return fmt.Errorf("step %s: writing its outputs: %w", path, err)
	}
	row := SetStep{StepRow{Run: s.active.run.ID, Path: path, Status: r.Status, Outputs: text, Error: r.Error}}
	return e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{row}}).Wait(ctx)
}

// outerNames are the results of the run's own steps, as the bodies of a foreach see them.
func (e *Engine) outerNames(ctx context.Context, active *activeRun) (map[string]any, error) {
	rows, err := e.Ledger.Steps(ctx, active.run.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the run's steps: %w", err)
	}
	names, own := map[string]any{}, ownSteps(active.workflow)
	for _, row := range rows {
		r := &result{Status: row.Status, Error: row.Error}
		if len(row.Outputs) > 0 {
			outputs, err := decodeRow(row.Outputs)
			if err != nil {
				return nil, fmt.Errorf("step %s: %w", row.Path, err)
			}
			r.Outputs, _ = outputs.(map[string]any)
		}
		if step := own[row.Path]; step != nil {
			r = active.typed(step, r)
		}
		names[row.Path] = stepNames(r)
	}
	return names, nil
}

func (e *Engine) soon(wait time.Duration) *time.Time {
	at := e.Now().Add(wait)
	return &at
}

// ownSteps are the run's own steps by path, those in groups and branches too.
func ownSteps(workflow *workflows.Workflow) map[string]*workflows.Step {
	own := map[string]*workflows.Step{}
	var add func([]*workflows.Step)
	add = func(list []*workflows.Step) {
		for _, step := range list {
			own[step.Path] = step
			if step.Foreach == nil {
				eachList(step, add)
			}
		}
	}
	add(workflow.Steps)
	add(workflow.Finally)
	return own
}

// eachList hands out the lists within a step.
func eachList(step *workflows.Step, do func([]*workflows.Step)) {
	do(step.Steps)
	do(step.Finally)
	for _, branch := range step.Parallel {
		do(branch.Steps)
	}
}

// everyForeach lists the foreach steps of a workflow.
func everyForeach(workflow *workflows.Workflow) []*workflows.Step {
	return slices.Concat(foreachSteps(workflow.Steps), foreachSteps(workflow.Finally))
}

// foreachSteps lists the foreach steps of a list, those in groups too.
func foreachSteps(list []*workflows.Step) []*workflows.Step {
	var found []*workflows.Step
	for _, step := range list {
		if step.Foreach != nil {
			found = append(found, step)
			continue
		}
		found = append(found, foreachSteps(step.Steps)...)
		found = append(found, foreachSteps(step.Finally)...)
		for _, branch := range step.Parallel {
			found = append(found, foreachSteps(branch.Steps)...)
		}
	}
	return found
}

func findStep(workflow *workflows.Workflow, path string) *workflows.Step {
	for _, step := range everyForeach(workflow) {
		if step.Path == path {
			return step
		}
	}
	return nil
}
