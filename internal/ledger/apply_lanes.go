package ledger

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"youmiflow/engine"
)

// addLanes adds the lanes of pending items and wakes them; lanes that are there keep their epoch.
func (g *group) addLanes(c engine.AddLanes) error {
	series, err := g.findSeries(c.Run, c.Step)
	if err != nil || series == nil {
		return err
	}
	if c.Wave != 0 {
		return g.addWave(c, series)
	}
	if _, err := g.exec(`UPDATE lane SET added = 1 WHERE series = ? AND added = 0 AND EXISTS (SELECT 1 FROM item
		INDEXED BY item_lane WHERE item.chosen = 1 AND item.lane = lane.id AND item.status = 'pending')`, series.id); err != nil {
		return err
	}
	return g.each(`SELECT name FROM lane WHERE series = ? AND added = 1 AND done = 0 ORDER BY id`,
		[]driver.Value{series.id}, func(row values) bool {
			g.wakes = append(g.wakes, engine.Wake{LaneKey: engine.LaneKey{Run: c.Run, Step: c.Step, Lane: row.text(0)}})
			return true
		})
}

const oneLane = ` WHERE added = 1 AND name = ? AND series = (SELECT id FROM series WHERE run = ? AND step = ?)`

func (g *group) setLane(c engine.SetLane) error {
	waits, err := waitsText(c.Waits)
	if err != nil {
		return err
	}
	n, err := g.exec(`UPDATE lane SET done = ?, clean = ?, waits = ?`+oneLane, boolean(c.Done), boolean(c.Clean), waits, c.Lane, c.Run, c.Step)
	if err == nil && n == 0 {
		err = fmt.Errorf("lane %q of step %q of run %s: %w", c.Lane, c.Step, c.Run, engine.ErrNotFound)
	}
	return err
}

// waitsText is NULL for a lane of which nothing is known.
func waitsText(waits *engine.Waits) (driver.Value, error) {
	if waits == nil {
		return nil, nil
	}
	text, err := json.Marshal(waits)
	if err != nil {
		return nil, fmt.Errorf("writing what a lane waits for: %w", err)
	}
	return string(text), nil
}

// Seize implements engine.Ledger. ErrNotFound.
func (l *Ledger) Seize(ctx context.Context, key engine.LaneKey) (engine.Lane, error) {
	var lane engine.Lane
	err := l.submit(ctx, &pending{do: func(g *group) (err error) {
		lane, err = g.seize(key)
		return err
	}}).Wait(ctx)
	if err != nil {
		return engine.Lane{}, err
	}
	return lane, nil
}

func (g *group) seize(key engine.LaneKey) (engine.Lane, error) {
	row, err := g.row(`SELECT epoch, done, clean FROM lane`+oneLane, key.Lane, key.Run, key.Step)
	if err != nil {
		return engine.Lane{}, err
	}
	if row == nil {
		return engine.Lane{}, errRefused{fmt.Errorf("lane %q of step %q of run %s: %w", key.Lane, key.Step, key.Run, engine.ErrNotFound)}
	}
	lane := engine.Lane{LaneKey: key, Epoch: row.int(0) + 1, Done: row.int(1) != 0, Clean: row.int(2) != 0}
	// Until its holder says otherwise, it has not let go in order.
	if _, err := g.exec(`UPDATE lane SET epoch = ?, clean = 0, waits = NULL`+oneLane, lane.Epoch, key.Lane, key.Run, key.Step); err != nil {
		return engine.Lane{}, err
	}
	g.epochs[key] = lane.Epoch
	return lane, nil
}
