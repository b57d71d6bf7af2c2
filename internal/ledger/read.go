package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"youmiflow/engine"
)

const selectRun = `SELECT id, workflow, digest, connection, sandbox, params, fired_by, scheduled_at, created_at, started_at,
	finished_at, status, wanted, plan, git_commit, has_foreach, error, parent, versions, test, outputs, not_before, queued, event, copied_at, request,
	(SELECT json_group_array(json_array(kind, step, status, n)) FROM tally WHERE tally.run = run.id) FROM run`

// Run implements engine.Ledger.
func (l *Ledger) Run(ctx context.Context, id string) (engine.Run, error) {
	run, err := scanRun(l.read.QueryRowContext(ctx, selectRun+` WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = engine.ErrNotFound
	}
	if err != nil {
		return engine.Run{}, fmt.Errorf("run %s: %w", id, err)
	}
	return run, nil
}

// Runs implements engine.Ledger.
func (l *Ledger) Runs(ctx context.Context, filter engine.RunFilter) ([]engine.Run, error) {
	var where conditions
	if filter.Workflow != "" {
		where.add("workflow = ?", filter.Workflow)
	}
	if filter.Parent != "" {
		where.add("parent IS NOT NULL AND json_extract(parent, '$.run') = ?", filter.Parent)
	}
	if filter.Sandbox != nil {
		where.add("sandbox = ?", boolean(*filter.Sandbox))
	}
	if filter.Before != "" {
		where.add("sequence < (SELECT sequence FROM run WHERE id = ?)", filter.Before)
	}
	in(&where, "status", filter.Statuses)
	query := selectRun + where.clause() + ` ORDER BY sequence DESC` + limit(filter.Limit)
	return collect(ctx, l.read, scanRun, query, where.args...)
}

// Counts implements engine.Ledger.
func (l *Ledger) Counts(ctx context.Context, run, step string) (map[engine.Status]int, error) {
	type count struct {
		status engine.Status
		n      int
	}
	all, err := collect(ctx, l.read, func(row scanner) (c count, err error) {
		return c, row.Scan(&c.status, &c.n)
	}, `SELECT status, n FROM tally WHERE run = ? AND kind = 'item' AND step = ? AND n <> 0`, run, step)
	counts := make(map[engine.Status]int, len(all))
	for _, c := range all {
		counts[c.status] = c.n
	}
	return counts, err
}

// limit is a LIMIT clause; 0 is none.
func limit(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" LIMIT %d", n)
}

// scanner is a row or the rows of a query.
type scanner interface{ Scan(...any) error }

func scanRun(row scanner) (engine.Run, error) {
	var r engine.Run
	var params, problem, tally string
	var parent, versions, test, outputs, event sql.NullString
	var scheduled, created, started, finished, notBefore, copied int64
	err := row.Scan(&r.ID, &r.Workflow, &r.Digest, &r.Connection, &r.Sandbox, &params, &r.Trigger, &scheduled, &created,
		&started, &finished, &r.Status, &r.Wanted, &r.Plan, &r.Commit, &r.Foreach, &problem,
		&parent, &versions, &test, &outputs, &notBefore, &r.Queued, &event, &copied, &r.Request, &tally)
	if err != nil {
		return r, err
	}
	r.ScheduledAt, r.CreatedAt = fromMicros(scheduled), fromMicros(created)
	r.StartedAt, r.FinishedAt, r.NotBefore = fromMicros(started), fromMicros(finished), fromMicros(notBefore)
	r.Copied = fromMicros(copied)
	if r.Error, err = fromFailure(problem); err != nil {
		return r, err
	}
	r.Outputs = fromDocument(outputs)
	for _, document := range []struct {
		text string
		into any
	}{{params, &r.Params}, {parent.String, &r.Parent}, {versions.String, &r.Versions}, {test.String, &r.Test}, {event.String, &r.Event}} {
		if document.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(document.text), document.into); err != nil {
			return r, fmt.Errorf("run %s: %w", r.ID, err)
		}
	}
	return r, addCounts(&r, tally)
}

// addCounts reads the run's rows of tally: its foreach items, or else its root item.
func addCounts(r *engine.Run, tally string) error {
	r.Counts = map[engine.Status]int{}
	r.Calls = map[engine.CallState]int{}
	r.Takeovers = map[engine.TakeoverState]int{}
	var cells [][4]any
	if err := json.Unmarshal([]byte(tally), &cells); err != nil {
		return err
	}
	for _, cell := range cells {
		kind, _ := cell[0].(string)
		step, _ := cell[1].(string)
		status, _ := cell[2].(string)
		n, _ := cell[3].(float64)
		switch {
		case n == 0:
		case kind == countCalls:
			r.Calls[engine.CallState(status)] += int(n)
		case kind == countTakeovers:
			r.Takeovers[engine.TakeoverState(status)] += int(n)
		case kind == countItems && r.Foreach == (step != ""):
			r.Counts[engine.Status(status)] += int(n)
		}
	}
	return nil
}

// Workflow implements engine.Ledger.
func (l *Ledger) Workflow(ctx context.Context, digest string) (engine.WorkflowVersion, error) {
	var v engine.WorkflowVersion
	err := l.read.QueryRowContext(ctx, `SELECT digest, name, file, git_commit, source FROM workflow_version WHERE digest = ?`,
		digest).Scan(&v.Digest, &v.Name, &v.File, &v.Commit, &v.Source)
	if errors.Is(err, sql.ErrNoRows) {
		err = engine.ErrNotFound
	}
	if err != nil {
		return engine.WorkflowVersion{}, fmt.Errorf("workflow version %s: %w", digest, err)
	}
	return v, nil
}

// Steps implements engine.Ledger: in the order in which they were first written.
func (l *Ledger) Steps(ctx context.Context, run string) ([]engine.StepRow, error) {
	return collect(ctx, l.read, func(row scanner) (engine.StepRow, error) {
		s := engine.StepRow{Run: run}
		var problem string
		var outputs sql.NullString
		if err := row.Scan(&s.Path, &s.Status, &outputs, &problem); err != nil {
			return s, err
		}
		var err error
		s.Outputs = fromDocument(outputs)
		s.Error, err = fromFailure(problem)
		return s, err
	}, `SELECT path, status, outputs, error FROM step WHERE run = ? ORDER BY sequence`, run)
}

// Lanes implements engine.Ledger: in the order in which their names first appeared.
func (l *Ledger) Lanes(ctx context.Context, run, step string) ([]engine.Lane, error) {
	return collect(ctx, l.read, func(row scanner) (engine.Lane, error) {
		lane := engine.Lane{LaneKey: engine.LaneKey{Run: run, Step: step}}
		var waits sql.NullString
		err := row.Scan(&lane.Lane, &lane.Epoch, &lane.Done, &lane.Clean, &waits)
		if err == nil && waits.Valid {
			err = json.Unmarshal([]byte(waits.String), &lane.Waits)
		}
		return lane, err
	}, `SELECT name, epoch, done, clean, waits FROM lane WHERE added = 1
		AND series = (SELECT id FROM series WHERE run = ? AND step = ?) ORDER BY id`, run, step)
}

// Takeovers implements engine.Ledger.
func (l *Ledger) Takeovers(ctx context.Context, filter engine.TakeoverFilter) ([]engine.Takeover, error) {
	var where conditions
	if filter.Run != "" {
		where.add("run = ?", filter.Run)
	}
	if filter.Item != 0 {
		where.add("item = ?", filter.Item)
	}
	in(&where, "state", filter.States)
	if closed := func(s engine.TakeoverState) bool {
		return s != engine.TakeoverIntended && s != engine.TakeoverHeld && s != engine.TakeoverStuck
	}; len(filter.States) > 0 && !slices.ContainsFunc(filter.States, closed) {
		where.add("state IN ('intended', 'held', 'stuck')") // takeover_open serves it
	}
	return collect(ctx, l.read, func(row scanner) (engine.Takeover, error) {
		var t engine.Takeover
		var handle sql.NullString
		var at int64
		err := row.Scan(&t.Run, &t.Item, &t.Step, &t.Connection, &t.Account, &t.Friend, &handle, &t.State, &t.Message, &at)
		t.Handle, t.At = fromDocument(handle), fromMicros(at)
		return t, err
	}, `SELECT run, item, step, connection, account, friend, handle, state, message, at FROM takeover`+
		where.clause()+` ORDER BY at, item, step`, where.args...)
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// conditions gathers a WHERE clause.
type conditions struct {
	terms []string
	args  []any
}

func (c *conditions) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

func (c *conditions) clause() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// in adds that the column is one of the values; none stands for all.
func in[T ~string](c *conditions, column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = string(value)
	}
	c.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func fromDocument(text sql.NullString) json.RawMessage {
	if !text.Valid {
		return nil
	}
	return json.RawMessage(text.String)
}

func fromFailure(text string) (*engine.Failure, error) {
	if text == "" {
		return nil, nil
	}
	f := &engine.Failure{}
	return f, json.Unmarshal([]byte(text), f)
}
