package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"youmiflow/engine"
)

// within adds that the item is of one of the series, and returns the first id that can be. The range of ids is what
// makes it quick. Its lower bound is left to the condition that a stream goes on by: of two, SQLite seeks by the first
// one only, and would look through the same rows for every chunk again.
func (c *conditions) within(id string, series []seriesRow) (first int64) {
	first, last := series[0].first, series[0].last
	for _, s := range series {
		first, last = min(first, s.first), max(last, s.last)
	}
	c.add(fmt.Sprintf("%s <= %d AND item.series IN (%s)", id, last, c.list(series)))
	return first
}

// list writes the numbers of the series.
func (c *conditions) list(series []seriesRow) string {
	ids := make([]int64, len(series))
	for i, s := range series {
		ids[i] = s.id
	}
	return numbers(ids)
}

// Calls implements engine.Ledger.
func (l *Ledger) Calls(ctx context.Context, filter engine.CallFilter) iter.Seq2[engine.Call, error] {
	return func(yield func(engine.Call, error) bool) {
		query, item, args, err := l.callQuery(ctx, filter)
		if err != nil || query == "" {
			if err != nil {
				yield(engine.Call{}, err)
			}
			return
		}
		var ordinal int64
		for {
			calls, err := collect(ctx, l.read, scanCall, query, append([]any{item, item, ordinal}, args...)...)
			if err != nil {
				yield(engine.Call{}, err)
				return
			}
			for _, call := range calls {
				if !yield(call.Call, nil) {
					return
				}
				item, ordinal = call.Item, call.ordinal
			}
			if len(calls) < chunk {
				return
			}
		}
	}
}

// callQuery builds the query of a chunk; its arguments are the item (twice) and the ordinal to go on after, and args. The
// item to begin with is returned too.
func (l *Ledger) callQuery(ctx context.Context, filter engine.CallFilter) (query string, item int64, args []any, err error) {
	var where conditions
	where.terms = append(where.terms, "call.item >= ? AND (call.item > ? OR call.ordinal > ?)")
	if filter.Run != "" || filter.Lane != nil {
		if item, err = l.callScope(ctx, filter, &where); err != nil || item == 0 {
			return "", 0, nil, err
		}
	}
	if filter.AfterItem > 0 {
		item = max(item, filter.AfterItem+1)
	}
	if filter.Item != 0 {
		item = max(item, filter.Item)
		where.add("call.item <= ?", filter.Item)
	}
	index := ""
	if len(filter.States) == 1 && filter.States[0] == engine.CallIntent {
		where.add("call.ordinal > (SELECT settled FROM era) AND call_outcome.ordinal IS NULL")
		index = "NOT INDEXED "
	} else {
		in(&where, "coalesce(call_outcome.state, 'intent')", filter.States)
	}
	return `SELECT call.ordinal, series.run, call.item, call_kind.step, call.attempt, call_kind.operation, call_kind.effect, call.account,
		call.friend, call.request, coalesce(call_outcome.state, 'intent'), coalesce(call_outcome.code, ''),
		coalesce(call_outcome.message, ''), coalesce(call_outcome.request_id, ''), coalesce(call_outcome.task_id, ''),
		call.started_at, coalesce(call_outcome.finished_at, 0)
		FROM call ` + index + `LEFT JOIN call_outcome ON call_outcome.ordinal = call.ordinal
		CROSS JOIN call_kind ON call_kind.id = call.kind CROSS JOIN item ON item.id = call.item CROSS JOIN series ON series.id = item.series` + where.clause() +
		fmt.Sprintf(` ORDER BY call.item, call.ordinal LIMIT %d`, chunk), item, where.args, nil
}

// callScope keeps to the items of the run and the lane that the filter names, and returns the first that can be one; 0
// when there is none.
func (l *Ledger) callScope(ctx context.Context, filter engine.CallFilter, where *conditions) (first int64, err error) {
	items := engine.ItemFilter{Run: filter.Run, Root: true}
	if lane := filter.Lane; lane != nil {
		if filter.Run != "" && filter.Run != lane.Run {
			return 0, nil
		}
		items = engine.ItemFilter{Run: lane.Run, Step: &lane.Step}
	}
	series, err := l.findSeries(ctx, items)
	if err != nil || len(series) == 0 {
		return 0, err
	}
	first = where.within("call.item", series)
	if filter.Lane != nil {
		where.add("item.lane = (SELECT id FROM lane WHERE name = ? AND series IN ("+where.list(series)+"))", filter.Lane.Lane)
	}
	return first, nil
}

type callRow struct {
	engine.Call
	ordinal int64
}

func scanCall(row scanner) (callRow, error) {
	var c callRow
	var request sql.NullString
	var started, finished int64
	err := row.Scan(&c.ordinal, &c.Run, &c.Item, &c.Step, &c.Attempt, &c.Operation, &c.Effect, &c.Account, &c.Friend,
		&request, &c.State, &c.Code, &c.Message, &c.RequestID, &c.TaskID, &started, &finished)
	c.Request, c.StartedAt, c.FinishedAt = fromDocument(request), fromMicros(started), fromMicros(finished)
	return c, err
}
