package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"

	"youmiflow/engine"
)

// manual is the trigger of runs that may be started any number of times.
const manual = "manual"

// admitRun refuses a run that is there already.
func (g *group) admitRun(r engine.Run) error {
	row, err := g.row(`SELECT 1 FROM run WHERE id = ?`, r.ID)
	if err == nil && row == nil && r.Trigger != manual && r.Parent == nil {
		row, err = g.row(`SELECT 1 FROM run WHERE workflow = ? AND scheduled_at = ? AND fired_by <> 'manual'
			AND scheduled_at <> 0 AND parent IS NULL AND sandbox = ?
			UNION ALL SELECT 1 FROM fired WHERE workflow = ? AND scheduled_at = ? AND sandbox = ?`, r.Workflow, micros(r.ScheduledAt), boolean(r.Sandbox),
			r.Workflow, micros(r.ScheduledAt), boolean(r.Sandbox))
	}
	if err == nil && row != nil {
		return errRefused{engine.ErrExists}
	}
	return err
}

// admitWanted refuses to want anything of a run that is over, anything else of one that is being cancelled, and what is
// only meant for a run that is asked for something else.
func (g *group) admitWanted(c engine.SetRun) error {
	if c.Wanted == nil && c.If == nil {
		return nil
	}
	row, err := g.row(`SELECT status, wanted, error FROM run WHERE id = ?`, c.ID)
	if err != nil || row == nil {
		return err
	}
	over := engine.Status(row.text(0)).Over()
	final := engine.Wanted(row.text(1)) == engine.WantCancel
	if c.Wanted != nil && (over || final && *c.Wanted != engine.WantCancel) {
		return errRefused{engine.ErrOver}
	}
	if c.If == nil {
		return nil
	}
	now := engine.Run{Wanted: engine.Wanted(row.text(1))}
	if now.Error, err = fromFailure(row.text(2)); err != nil {
		return errRefused{fmt.Errorf("reading the error of run %s: %w", c.ID, err)}
	}
	if now.Asked() != *c.If {
		return errRefused{engine.ErrChanged}
	}
	return nil
}

func (g *group) addRun(r engine.Run) error {
	params, err := json.Marshal(r.Params)
	if err != nil {
		return errRefused{fmt.Errorf("the params of run %s: %w", r.ID, err)}
	}
	parent, versions, test, event, err := runDocuments(r)
	if err != nil {
		return errRefused{fmt.Errorf("run %s: %w", r.ID, err)}
	}
	if _, err := g.exec(`INSERT INTO run (id, workflow, digest, connection, sandbox, params, fired_by, scheduled_at,
		created_at, started_at, finished_at, status, wanted, plan, git_commit, has_foreach, error, parent, versions, test, outputs,
		not_before, queued, event, copied_at, request)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Workflow, r.Digest, r.Connection, boolean(r.Sandbox), string(params), r.Trigger, micros(r.ScheduledAt),
		micros(r.CreatedAt), micros(r.StartedAt), micros(r.FinishedAt), string(r.Status), string(r.Wanted), r.Plan,
		r.Commit, boolean(r.Foreach), failure(r.Error), parent, versions, test, document(r.Outputs),
		micros(r.NotBefore), boolean(r.Queued), event, micros(r.Copied), r.Request); err != nil {
		return err
	}
	if err := g.addItems(engine.AddItems{Run: r.ID, Items: []engine.Item{{Status: engine.StatusPending}}}); err != nil {
		return err
	}
	_, err = g.exec(`UPDATE lane SET added = 1 WHERE series = ?`, g.series[seriesKey{r.ID, ""}].id)
	return err
}

// runDocuments writes what the ledger keeps of a run as JSON; NULL where it has none.
func runDocuments(r engine.Run) (parent, versions, test, event driver.Value, err error) {
	var problems [4]error
	if r.Parent != nil {
		parent, problems[0] = jsonText(r.Parent)
	}
	if len(r.Versions) > 0 {
		versions, problems[1] = jsonText(r.Versions)
	}
	if r.Test != nil {
		test, problems[2] = jsonText(r.Test)
	}
	if r.Event != nil {
		event, problems[3] = jsonText(r.Event)
	}
	return parent, versions, test, event, errors.Join(problems[:]...)
}

func jsonText(value any) (driver.Value, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func (g *group) setRun(c engine.SetRun) error {
	var status, wanted, started, finished, problem driver.Value
	if c.Status != nil {
		status = string(*c.Status)
	}
	if c.Wanted != nil {
		wanted = string(*c.Wanted)
	}
	if c.StartedAt != nil {
		started = micros(*c.StartedAt)
	}
	if c.FinishedAt != nil {
		finished = micros(*c.FinishedAt)
	}
	if c.Error != nil {
		problem = failure(c.Error)
	}
	n, err := g.exec(`UPDATE run SET status = coalesce(?, status), wanted = coalesce(?, wanted),
		started_at = coalesce(?, started_at), finished_at = coalesce(?, finished_at), error = coalesce(?, error),
		outputs = coalesce(?, outputs) WHERE id = ?`, status, wanted, started, finished, problem, document(c.Outputs), c.ID)
	if err == nil && n == 0 {
		err = fmt.Errorf("run %s: %w", c.ID, engine.ErrNotFound)
	}
	if err == nil && c.Status != nil && c.Status.Over() {
		err = g.release(c.ID)
	}
	return err
}
