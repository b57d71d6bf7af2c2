package ledger

import (
	"database/sql/driver"

	"youmiflow/engine"
)

// assignWaves notes where each wave begins. The ids of a step's items grow with their sequence, so that a wave is a
// range of them and no item has to be written again.
func (g *group) assignWaves(c engine.AssignWaves) error {
	series, err := g.findSeries(c.Run, c.Step)
	if err != nil || series == nil {
		return err
	}
	if _, err := g.exec(`DELETE FROM wave WHERE series = ?`, series.id); err != nil {
		return err
	}
	first, found, err := g.pendingFrom(series, series.first, 0)
	for i, size := range c.Sizes {
		last := i == len(c.Sizes)-1
		if err != nil || !found {
			return err
		}
		if size <= 0 && !last {
			continue
		}
		if _, err := g.exec(`INSERT INTO wave (series, number, first) VALUES (?, ?, ?)`, series.id, int64(i+1), first); err != nil {
			return err
		}
		if !last {
			first, found, err = g.pendingFrom(series, first, int64(size))
		}
	}
	return err
}

// pendingFrom finds the pending item that n others stand before, counted from the item first.
func (g *group) pendingFrom(series *seriesRow, first, n int64) (id int64, found bool, err error) {
	row, err := g.row(`SELECT item.id FROM item NOT INDEXED LEFT JOIN item_state ON item_state.id = item.id
		WHERE item.id BETWEEN ? AND ? AND item.series = ? AND item.chosen = 1
		AND coalesce(item_state.status, item.status) = 'pending' ORDER BY item.id LIMIT 1 OFFSET ?`,
		first, series.last, series.id, n)
	if err != nil || row == nil {
		return 0, false, err
	}
	return row.int(0), true, nil
}

// selectWave gives the first and the last id of a wave, of a series that ends with the first argument.
const selectWave = `SELECT first, coalesce((SELECT min(later.first) FROM wave AS later WHERE later.series = wave.series
	AND later.first > wave.first) - 1, ?) FROM wave WHERE series = ? AND number = ?`

// waveRange returns the ids between which the wave's items lie, and others'; nothing when it has none.
func (g *group) waveRange(series *seriesRow, wave int) (first, last int64, err error) {
	row, err := g.row(selectWave, series.last, series.id, int64(wave))
	if err != nil || row == nil {
		return 0, -1, err
	}
	return row.int(0), row.int(1), nil
}

// addWave opens and wakes the lanes that have work in the wave.
func (g *group) addWave(c engine.AddLanes, series *seriesRow) error {
	first, last, err := g.waveRange(series, c.Wave)
	if err != nil || first > last {
		return err
	}
	var lanes []int64
	err = g.each(`SELECT id, name FROM lane WHERE series = ? AND EXISTS (SELECT 1 FROM item INDEXED BY item_lane
		LEFT JOIN item_state ON item_state.id = item.id WHERE item.chosen = 1 AND item.lane = lane.id
		AND item.id BETWEEN ? AND ? AND coalesce(item_state.status, item.status) IN ('pending', 'held')) ORDER BY id`,
		[]driver.Value{series.id, first, last}, func(row values) bool {
			lanes = append(lanes, row.int(0))
			g.wakes = append(g.wakes, engine.Wake{LaneKey: engine.LaneKey{Run: c.Run, Step: c.Step, Lane: row.text(1)}})
			return true
		})
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		if _, err := g.exec(`UPDATE lane SET added = 1, done = 0 WHERE id = ?`, lane); err != nil {
			return err
		}
	}
	return nil
}
