package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"youmiflow/engine"
)

// change does one change.
func (g *group) change(change engine.Change) error {
	switch c := change.(type) {
	case engine.AddCall:
		return g.addCall(c.Call)
	case engine.SetCall:
		return g.setCall(c)
	case engine.SetItem:
		return g.setItem(c)
	case engine.EndItems:
		return g.endItems(c)
	case engine.AddItems:
		return g.addItems(c)
	case engine.DropItems:
		return g.dropItems(c)
	case engine.AddLanes:
		return g.addLanes(c)
	case engine.SetLane:
		return g.setLane(c)
	case engine.SetTakeover:
		return g.setTakeover(c.Takeover)
	case engine.AddWorkflow:
		return g.addWorkflow(c.WorkflowVersion)
	case engine.AddRun:
		return g.addRun(c.Run)
	case engine.SetRun:
		return g.setRun(c)
	case engine.SetStep:
		return g.setStep(c.StepRow)
	case engine.Wake:
		g.wakes = append(g.wakes, c)
		return nil
	case engine.AddAudit:
		_, err := g.exec(`INSERT INTO audit (at, who, action, target, note) VALUES (?, ?, ?, ?, ?)`,
			micros(c.At), c.Who, c.Action, c.On, c.Note)
		return err
	}
	return fmt.Errorf("the ledger does not know the change %T", change)
}

func (g *group) addWorkflow(v engine.WorkflowVersion) error {
	source := v.Source
	if source == nil {
		source = []byte{}
	}
	_, err := g.exec(`INSERT INTO workflow_version (digest, name, file, git_commit, source) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, v.Digest, v.Name, v.File, v.Commit, source)
	return err
}

// manual is the trigger of runs that may be started any number of times.
const manual = "manual"

// admitRun refuses a run that is there already.
func (g *group) admitRun(r engine.Run) error {
	row, err := g.row(`SELECT 1 FROM run WHERE id = ?`, r.ID)
	if err == nil && row == nil && r.Trigger != manual {
		row, err = g.row(`SELECT 1 FROM run WHERE workflow = ? AND scheduled_at = ? AND fired_by <> 'manual'`,
			r.Workflow, micros(r.ScheduledAt))
	}
	if err == nil && row != nil {
		return errRefused{engine.ErrExists}
	}
	return err
}

// admitWanted refuses to want anything of a run that is over, or anything else of one that is being cancelled.
func (g *group) admitWanted(c engine.SetRun) error {
	if c.Wanted == nil {
		return nil
	}
	row, err := g.row(`SELECT status, wanted FROM run WHERE id = ?`, c.ID)
	if err != nil || row == nil {
		return err
	}
	over := engine.Status(row.text(0)).Over()
	if over || engine.Wanted(row.text(1)) == engine.WantCancel && *c.Wanted != engine.WantCancel {
		return errRefused{engine.ErrOver}
	}
	return nil
}

func (g *group) addRun(r engine.Run) error {
	params, err := json.Marshal(r.Params)
	if err != nil {
		return errRefused{fmt.Errorf("the params of run %s: %w", r.ID, err)}
	}
	if _, err := g.exec(`INSERT INTO run (id, workflow, digest, connection, sandbox, params, fired_by, scheduled_at,
		created_at, started_at, finished_at, status, wanted, plan, git_commit, has_foreach, error)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Workflow, r.Digest, r.Connection, boolean(r.Sandbox), string(params), r.Trigger, micros(r.ScheduledAt),
		micros(r.CreatedAt), micros(r.StartedAt), micros(r.FinishedAt), string(r.Status), string(r.Wanted), r.Plan,
		r.Commit, boolean(r.Foreach), failure(r.Error)); err != nil {
		return err
	}
	if err := g.addItems(engine.AddItems{Run: r.ID, Items: []engine.Item{{Status: engine.StatusPending}}}); err != nil {
		return err
	}
	_, err = g.exec(`UPDATE lane SET added = 1 WHERE series = ?`, g.series[seriesKey{r.ID, ""}].id)
	return err
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
		started_at = coalesce(?, started_at), finished_at = coalesce(?, finished_at), error = coalesce(?, error)
		WHERE id = ?`, status, wanted, started, finished, problem, c.ID)
	if err == nil && n == 0 {
		err = fmt.Errorf("run %s: %w", c.ID, engine.ErrNotFound)
	}
	return err
}

func (g *group) setStep(r engine.StepRow) error {
	_, err := g.exec(`INSERT INTO step (run, path, status, outputs, error) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET status = excluded.status, outputs = excluded.outputs, error = excluded.error`,
		r.Run, r.Path, string(r.Status), document(r.Outputs), failure(r.Error))
	return err
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// document is JSON as the ledger keeps it: text, which people can read, or NULL.
func document(raw json.RawMessage) driver.Value {
	if len(raw) == 0 {
		return nil
	}
	return string(raw)
}

func failure(f *engine.Failure) string {
	if f == nil || *f == (engine.Failure{}) {
		return ""
	}
	text, err := json.Marshal(f)
	if err != nil { // two strings always marshal
		return ""
	}
	return string(text)
}
