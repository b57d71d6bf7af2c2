package ledger

import (
	"context"
	"fmt"
	"iter"
	"time"

	"youmiflow/internal/events"
)

var (
	_ events.Store  = (*Ledger)(nil)
	_ events.Pruner = (*Ledger)(nil)
)

// AddEvent implements events.Store. Many events at once are committed together, with whatever else is written.
func (l *Ledger) AddEvent(ctx context.Context, event events.Event) (bool, error) {
	added := false
	receipt := l.submit(ctx, &pending{do: func(g *group) error {
		known, err := g.knowsEvent(event)
		if err != nil || known {
			added = false
			return err
		}
		_, err = g.exec(`INSERT INTO event (id, kind, type, account, friend, task, received_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			event.ID, string(event.Kind), event.Type, event.Account, event.Friend, taskOf(event), micros(event.Received), event.Raw)
		added = err == nil
		return err
	}})
	if err := receipt.Wait(ctx); err != nil {
		return false, err // a commit that is not waited for may yet set added
	}
	return added, nil
}

// taskOf is the task whose result an event tells; the echo of a message names one too, and is found by its customer.
func taskOf(event events.Event) string {
	if event.Kind != events.KindTaskResult {
		return ""
	}
	return event.Task
}

// knowsEvent tells a repetition.
func (g *group) knowsEvent(event events.Event) (bool, error) {
	since := int64(0)
	if event.Window > 0 {
		since = micros(event.Received.Add(-event.Window))
	}
	row, err := g.row(`SELECT 1 FROM event WHERE id = ? AND received_at >= ? LIMIT 1`, event.ID, since)
	return row != nil, err
}

// Events streams what was pushed, in the order it was kept.
func (l *Ledger) Events(ctx context.Context, filter events.Filter) iter.Seq2[events.Event, error] {
	return func(yield func(events.Event, error) bool) {
		query, args := eventQuery(filter)
		after, left := filter.After, filter.Limit
		for {
			list, err := collect(ctx, l.read, scanEvent, query, append([]any{after}, args...)...)
			if err != nil {
				yield(events.Event{}, err)
				return
			}
			for _, event := range list {
				if !yield(event, nil) {
					return
				}
				after = event.Sequence
				if left--; left == 0 {
					return
				}
			}
			if len(list) < eventChunk {
				return
			}
		}
	}
}

// eventChunk is how many events are read at once: each may have a mebibyte.
const eventChunk = 32

func eventQuery(filter events.Filter) (string, []any) {
	var where conditions
	where.terms = append(where.terms, "sequence > ?")
	in(&where, "kind", filter.Kinds)
	in(&where, "type", filter.Types)
	if filter.Account != "" {
		where.add("account = ?", filter.Account)
	}
	if filter.Friend != "" {
		where.add("friend = ?", filter.Friend)
	}
	if !filter.Received.IsZero() {
		where.add("received_at >= ?", micros(filter.Received))
	}
	size := eventChunk
	if filter.Limit > 0 {
		size = min(size, filter.Limit)
	}
	return `SELECT sequence, received_at, body FROM event` + where.clause() + fmt.Sprintf(` ORDER BY sequence LIMIT %d`, size), where.args
}

// scanEvent reads the event again from its body, so that what is learned about bodies holds for old ones too.
func scanEvent(rows scanner) (events.Event, error) {
	var sequence, received int64
	var body []byte
	if err := rows.Scan(&sequence, &received, &body); err != nil {
		return events.Event{}, err
	}
	event := events.Read(body, time.UnixMicro(received).UTC())
	event.Sequence = sequence
	return event, nil
}

// pruneChunk bounds what one transaction forgets, so that calls do not wait for it.
const pruneChunk = 1000

// PruneEvents implements events.Pruner. The newest event stays, so that sequences go on growing.
func (l *Ledger) PruneEvents(ctx context.Context, before time.Time, most int64) (int64, error) {
	var total int64
	for {
		var n int64
		receipt := l.submit(ctx, &pending{do: func(g *group) (err error) {
			n, err = g.exec(`DELETE FROM event WHERE sequence IN (SELECT sequence FROM event ORDER BY sequence LIMIT ?)
				AND (received_at < ? OR ? > 0 AND sequence <= (SELECT max(sequence) FROM event) - ?)
				AND sequence < (SELECT max(sequence) FROM event)`, int64(pruneChunk), micros(before), most, most)
			return err
		}})
		if err := receipt.Wait(ctx); err != nil {
			return total, err
		}
		if total += n; n < pruneChunk {
			return total, nil
		}
	}
}
