package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"youmiflow/workflows"
)

// tracedLoops walks a foreach of a workflow that an item calls: in place, one row behind the other.
type tracedLoops struct{ tracer *tracer }

func (l tracedLoops) foreach(ctx context.Context, s *scope, step *workflows.Step) (r *result, err error) {
	l.tracer.planner.note(noteInner)
	reader, err := openRows(ctx, s, step.Foreach, &planPacer{l.tracer.planner, s, step})
	if err != nil {
		return failed("audience", err), nil
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if err := checkColumns(s.active.workflow, step.Foreach, reader); err != nil {
		return failed("audience", err), nil
	}
	counts, seen := map[Status]int{}, newKeySet()
	for sequence := int64(1); ; sequence++ {
		row, number, err := reader.Next()
		if err == io.EOF { //nolint:errorlint // itself: a connection that breaks off wraps it
			return &result{Status: StatusSucceeded, Outputs: countNames(counts)}, nil
		}
		if err != nil {
			return failed("audience", err), nil
		}
		item := Item{Run: s.active.run.ID, Step: step.Path, Sequence: sequence, Row: number}
		status, err := l.row(ctx, s, step, item, row, seen)
		if err != nil {
			return nil, err
		}
		counts[status]++
	}
}

// row walks one row.
func (l tracedLoops) row(ctx context.Context, s *scope, step *workflows.Step, item Item, row map[string]any, seen *keySet) (Status, error) {
	inner, err := newScope(s.engine, s.active, item, s.steps)
	if err != nil {
		return "", err
	}
	inner.caller, inner.loops, inner.flow = s.caller, s.loops, s.flow
	inner.lists = [][]*workflows.Step{step.Steps, step.Finally}
	itemNames(inner.names, step.Foreach.As, unwrap(row), item)
	if err := s.engine.fillItem(step.Foreach, inner.names, row, &item); err != nil {
		return "", fmt.Errorf("step %s, row %d: %w", step.Path, item.Row, err)
	}
	if item.Status != StatusPending || !seen.add(seen.hash(item.Key)) {
		return StatusSkipped, nil
	}
	inner.item = item
	itemNames(inner.names, step.Foreach.As, unwrap(row), item)
	st, late, err := inner.body(ctx, step.Steps, step.Finally)
	if err != nil {
		return "", err
	}
	status, _ := inner.outcome(itemEnd(st, late))
	return status, nil
}
