package ledger

import (
	"database/sql/driver"
	"fmt"

	"youmiflow/engine"
)

// addItems adds a batch of a snapshot. Items get their ids one behind the other, in the order given.
func (g *group) addItems(c engine.AddItems) error {
	series, err := g.seriesOf(c.Run, c.Step)
	if err != nil || len(c.Items) == 0 {
		return err
	}
	id, err := g.lastItem()
	if err != nil {
		return err
	}
	first := id + 1
	for i := range c.Items {
		id++
		status, err := g.addItem(id, series.id, &c.Items[i])
		if err != nil {
			return err
		}
		g.count(c.Run, countItems, c.Step, string(status), 1)
	}
	g.lastID, series.last = id, id
	if series.first == 0 {
		series.first = first
	}
	_, err = g.exec(`UPDATE series SET first = ?, last = ? WHERE id = ?`, series.first, series.last, series.id)
	return err
}

// To bind a value costs more than to keep it: what most rows have alike stands in the text of a statement of their own,
// here and with what follows.
const (
	insertItem = `INSERT INTO item (id, series, lane, sequence, source_row, item_key, data, variant, wave, chosen, status,
		reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	insertPlainItem = `INSERT INTO item (id, series, lane, sequence, source_row, item_key, data, variant, wave, chosen, status,
		reason) VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, 1, 'pending', '') ON CONFLICT DO NOTHING`
)

// addItem adds one item and returns the status it got. The unique index on chosen keys finds the duplicates.
func (g *group) addItem(id, series int64, item *engine.Item) (engine.Status, error) {
	lane, err := g.laneOf(series, item.Lane)
	if err != nil {
		return "", err
	}
	insert := func(chosen int64, status engine.Status, reason string) (int64, error) {
		if chosen == 1 && status == engine.StatusPending && reason == "" && item.Variant == "" && item.Wave == 0 {
			return g.exec(insertPlainItem, id, series, lane, item.Sequence, int64(item.Row), item.Key, document(item.Data))
		}
		return g.exec(insertItem, id, series, lane, item.Sequence, int64(item.Row), item.Key, document(item.Data),
			item.Variant, int64(item.Wave), chosen, string(status), reason)
	}
	status, reason := item.Status, item.Reason
	if status != engine.StatusSkipped {
		n, err := insert(1, status, reason)
		if err == nil && n == 1 && (len(item.Progress) > 0 || !item.Until.IsZero()) {
			_, err = g.exec(`INSERT INTO item_state (id, status, reason, progress, until) VALUES (?, ?, ?, ?, ?)`, id,
				string(status), reason, document(item.Progress), micros(item.Until))
		}
		if err != nil || n == 1 {
			return status, err
		}
		status, reason = engine.StatusSkipped, engine.ReasonDuplicate
	}
	n, err := insert(0, status, reason)
	if err == nil && n != 1 {
		err = fmt.Errorf("item %d is there already", id)
	}
	return status, err
}

// seriesOf finds or makes the series of a step.
func (g *group) seriesOf(run, step string) (*seriesRow, error) {
	series, err := g.findSeries(run, step)
	if err != nil || series != nil {
		return series, err
	}
	row, err := g.row(`INSERT INTO series (run, step, first, last) VALUES (?, ?, 0, 0) RETURNING id`, run, step)
	if err != nil {
		return nil, err
	}
	series = &seriesRow{id: row.int(0)}
	g.series[seriesKey{run, step}] = series
	return series, nil
}

// findSeries returns nil when the step has no items.
func (g *group) findSeries(run, step string) (*seriesRow, error) {
	key := seriesKey{run, step}
	if series, ok := g.series[key]; ok {
		return series, nil
	}
	row, err := g.row(`SELECT id, first, last FROM series WHERE run = ? AND step = ?`, run, step)
	if err != nil || row == nil {
		return nil, err
	}
	series := &seriesRow{id: row.int(0), first: row.int(1), last: row.int(2)}
	g.series[key] = series
	return series, nil
}

// laneOf finds or makes the number of a lane's name.
func (g *group) laneOf(series int64, name string) (int64, error) {
	key := laneName{series, name}
	if id, ok := g.lanes[key]; ok {
		return id, nil
	}
	row, err := g.row(`SELECT id FROM lane WHERE series = ? AND name = ?`, series, name)
	if err == nil && row == nil {
		row, err = g.row(`INSERT INTO lane (series, name, added, epoch, done, clean) VALUES (?, ?, 0, 0, 0, 1)
			RETURNING id`, series, name)
	}
	if err != nil {
		return 0, err
	}
	if len(g.lanes) > remembered {
		clear(g.lanes)
	}
	g.lanes[key] = row.int(0)
	return row.int(0), nil
}

func (g *group) lastItem() (int64, error) {
	if g.lastID < 0 {
		row, err := g.row(`SELECT coalesce(max(id), 0) FROM item`)
		if err != nil {
			return 0, err
		}
		g.lastID = row.int(0)
	}
	return g.lastID, nil
}

func (g *group) dropItems(c engine.DropItems) error {
	series, err := g.findSeries(c.Run, c.Step)
	if err != nil || series == nil {
		return err
	}
	span := []driver.Value{series.id, series.first, series.last}
	err = g.each(`SELECT coalesce(item_state.status, item.status), count(*) FROM item LEFT JOIN item_state ON item_state.id = item.id
		WHERE series = ? AND item.id BETWEEN ? AND ? GROUP BY 1`, span,
		func(row values) bool {
			g.count(c.Run, countItems, c.Step, row.text(0), -row.int(1))
			return true
		})
	if err != nil {
		return err
	}
	if _, err := g.exec(`DELETE FROM item_state WHERE id BETWEEN ? AND ? AND id IN (SELECT id FROM item WHERE series = ?)`,
		series.first, series.last, series.id); err != nil {
		return err
	}
	if _, err := g.exec(`DELETE FROM item WHERE series = ? AND id BETWEEN ? AND ?`, span...); err != nil {
		return err
	}
	if _, err := g.exec(`DELETE FROM wave WHERE series = ?`, series.id); err != nil {
		return err
	}
	if _, err := g.exec(`DELETE FROM lane WHERE series = ?`, series.id); err != nil {
		return err
	}
	_, err = g.exec(`DELETE FROM series WHERE id = ?`, series.id)
	clear(g.series)
	clear(g.lanes)
	clear(g.epochs)
	return err
}

// moveText is the first move: for items that may still be as they were at first; laterMove is for the others. Plain ones have neither a
// reason nor an instant.
func moveText(from, to engine.Status, plain bool) string {
	values := quoted(to) + `, '', ?, 0`
	if !plain {
		values = quoted(to) + `, ?, ?, ?`
	}
	return `INSERT INTO item_state (id, status, reason, progress, until) SELECT id, ` + values + ` FROM item
		WHERE id = ? AND series = ? AND status = ` + quoted(from) + ` ON CONFLICT DO UPDATE SET status = excluded.status,
		reason = excluded.reason, progress = coalesce(excluded.progress, progress), until = excluded.until
		WHERE item_state.status = ` + quoted(from)
}

const laterMove = `UPDATE item_state SET status = ?, reason = ?, progress = coalesce(?, progress), until = ?
	WHERE id = ? AND status = ? AND EXISTS (SELECT 1 FROM item WHERE item.id = item_state.id AND series = ?)`

// move is a kind of change of an item's status, which has a statement of its own.
type move struct {
	from, to engine.Status
	plain    bool
}

// firstMove returns the statement's text, written once.
func (s *session) firstMove(m move) string {
	text, ok := s.moves[m]
	if !ok {
		text = moveText(m.from, m.to, m.plain)
		s.moves[m] = text
	}
	return text
}

func (g *group) setItem(c engine.SetItem) error {
	series, err := g.findSeries(c.Run, c.Step)
	if err != nil || series == nil {
		return err
	}
	until := int64(0)
	if c.To == engine.StatusHeld {
		until = micros(c.Until)
	}
	first := g.firstMove(move{c.From, c.To, c.Reason == "" && until == 0})
	var n int64
	if c.Reason == "" && until == 0 {
		n, err = g.exec(first, document(c.Progress), c.ID, series.id)
	} else {
		n, err = g.exec(first, c.Reason, document(c.Progress), until, c.ID, series.id)
	}
	if err == nil && n == 0 {
		n, err = g.exec(laterMove, string(c.To), c.Reason, document(c.Progress), until, c.ID, string(c.From), series.id)
	}
	if n == 1 && c.From != c.To {
		g.count(c.Run, countItems, c.Step, string(c.From), -1)
		g.count(c.Run, countItems, c.Step, string(c.To), 1)
	}
	return err
}

// admitUnknown refuses to settle what is settled.
func (g *group) admitUnknown(c engine.RequireUnknown) error {
	row, err := g.row(`SELECT coalesce(now.status, item.status) FROM item LEFT JOIN item_state AS now ON now.id = item.id
		WHERE item.id = ? AND item.series = (SELECT id FROM series WHERE run = ? AND step = ?)`, c.ID, c.Run, c.Step)
	if err != nil {
		return err
	}
	if row == nil || row.text(0) != string(engine.StatusUnknown) {
		return errRefused{fmt.Errorf("item %d of run %s: %w", c.ID, c.Run, engine.ErrNotUnknown)}
	}
	for _, call := range c.Calls {
		row, err := g.row(`SELECT 1 FROM call JOIN call_kind ON call_kind.id = call.kind
			JOIN call_outcome ON call_outcome.ordinal = call.ordinal
			WHERE call.item = ? AND call_kind.step = ? AND call.attempt = ? AND call_outcome.state = 'unknown'`, call.Item, call.Step, int64(call.Attempt))
		if err != nil {
			return err
		}
		if row == nil {
			return errRefused{fmt.Errorf("%s of item %d of run %s: %w", call.Step, c.ID, c.Run, engine.ErrNotUnknown)}
		}
	}
	return nil
}

// endItems looks at the lane once for each status that it ends, since each is counted for itself.
func (g *group) endItems(c engine.EndItems) error {
	for _, from := range []engine.Status{engine.StatusPending, engine.StatusHeld} {
		n, err := g.exec(`INSERT INTO item_state (id, status, reason, progress, until) SELECT item.id, ?, ?, NULL, 0
			FROM item INDEXED BY item_lane LEFT JOIN item_state AS now ON now.id = item.id
			WHERE item.chosen = 1 AND coalesce(now.status, item.status) = ? AND now.progress IS NULL
			AND item.lane = (SELECT lane.id FROM lane JOIN series ON series.id = lane.series
			WHERE series.run = ? AND series.step = ? AND lane.name = ?)
			ON CONFLICT DO UPDATE SET status = excluded.status, reason = excluded.reason, until = 0`,
			string(c.To), c.Reason, string(from), c.Run, c.Step, c.Lane)
		if err != nil {
			return err
		}
		g.count(c.Run, countItems, c.Step, string(from), -n)
		g.count(c.Run, countItems, c.Step, string(c.To), n)
	}
	return nil
}
