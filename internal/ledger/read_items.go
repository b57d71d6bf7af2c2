package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"youmiflow/engine"
)

// chunk is how many rows a stream reads at once. Between chunks no transaction is open, so that a slow reader does not
// keep the WAL from being checkpointed.
const chunk = 500

// Items implements engine.Ledger. Items come by id, which is by sequence within a step.
func (l *Ledger) Items(ctx context.Context, filter engine.ItemFilter) iter.Seq2[engine.Item, error] {
	return func(yield func(engine.Item, error) bool) {
		query, first, args, err := l.itemQuery(ctx, filter)
		scan := scanItem
		if filter.Step != nil && filter.Lane != nil {
			scan = scanLaneItem
		}
		if err != nil || query == "" {
			if err != nil {
				yield(engine.Item{}, err)
			}
			return
		}
		left, after := filter.Limit, max(filter.AfterID, first-1)
		for {
			size := chunk
			if filter.Limit > 0 {
				size = min(size, left)
			}
			items, err := collect(ctx, l.read, scan, query, append([]any{after}, append(args, size)...)...)
			if err != nil {
				yield(engine.Item{}, err)
				return
			}
			for _, item := range items {
				if filter.Step != nil && filter.Lane != nil {
					item.Run, item.Step, item.Lane = filter.Run, *filter.Step, *filter.Lane
				}
				if !yield(item, nil) {
					return
				}
				after = item.ID
			}
			left -= len(items)
			if len(items) < size || filter.Limit > 0 && left <= 0 {
				return
			}
		}
	}
}

// itemQuery builds the query of a chunk; its arguments are the id to go on after, args, and the size. The first id that
// can be found is returned too. No query means that there is nothing to find.
func (l *Ledger) itemQuery(ctx context.Context, filter engine.ItemFilter) (query string, first int64, args []any, err error) {
	series, err := l.findSeries(ctx, filter)
	if err != nil || len(series) == 0 {
		return "", 0, nil, err
	}
	var where conditions
	where.terms = append(where.terms, "item.id > ?")
	wave := waveColumn(series)
	if filter.Wave != 0 {
		if series, err = l.waveScope(ctx, filter.Wave, series, &where); err != nil || len(series) == 0 {
			return "", 0, nil, err
		}
	}
	first = where.within("item.id", series)
	index := "NOT INDEXED" // by id, within the range
	if filter.Lane != nil {
		lanes, err := collect(ctx, l.read, scanNumber, "SELECT id FROM lane WHERE name = ? AND series IN ("+where.list(series)+")", *filter.Lane)
		if err != nil || len(lanes) == 0 {
			return "", 0, nil, err
		}
		where.add("item.lane IN (" + numbers(lanes) + ")")
		if open(filter.Statuses) {
			where.add("item.chosen = 1")
			index = "INDEXED BY item_lane"
		}
	}
	in(&where, "coalesce(item_state.status, item.status)", filter.Statuses)
	if filter.Step != nil && filter.Lane != nil {
		// A lane that is worked on: the names are known, and left out of every row.
		return `SELECT item.id, item.sequence, item.source_row, item.item_key, item.data, item.variant, ` + wave + `,
			coalesce(item_state.status, item.status), coalesce(item_state.reason, item.reason), item_state.progress,
			coalesce(item_state.until, 0)
			FROM item ` + index + ` LEFT JOIN item_state ON item_state.id = item.id` + where.clause() +
			` ORDER BY item.id LIMIT ?`, first, where.args, nil
	}
	return `SELECT item.id, series.run, series.step, item.sequence, item.source_row, item.item_key, lane.name, item.data,
		item.variant, ` + wave + `, coalesce(item_state.status, item.status), coalesce(item_state.reason, item.reason),
		item_state.progress, coalesce(item_state.until, 0) FROM item ` + index + ` LEFT JOIN item_state ON item_state.id = item.id
		CROSS JOIN series ON series.id = item.series CROSS JOIN lane ON lane.id = item.lane` +
		where.clause() + ` ORDER BY item.id LIMIT ?`, first, where.args, nil
}

// waveColumn tells an item's wave: by its place where its series was divided into waves, else as it was added.
func waveColumn(series []seriesRow) string {
	if !slices.ContainsFunc(series, func(s seriesRow) bool { return s.waves }) {
		return "item.wave"
	}
	return `CASE WHEN item.chosen = 1 THEN coalesce((SELECT number FROM wave WHERE wave.series = item.series
		AND wave.first <= item.id ORDER BY wave.first DESC LIMIT 1), item.wave) ELSE item.wave END`
}

// waveScope keeps to the items of a wave, and returns the series that have any, from the first of these to the last.
func (l *Ledger) waveScope(ctx context.Context, wave int, series []seriesRow, where *conditions) (some []seriesRow, err error) {
	var terms []string
	for _, s := range series {
		if !s.waves {
			terms = append(terms, fmt.Sprintf("(item.series = %d AND item.wave = %d)", s.id, wave))
			some = append(some, s)
			continue
		}
		found, err := collect(ctx, l.read, func(row scanner) (seriesRow, error) {
			within := s
			err := row.Scan(&within.first, &within.last)
			return within, err
		}, selectWave, s.last, s.id, wave)
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			terms = append(terms, fmt.Sprintf("(item.series = %d AND item.chosen = 1 AND +item.id BETWEEN %d AND %d)", s.id, s.first, s.last))
		}
		some = append(some, found...)
	}
	if len(some) > 0 {
		where.add("(" + strings.Join(terms, " OR ") + ")")
	}
	return some, nil
}

// numbers writes numbers as a list of SQL.
func numbers(list []int64) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, ", ")
}

func scanNumber(row scanner) (n int64, err error) { return n, row.Scan(&n) }

// open reports whether the statuses are all of items that are not over.
func open(statuses []engine.Status) bool {
	for _, status := range statuses {
		if status.Over() {
			return false
		}
	}
	return len(statuses) > 0
}

func scanItem(row scanner) (engine.Item, error) {
	var i engine.Item
	var data, progress sql.NullString
	var until int64
	err := row.Scan(&i.ID, &i.Run, &i.Step, &i.Sequence, &i.Row, &i.Key, &i.Lane, &data, &i.Variant, &i.Wave, &i.Status,
		&i.Reason, &progress, &until)
	i.Data, i.Progress, i.Until = fromDocument(data), fromDocument(progress), fromMicros(until)
	return i, err
}

// scanLaneItem leaves the names to whoever knows them.
func scanLaneItem(row scanner) (engine.Item, error) {
	var i engine.Item
	var data, progress sql.NullString
	var until int64
	err := row.Scan(&i.ID, &i.Sequence, &i.Row, &i.Key, &data, &i.Variant, &i.Wave, &i.Status, &i.Reason, &progress, &until)
	i.Data, i.Progress, i.Until = fromDocument(data), fromDocument(progress), fromMicros(until)
	return i, err
}

// findSeries finds the series that a filter selects and that have items.
func (l *Ledger) findSeries(ctx context.Context, filter engine.ItemFilter) ([]seriesRow, error) {
	var where conditions
	where.add("run = ? AND last > 0", filter.Run)
	switch {
	case filter.Step != nil:
		where.add("step = ?", *filter.Step)
	case !filter.Root:
		where.add("step <> ''")
	}
	return collect(ctx, l.read, func(row scanner) (seriesRow, error) {
		var s seriesRow
		err := row.Scan(&s.id, &s.first, &s.last, &s.waves)
		return s, err
	}, `SELECT id, first, last, EXISTS (SELECT 1 FROM wave WHERE series = series.id) FROM series`+where.clause(), where.args...)
}
