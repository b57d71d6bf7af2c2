package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"youmiflow/engine"
)

var _ engine.Backlogs = (*Ledger)(nil)

// unfinishedOf counts the runs that are not over and take from a room: by the index of runs that are not, of which there
// are few.
const unfinishedOf = `SELECT count(*) FROM run WHERE workflow = ? AND sandbox = ? AND fired_trigger <> ''
	AND fired_trigger NOT IN (SELECT value FROM json_each(?)) AND parent IS NULL AND ` + openRuns

// others is a list of texts as SQL takes it.
func others(room engine.Room) (string, error) {
	if len(room.Others) == 0 {
		return "[]", nil
	}
	list, err := json.Marshal(room.Others)
	return string(list), err
}

// admitRoom refuses an entry while a trigger has as many runs as it may have.
func (g *group) admitRoom(c engine.RequireRoom) error {
	list, err := others(c.Room)
	if err != nil {
		return err
	}
	row, err := g.row(unfinishedOf, c.Workflow, boolean(c.Sandbox), list)
	if err == nil && row.int(0) >= int64(c.Most) {
		return errRefused{fmt.Errorf("%d runs of %s are not over: %w", row.int(0), c.Workflow, engine.ErrFull)}
	}
	return err
}

// takeRoom has a run count among those of its trigger.
func (g *group) takeRoom(c engine.RequireRoom) error {
	_, err := g.exec(`UPDATE run SET fired_trigger = ? WHERE id = ?`, c.Trigger, c.Run)
	return err
}

func (g *group) addWaiting(c engine.AddWaiting) error {
	_, err := g.exec(`INSERT INTO event_waiting (workflow, name, sandbox, event) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		c.Workflow, c.Trigger, boolean(c.Sandbox), c.Event)
	return err
}

func (g *group) dropWaiting(c engine.DropWaiting) error {
	_, err := g.exec(`DELETE FROM event_waiting WHERE workflow = ? AND name = ? AND sandbox = ? AND (event = ? OR ? = 0)`,
		c.Workflow, c.Trigger, boolean(c.Sandbox), c.Event, c.Event)
	return err
}

// Backlogs implements engine.Backlogs. It goes from one trigger to the next by the key, over what waits in between.
func (l *Ledger) Backlogs(ctx context.Context) (list []engine.Backlog, err error) {
	last := engine.Backlog{}
	for {
		err := l.read.QueryRowContext(ctx, `SELECT workflow, name, sandbox FROM event_waiting
			WHERE (workflow, name, sandbox) > (?, ?, ?) ORDER BY workflow, name, sandbox LIMIT 1`, last.Workflow, last.Trigger,
			boolean(last.Sandbox)).Scan(&last.Workflow, &last.Trigger, &last.Sandbox)
		if errors.Is(err, sql.ErrNoRows) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading which events wait: %w", err)
		}
		list = append(list, last)
	}
}

// WaitingEvents implements engine.Backlogs.
func (l *Ledger) WaitingEvents(ctx context.Context, of engine.Backlog, most int) ([]int64, error) {
	list, err := collect(ctx, l.read, scanNumber, `SELECT event FROM event_waiting WHERE workflow = ? AND name = ? AND sandbox = ?
		ORDER BY event LIMIT ?`, of.Workflow, of.Trigger, boolean(of.Sandbox), most)
	if err != nil {
		return nil, fmt.Errorf("reading which events wait: %w", err)
	}
	return list, nil
}

// Unfinished implements engine.Backlogs.
func (l *Ledger) Unfinished(ctx context.Context, room engine.Room) (n int, err error) {
	list, err := others(room)
	if err == nil {
		err = l.read.QueryRowContext(ctx, unfinishedOf, room.Workflow, boolean(room.Sandbox), list).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("counting the runs of %s: %w", room.Workflow, err)
	}
	return n, nil
}

// CountWaiting counts the events that wait for each trigger.
func (l *Ledger) CountWaiting(ctx context.Context) (map[engine.Backlog]int, error) {
	list, err := l.Backlogs(ctx)
	if err != nil {
		return nil, err
	}
	counts := make(map[engine.Backlog]int, len(list))
	for _, of := range list {
		var n int
		err := l.read.QueryRowContext(ctx, `SELECT count(*) FROM event_waiting WHERE workflow = ? AND name = ? AND sandbox = ?`,
			of.Workflow, of.Trigger, boolean(of.Sandbox)).Scan(&n)
		if err != nil {
			return nil, fmt.Errorf("counting the events that wait: %w", err)
		}
		counts[of] = n
	}
	return counts, nil
}
