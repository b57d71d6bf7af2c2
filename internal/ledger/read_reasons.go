package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"youmiflow/engine"
)

// ReasonCount is how many items of a run are in a status for one reason.
type ReasonCount struct {
	Reason string
	Items  int
}

// mostReasons bounds how many reasons are told apart.
const mostReasons = 1000

// Reasons counts the items of a run that are in a status by why they are, the most frequent reason first. Reasons that only
// differ in an instant count as one (engine.ReasonAlone). Beyond a thousand different ones the rest is left out. The items
// are those of the run's foreach steps; where it has none, its own.
func (l *Ledger) Reasons(ctx context.Context, run engine.Run, status engine.Status) (list []ReasonCount, err error) {
	series, err := l.findSeries(ctx, engine.ItemFilter{Run: run.ID, Root: !run.Foreach})
	if err != nil || len(series) == 0 {
		return nil, err
	}
	var where conditions
	first := where.within("item.id", series)
	where.add("item.id >= ?", first)
	where.add("coalesce(item_state.status, item.status) = ?", string(status))
	rows, err := l.read.QueryContext(ctx, `SELECT coalesce(item_state.reason, item.reason), count(*) FROM item NOT INDEXED
		LEFT JOIN item_state ON item_state.id = item.id`+where.clause()+` GROUP BY 1`, where.args...)
	if err != nil {
		return nil, fmt.Errorf("counting the reasons of run %s: %w", run.ID, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	counts := map[string]int{}
	for rows.Next() {
		var reason string
		var n int
		if err := rows.Scan(&reason, &n); err != nil {
			return nil, err
		}
		reason = engine.ReasonAlone(reason)
		if _, known := counts[reason]; known || len(counts) < mostReasons {
			counts[reason] += n
		}
	}
	for reason, n := range counts {
		list = append(list, ReasonCount{reason, n})
	}
	slices.SortFunc(list, func(a, b ReasonCount) int { return cmp.Or(b.Items-a.Items, cmp.Compare(a.Reason, b.Reason)) })
	return list, rows.Err()
}
