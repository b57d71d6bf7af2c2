package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// snapshotBatch is how many rows of an audience are added to the ledger at once.
const snapshotBatch = 1000

// foreach copies the audience into the ledger, sets the lanes to work, wave after wave, and once nothing is left gives the
// counts.
func (e *Engine) foreach(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	for {
		row, err := e.foreachRow(ctx, s, step)
		if err != nil {
			return nil, err
		}
		switch row.Status {
		case StatusFailed, StatusSkipped, StatusCancelled: // it has ended before it began, and stays so
			return &result{Status: row.Status, Error: row.Error, Outputs: countNames(nil)}, nil
		case StatusSucceeded:
			return e.foreachResult(ctx, s, step)
		case "":
			if s.cancelled() {
				return &result{Status: StatusCancelled}, nil
			}
			if failure, err := e.takeSnapshot(ctx, s, step); err != nil {
				return nil, err
			} else if failure != nil {
				failure.Outputs = countNames(nil)
				return failure, e.recordStep(ctx, s, step.Path, s.afterwards(step, failure))
			}
			continue
		}
		if ended, err := e.goOn(ctx, s, step, row); err != nil {
			return nil, err
		} else if ended {
			return e.foreachResult(ctx, s, step)
		}
	}
}

// goOn looks whether the lanes of a foreach are done, and what comes then. It reports true when nothing is left.
func (e *Engine) goOn(ctx context.Context, s *scope, step *workflows.Step, row StepRow) (bool, error) {
	lanes, err := e.Ledger.Lanes(ctx, s.active.run.ID, step.Path)
	if err != nil {
		return false, fmt.Errorf("reading the lanes of %s: %w", step.Path, err)
	}
	for _, lane := range lanes {
		if !lane.Done {
			return false, &suspended{}
		}
	}
	now, err := readCourse(row)
	if err != nil {
		return false, err
	}
	return e.advance(ctx, s, step, now)
}

// foreachRow returns the step's row in the ledger; it has no status before the snapshot is whole.
func (e *Engine) foreachRow(ctx context.Context, s *scope, step *workflows.Step) (StepRow, error) {
	rows, err := e.Ledger.Steps(ctx, s.active.run.ID)
	if err != nil {
		return StepRow{}, fmt.Errorf("reading the run's steps: %w", err)
	}
	for _, row := range rows {
		if row.Path == step.Path {
			return row, nil
		}
	}
	return StepRow{}, nil
}

func (e *Engine) foreachResult(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	counts, err := e.Ledger.Counts(ctx, s.active.run.ID, step.Path)
	if err != nil {
		return nil, fmt.Errorf("counting the items of %s: %w", step.Path, err)
	}
	r := &result{Status: StatusSucceeded, Outputs: countNames(counts)}
	if s.cancelled() {
		r.Status = StatusCancelled
	}
	return r, e.recordStep(ctx, s, step.Path, r)
}

func countNames(counts map[Status]int) map[string]any {
	total := 0
	for _, n := range counts {
		total += n
	}
	return map[string]any{
		"total": total, "succeeded_count": counts[StatusSucceeded], "failed_count": counts[StatusFailed],
		"unknown_count": counts[StatusUnknown], "skipped_count": counts[StatusSkipped],
		"cancelled_count": counts[StatusCancelled],
	}
}

// takeSnapshot copies the audience into the ledger. Nothing is sent before it is whole; a problem with any row fails the
// step, as its result, and nothing of it is kept.
func (e *Engine) takeSnapshot(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	run := s.active.run.ID
	drop := DropItems{Run: run, Step: step.Path}
	if err := e.commit(ctx, drop); err != nil {
		return nil, fmt.Errorf("clearing an unfinished snapshot: %w", err)
	}
	var batch []Item
	var receipt Receipt
	flush := func() error {
		if receipt != nil {
			if err := receipt.Wait(ctx); err != nil {
				return fmt.Errorf("keeping the audience: %w", err)
			}
		}
		receipt = e.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{AddItems{run, step.Path, batch}}})
		batch = make([]Item, 0, snapshotBatch)
		return nil
	}
	test := newSample(s.active.run.Test, step.Foreach)
	err := eachItem(ctx, s, step, &snapshotPacer{s, step}, func(item Item, _ map[string]any) error {
		if test != nil && !test.takes(item) {
			return nil
		}
		batch = append(batch, item)
		if test != nil && test.enough() {
			return errSampled
		}
		if len(batch) == snapshotBatch {
			return flush()
		}
		return nil
	})
	if errors.Is(err, errSampled) {
		err = nil
	}
	var problem *audienceError
	if errors.As(err, &problem) {
		return failed("audience", problem.error), e.commit(ctx, drop)
	}
	if errors.Is(err, errCancelled) {
		return &result{Status: StatusCancelled}, e.commit(ctx, drop)
	}
	if err != nil {
		return nil, err
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if err := receipt.Wait(ctx); err != nil {
		return nil, fmt.Errorf("keeping the audience: %w", err)
	}
	return nil, e.begin(ctx, s, step)
}

// audienceError is a problem of the audience itself, the user's to mend.
type audienceError struct{ error }

func (a *audienceError) Unwrap() error { return a.error }

// eachItem goes over the audience of a foreach and makes an item of each row: selected, or skipped with a reason.
// Duplicates are found by whoever keeps the items. The row as expressions see it comes along. An audience on the platform is
// read at the pacer's pace. Rows with problems are gathered, all of them, and are the error in the end.
func eachItem(ctx context.Context, s *scope, step *workflows.Step, pacer Pacer, yield func(Item, map[string]any) error) (err error) {
	reader, err := openRows(ctx, s, step.Foreach, pacer)
	if err != nil {
		return &audienceError{err}
	}
	defer reader.Close()
	if err := checkColumns(s.active.workflow, step.Foreach, reader); err != nil {
		return &audienceError{err}
	}
	bad := s.engine.newProblems(s.active, step)
	defer func() { err = bad.end(err) }()
	names := maps.Clone(s.names)
	for sequence := int64(1); ; {
		row, number, err := reader.Next()
		if err == io.EOF { // itself: a connection that breaks off wraps it
			return nil
		}
		if stopsSnapshot(err) {
			return err
		}
		if err != nil {
			if err := bad.take(err); err != nil {
				return &audienceError{err}
			}
			continue
		}
		bad.row()
		if bad.rows%snapshotBatch == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		item := Item{Run: s.active.run.ID, Step: step.Path, Sequence: sequence, Row: number}
		itemNames(names, step.Foreach.As, unwrap(row), item)
		if err := s.engine.fillItem(step.Foreach, names, row, &item); err != nil {
			if err := bad.add(RowProblem{Row: number, Problem: err.Error()}); err != nil {
				return &audienceError{err}
			}
			continue
		}
		sequence++
		if bad.some() { // nothing of it is kept: the rest is only looked through for more
			continue
		}
		if err := yield(item, row); err != nil {
			return err
		}
	}
}

// checkColumns refuses a table that lacks a column which the workflow reads: it would be nothing in every row.
func checkColumns(workflow *workflows.Workflow, foreach *workflows.Foreach, reader RowReader) error {
	table, ok := reader.(Table)
	if !ok {
		return nil
	}
	columns := table.Columns()
	for _, wanted := range foreach.Columns {
		if slices.Contains(columns, wanted.Name) {
			continue
		}
		hint := "."
		if near := diagnostic.Suggest(wanted.Name, columns); near != "" {
			hint = fmt.Sprintf(", did you mean %q?", near)
		}
		without := ""
		if !wanted.Listed {
			without = fmt.Sprintf(" (to do without it, write %s ?? \"\")", field(foreach.As, wanted.Name))
		}
		return fmt.Errorf("%s:%d:%d: the list has no column %q%s It has %s%s", workflow.File,
			wanted.Span.Line, wanted.Span.Column, wanted.Name, hint, strings.Join(columns, ", "), without)
	}
	return nil
}

// field is how an expression reads a field: one whose name is no plain word needs brackets.
func field(of, name string) string {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return of + "[" + strconv.Quote(name) + "]"
		}
	}
	return of + "." + name
}

// fillItem decides on the item and keeps its row.
func (e *Engine) fillItem(foreach *workflows.Foreach, names, row map[string]any, item *Item) (err error) {
	if err := selectItem(foreach, names, row, item); err != nil {
		return err
	}
	if item.Data, err = json.Marshal(row); err != nil {
		return err
	}
	if column := e.secretColumn(row, item.Data); column != "" {
		return fmt.Errorf("column %q holds the value of a secret, and rows are kept: leave it out of the list", column)
	}
	return nil
}

func openRows(ctx context.Context, s *scope, foreach *workflows.Foreach, pacer Pacer) (RowReader, error) {
	value, err := foreach.In.Eval(s.names)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(value)
	if err != nil {
		return nil, err
	}
	return open(ctx, rows, pacer)
}

// selectItem fills in the item's key, variant and lane, and whether it takes part.
func selectItem(foreach *workflows.Foreach, names, row map[string]any, item *Item) error {
	item.Status = StatusPending
	if err := keyItem(foreach, names, item); err != nil {
		return err
	}
	item.Variant = variantOf(foreach, workflowName(names), item.Step, item.Key)
	names["variant"] = item.Variant
	if seen, ok := names["item"].(map[string]any); ok { // what comes after the key sees it
		seen["key"] = item.Key
	}
	if foreach.Where != nil {
		value, err := foreach.Where.Eval(names)
		if err != nil {
			return fmt.Errorf("where: %w", err)
		}
		if yes, _ := value.(bool); !yes {
			item.Status, item.Reason = StatusSkipped, ReasonWhere
		}
	}
	if item.Key == "" && item.Status == StatusPending {
		item.Status, item.Reason = StatusSkipped, ReasonEmptyKey
	}
	return laneItem(foreach, names, row, item)
}

func keyItem(foreach *workflows.Foreach, names map[string]any, item *Item) error {
	if foreach.Key == nil {
		item.Key = fmt.Sprint(item.Sequence)
		return nil
	}
	value, err := foreach.Key.Eval(names)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	item.Key = text(value)
	return nil
}

func laneItem(foreach *workflows.Foreach, names, row map[string]any, item *Item) error {
	if foreach.Lane == nil {
		item.Lane = text(row["account"])
		return nil
	}
	value, err := foreach.Lane.Eval(names)
	if err != nil {
		return fmt.Errorf("lane: %w", err)
	}
	item.Lane = text(value)
	return nil
}

// text writes a key or a lane; nothing is the empty text.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case float64:
		if whole := int64(value); float64(whole) == value {
			return fmt.Sprint(whole)
		}
	}
	return fmt.Sprint(value)
}
