package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/events"
)

var _ engine.EventSource = (*Ledger)(nil)

// EventsAfter implements engine.EventSource.
func (l *Ledger) EventsAfter(ctx context.Context, sequence int64, most int) (list []engine.Event, err error) {
	for event, err := range l.Events(ctx, events.Filter{After: sequence, Limit: most}) {
		if err != nil {
			return list, fmt.Errorf("reading events: %w", err)
		}
		list = append(list, engineEvent(event))
	}
	return list, nil
}

// EventsOf implements engine.EventSource.
func (l *Ledger) EventsOf(ctx context.Context, friend string, since time.Time, most int) ([]engine.Event, error) {
	if friend == "" {
		return nil, nil
	}
	list, err := collect(ctx, l.read, scanEvent, `SELECT sequence, received_at, body FROM event INDEXED BY event_friend
		WHERE friend = ? AND friend <> '' AND received_at >= ? ORDER BY received_at, sequence LIMIT ?`, friend, micros(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading the events of a customer: %w", err)
	}
	return engineEvents(list), nil
}

// Heard implements engine.EventSource.
func (l *Ledger) Heard(ctx context.Context, kind, account, friend string, since time.Time) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		from, behind := micros(since), int64(-1)
		for friend != "" {
			// Kinds and accounts are read again from the body: an event that could not be read when it came may be one of them.
			list, err := collect(ctx, l.read, scanEvent, `SELECT sequence, received_at, body FROM event INDEXED BY event_friend
				WHERE friend = ? AND friend <> '' AND (received_at, sequence) > (?, ?) AND kind IN (?, 'unknown') AND account IN (?, '')
				ORDER BY received_at, sequence LIMIT ?`, friend, from, behind, kind, account, int64(eventChunk))
			if err != nil {
				yield(engine.Event{}, fmt.Errorf("reading the events of a conversation: %w", err))
				return
			}
			for _, event := range list {
				from, behind = micros(event.Received), event.Sequence
				if string(event.Kind) != kind || event.Account != "" && event.Account != account {
					continue
				}
				if !yield(engineEvent(event), nil) {
					return
				}
			}
			if len(list) < eventChunk {
				return
			}
		}
	}
}

// EventsOfTask implements engine.EventSource.
func (l *Ledger) EventsOfTask(ctx context.Context, task string, since time.Time, most int) ([]engine.Event, error) {
	if task == "" {
		return nil, nil
	}
	list, err := collect(ctx, l.read, scanEvent, `SELECT sequence, received_at, body FROM event INDEXED BY event_task
		WHERE task = ? AND task <> '' AND received_at >= ? ORDER BY received_at, sequence LIMIT ?`, task, micros(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading the events of a task: %w", err)
	}
	return engineEvents(list), nil
}

// Listening implements engine.EventSource.
func (l *Ledger) Listening(ctx context.Context, friend string, after int64, most int) ([]engine.Item, error) {
	list, err := collect(ctx, l.read, func(row scanner) (engine.Item, error) {
		i := engine.Item{Status: engine.StatusHeld}
		var until int64
		err := row.Scan(&i.ID, &i.Run, &i.Step, &i.Lane, &i.Key, &i.Reason, &until)
		i.Until = fromMicros(until)
		return i, err
	}, `SELECT item.id, series.run, series.step, lane.name, item.item_key, item_state.reason, item_state.until
		FROM item_state INDEXED BY item_listens CROSS JOIN item ON item.id = item_state.id
		CROSS JOIN series ON series.id = item.series CROSS JOIN lane ON lane.id = item.lane
		WHERE item_state.listens = ? AND item_state.listens <> '' AND item_state.status = 'held' AND item_state.id > ?
		ORDER BY item_state.id LIMIT ?`, friend, after, most)
	if err != nil {
		return nil, fmt.Errorf("looking for items that listen to a customer: %w", err)
	}
	return list, nil
}

// listen has an item that is held be found by the events of a customer.
func (g *group) listen(c engine.Listen) error {
	_, err := g.exec(`UPDATE item_state SET listens = ? WHERE id = ? AND listens <> ?`, c.Friend, c.Item, c.Friend)
	return err
}

func engineEvents(list []events.Event) []engine.Event {
	all := make([]engine.Event, len(list))
	for i, event := range list {
		all[i] = engineEvent(event)
	}
	return all
}

// engineEvent is an event in the engine's words.
func engineEvent(e events.Event) engine.Event {
	return engine.Event{
		Sequence: e.Sequence, ID: e.ID, Kind: string(e.Kind), Source: string(e.Source), Type: e.Type, At: e.At, Received: e.Received,
		Merchant: e.Merchant, Account: e.Account, Friend: e.Friend, From: string(e.From), Content: e.Content,
		Task: e.Task, Done: e.Done, Text: e.Text, Values: e.Values,
	}
}

// EventCursor implements engine.EventSource.
func (l *Ledger) EventCursor(ctx context.Context) (cursor int64, known bool, newest int64, err error) {
	var n sql.NullInt64
	err = l.read.QueryRowContext(ctx, `SELECT (SELECT max(n) FROM event_cursor), (SELECT coalesce(max(sequence), 0) FROM event)`).Scan(&n, &newest)
	if err != nil {
		return 0, false, 0, fmt.Errorf("reading which events were looked at: %w", err)
	}
	return n.Int64, n.Valid, newest, nil
}

func (g *group) setEventCursor(sequence int64) error {
	n, err := g.exec(`UPDATE event_cursor SET n = ?`, sequence)
	if err == nil && n == 0 {
		_, err = g.exec(`INSERT INTO event_cursor (n) VALUES (?)`, sequence)
	}
	return err
}

const selectCalls = `SELECT call.ordinal, series.run, call.item, call_kind.step, call.attempt, call_kind.operation, call_kind.effect, call.account,
	call.friend, call.request, coalesce(call_outcome.state, 'intent'), coalesce(call_outcome.code, ''),
	coalesce(call_outcome.message, ''), coalesce(call_outcome.request_id, ''), coalesce(call_outcome.task_id, ''),
	call.started_at, coalesce(call_outcome.finished_at, 0) FROM `

// UnknownCalls implements engine.EventSource.
func (l *Ledger) UnknownCalls(ctx context.Context, since time.Time, most int) ([]engine.Call, error) {
	rows, err := collect(ctx, l.read, scanCall, selectCalls+`call_outcome INDEXED BY call_unknown CROSS JOIN call ON call.ordinal = call_outcome.ordinal
		CROSS JOIN call_kind ON call_kind.id = call.kind CROSS JOIN item ON item.id = call.item CROSS JOIN series ON series.id = item.series
		WHERE call_outcome.state = 'unknown' AND call.started_at >= ? ORDER BY call_outcome.ordinal LIMIT ?`, micros(since), most)
	if err != nil {
		return nil, fmt.Errorf("reading unknown calls: %w", err)
	}
	calls := make([]engine.Call, len(rows))
	for i, row := range rows {
		calls[i] = row.Call
	}
	return calls, nil
}

// CallsTo implements engine.EventSource. It looks through all calls, and is only asked when something is about to be settled.
func (l *Ledger) CallsTo(ctx context.Context, account, friend string, from, to time.Time) (calls []engine.Call, err error) {
	rows, err := l.read.QueryContext(ctx, selectCalls+`call LEFT JOIN call_outcome ON call_outcome.ordinal = call.ordinal
		CROSS JOIN call_kind ON call_kind.id = call.kind CROSS JOIN item ON item.id = call.item CROSS JOIN series ON series.id = item.series
		WHERE call.friend = ? AND call.account = ? AND call_kind.effect = 'message' AND call.started_at BETWEEN ? AND ?`,
		friend, account, micros(from), micros(to))
	if err != nil {
		return nil, fmt.Errorf("reading the calls to a customer: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		row, err := scanCall(rows)
		if err != nil {
			return nil, err
		}
		calls = append(calls, row.Call)
	}
	return calls, rows.Err()
}
