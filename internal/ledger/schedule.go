package ledger

import (
	"context"
	"fmt"

	"youmiflow/engine"
)

var _ engine.Schedules = (*Ledger)(nil)

// openRuns are the statuses that the index run_open is of.
const openRuns = `status IN ('pending', 'running', 'paused')`

// admitSchedule refuses to change a schedule that is not as whoever asks for it has seen it.
func (g *group) admitSchedule(c engine.SetSchedule) error {
	row, err := g.row(`SELECT considered_at, paused + coalesce((SELECT max(paused) FROM schedule
		WHERE workflow = ?1 AND sandbox = 0 AND name IN ('', ?2)), 0)
		FROM schedule WHERE workflow = ?1 AND name = ?2 AND sandbox = ?3`, c.Workflow, c.Trigger, boolean(c.Sandbox))
	if err != nil {
		return err
	}
	switch {
	case row == nil && c.Was == nil, c.Force:
		return nil
	case row == nil || c.Was == nil, row.int(0) != micros(*c.Was), row.int(1) != 0:
		return errRefused{engine.ErrStale}
	}
	return nil
}

// admitIdle refuses an entry while a run of the workflow goes on. Runs that others call, and test sends, do not count.
func (g *group) admitIdle(c engine.RequireIdle) error {
	row, err := g.row(`SELECT id FROM run WHERE workflow = ? AND sandbox = ? AND parent IS NULL AND test IS NULL AND `+openRuns+
		` ORDER BY sequence DESC LIMIT 1`, c.Workflow, boolean(c.Sandbox))
	if err == nil && row != nil {
		return errRefused{fmt.Errorf("run %s: %w", row.text(0), engine.ErrBusy)}
	}
	return err
}

func (g *group) setSchedule(c engine.SetSchedule) error {
	_, err := g.exec(`INSERT INTO schedule (workflow, name, sandbox, definition, considered_at, next_at, paused, fired_at, fired_run,
		last_at, last_outcome, last_reason, fired, skipped, missed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET definition = excluded.definition, considered_at = excluded.considered_at,
		next_at = excluded.next_at, fired_at = excluded.fired_at, fired_run = excluded.fired_run, last_at = excluded.last_at,
		last_outcome = excluded.last_outcome, last_reason = excluded.last_reason, fired = excluded.fired,
		skipped = excluded.skipped, missed = excluded.missed`,
		c.Workflow, c.Trigger, boolean(c.Sandbox), c.Definition, micros(c.ConsideredAt), micros(c.NextAt), boolean(c.Paused), micros(c.FiredAt),
		c.FiredRun, micros(c.LastAt), string(c.LastOutcome), c.LastReason, int64(c.Fired), int64(c.Skipped), int64(c.Missed))
	return err
}

func (g *group) pauseSchedule(c engine.PauseSchedule) error {
	if _, err := g.exec(`INSERT INTO schedule (workflow, name, sandbox, definition, considered_at, next_at, paused, fired_at, fired_run,
		last_at, last_outcome, last_reason, fired, skipped, missed) VALUES (?, ?, 0, '', 0, 0, ?, 0, '', 0, '', '', 0, 0, 0)
		ON CONFLICT DO UPDATE SET paused = excluded.paused`, c.Workflow, c.Trigger, boolean(c.Paused)); err != nil {
		return err
	}
	if !c.Paused { // what has passed meanwhile is over: neither made up for nor missed
		if _, err := g.exec(`UPDATE schedule SET considered_at = max(considered_at, ?) WHERE workflow = ? AND considered_at <> 0
			AND (name = ? OR ? = '')`, micros(c.At), c.Workflow, c.Trigger, c.Trigger); err != nil {
			return err
		}
	}
	if _, err := g.exec(`UPDATE schedule_edit SET n = n + 1`); err != nil {
		return err
	}
	action, on := "resume schedule", "workflow "+c.Workflow
	if c.Paused {
		action = "pause schedule"
	}
	if c.Trigger != "" {
		on += ", trigger " + c.Trigger
	}
	return g.addAudit(engine.AddAudit{At: c.At, Who: c.Who, Action: action, On: on})
}

func (g *group) dropSchedule(c engine.DropSchedule) error {
	_, err := g.exec(`DELETE FROM schedule WHERE workflow = ? AND name = ? AND sandbox = ? AND paused = 0`, c.Workflow, c.Trigger,
		boolean(c.Sandbox))
	return err
}

// release has the run begin that waits behind one that is over.
func (g *group) release(run string) error {
	row, err := g.row(`SELECT next.id FROM run AS done JOIN run AS next ON next.workflow = done.workflow AND next.sandbox = done.sandbox
		WHERE done.id = ? AND next.status = 'pending' AND next.queued = 1 ORDER BY next.sequence LIMIT 1`, run)
	if err == nil && row != nil {
		g.wakes = append(g.wakes, engine.Wake{LaneKey: engine.LaneKey{Run: row.text(0)}})
	}
	return err
}

// Schedules implements engine.Schedules: by workflow and trigger.
func (l *Ledger) Schedules(ctx context.Context) ([]engine.Schedule, error) {
	return collect(ctx, l.read, func(row scanner) (engine.Schedule, error) {
		var s engine.Schedule
		var considered, next, fired, last int64
		err := row.Scan(&s.Workflow, &s.Trigger, &s.Sandbox, &s.Definition, &considered, &next, &s.Paused, &fired, &s.FiredRun, &last,
			&s.LastOutcome, &s.LastReason, &s.Fired, &s.Skipped, &s.Missed)
		s.ConsideredAt, s.NextAt = fromMicros(considered), fromMicros(next)
		s.FiredAt, s.LastAt = fromMicros(fired), fromMicros(last)
		return s, err
	}, `SELECT workflow, name, sandbox, definition, considered_at, next_at, paused, fired_at, fired_run, last_at, last_outcome,
		last_reason, fired, skipped, missed FROM schedule ORDER BY workflow, name, sandbox`)
}

// ScheduleEdits implements engine.Schedules.
func (l *Ledger) ScheduleEdits(ctx context.Context) (int64, error) {
	var n int64
	err := l.read.QueryRowContext(ctx, `SELECT n FROM schedule_edit`).Scan(&n)
	return n, err
}
