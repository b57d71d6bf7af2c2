package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
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
	case engine.AssignWaves:
		return g.assignWaves(c)
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
	case engine.Decide:
		return g.decide(c)
	case engine.Wake:
		g.wakes = append(g.wakes, c)
		return nil
	}
	return g.changeBeside(change)
}

// changeBeside does a change of what lies beside the runs: schedules, accounts, events, notices, and who did what.
func (g *group) changeBeside(change engine.Change) error {
	switch c := change.(type) {
	case engine.SetAccount:
		return g.setAccount(c.Account)
	case engine.SetSchedule:
		return g.setSchedule(c)
	case engine.PauseSchedule:
		return g.pauseSchedule(c)
	case engine.DropSchedule:
		return g.dropSchedule(c)
	case engine.AddNotice:
		return g.addNotice(c.Notice)
	case engine.RequireIdle, engine.RequireUnknown:
		return nil
	case engine.RequireRoom:
		return g.takeRoom(c)
	case engine.AddWaiting:
		return g.addWaiting(c)
	case engine.DropWaiting:
		return g.dropWaiting(c)
	case engine.Listen:
		return g.listen(c)
	case engine.SetEventCursor:
		return g.setEventCursor(c.Sequence)
	case engine.AddAudit:
		return g.addAudit(c)
	}
	return fmt.Errorf("the ledger does not know the change %T", change)
}

func (g *group) addAudit(c engine.AddAudit) error {
	_, err := g.exec(`INSERT INTO audit (at, who, action, target, note) VALUES (?, ?, ?, ?, ?)`,
		micros(c.At), c.Who, c.Action, c.On, c.Note)
	return err
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

// quoted is a status as SQL writes it.
func quoted(status engine.Status) string {
	return "'" + strings.ReplaceAll(string(status), "'", "''") + "'"
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
