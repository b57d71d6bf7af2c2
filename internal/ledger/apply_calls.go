package ledger

import (
	"youmiflow/engine"
)

const (
	insertCall = `INSERT INTO call (ordinal, item, kind, attempt, account, friend, request, started_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	insertFirstCall = `INSERT INTO call (ordinal, item, kind, attempt, account, friend, request, started_at)
		VALUES (?, ?, ?, 1, ?, ?, ?, ?)`
)

func (g *group) addCall(c engine.Call) error {
	if err := g.loadOpen(); err != nil {
		return err
	}
	kind, err := g.kindOf(callKind{c.Step, c.Operation, string(c.Effect)})
	if err != nil {
		return err
	}
	ordinal, err := g.nextOrdinal()
	if err != nil {
		return err
	}
	if c.Attempt == 1 {
		_, err = g.exec(insertFirstCall, ordinal, c.Item, kind, c.Account, c.Friend, document(c.Request), micros(c.StartedAt))
	} else {
		_, err = g.exec(insertCall, ordinal, c.Item, kind, int64(c.Attempt), c.Account, c.Friend, document(c.Request),
			micros(c.StartedAt))
	}
	if err != nil {
		return err
	}
	g.open[c.CallKey] = ordinal
	g.count(c.Run, countCalls, "", string(engine.CallIntent), 1)
	return nil
}

// callKind is what a step calls.
type callKind struct{ step, operation, effect string }

// kindOf finds or makes the number of a kind.
func (g *group) kindOf(kind callKind) (int64, error) {
	if id, ok := g.kinds[kind]; ok {
		return id, nil
	}
	row, err := g.row(`SELECT id FROM call_kind WHERE step = ? AND operation = ? AND effect = ?`, kind.step, kind.operation, kind.effect)
	if err == nil && row == nil {
		row, err = g.row(`INSERT INTO call_kind (step, operation, effect) VALUES (?, ?, ?) RETURNING id`, kind.step, kind.operation, kind.effect)
	}
	if err != nil {
		return 0, err
	}
	if len(g.kinds) > remembered {
		clear(g.kinds)
	}
	g.kinds[kind] = row.int(0)
	return row.int(0), nil
}

// nextOrdinal numbers the intents: the era in the high bits, so that a new process goes on above the last.
func (g *group) nextOrdinal() (int64, error) {
	if g.era == 0 {
		row, err := g.row(`UPDATE era SET n = n + 1 RETURNING n`)
		if err != nil {
			return 0, err
		}
		g.era = row.int(0)
	}
	g.intent++
	return g.era<<32 | g.intent, nil
}

// loadOpen finds the calls without an outcome, once as long as nobody else writes.
func (g *group) loadOpen() error {
	if g.open != nil {
		return nil
	}
	open := map[engine.CallKey]int64{}
	err := g.each(`SELECT call.item, call_kind.step, call.attempt, call.ordinal FROM call
		CROSS JOIN call_kind ON call_kind.id = call.kind LEFT JOIN call_outcome ON call_outcome.ordinal = call.ordinal
		WHERE call.ordinal > (SELECT settled FROM era) AND call_outcome.ordinal IS NULL`, nil, func(row values) bool {
		open[engine.CallKey{Item: row.int(0), Step: row.text(1), Attempt: int(row.int(2))}] = row.int(3)
		return true
	})
	if err == nil {
		g.open = open
	}
	return err
}

const (
	insertOutcome = `INSERT INTO call_outcome (ordinal, state, code, message, request_id, task_id, finished_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	insertSuccess = `INSERT INTO call_outcome (ordinal, state, code, message, request_id, task_id, finished_at)
		VALUES (?, 'succeeded', ?, '', ?, ?, ?)`
	settleUnknown = `UPDATE call_outcome SET state = ?, code = ?, message = ?, request_id = ?, task_id = ?, finished_at = ?
		WHERE state = 'unknown' AND ordinal = (SELECT ordinal FROM call JOIN call_kind ON call_kind.id = call.kind
		WHERE item = ? AND step = ? AND attempt = ?)`
)

func (g *group) setCall(c engine.SetCall) error {
	if err := g.loadOpen(); err != nil {
		return err
	}
	from := engine.CallIntent
	if ordinal, open := g.open[c.CallKey]; open {
		var err error
		if c.State == engine.CallSucceeded && c.Message == "" {
			_, err = g.exec(insertSuccess, ordinal, c.Code, c.RequestID, c.TaskID, micros(c.FinishedAt))
		} else {
			_, err = g.exec(insertOutcome, ordinal, string(c.State), c.Code, c.Message, c.RequestID, c.TaskID, micros(c.FinishedAt))
		}
		if err != nil {
			return err
		}
		delete(g.open, c.CallKey)
	} else {
		from = engine.CallUnknown
		n, err := g.exec(settleUnknown, string(c.State), c.Code, c.Message, c.RequestID, c.TaskID, micros(c.FinishedAt),
			c.Item, c.Step, int64(c.Attempt))
		if err != nil || n == 0 {
			return err
		}
	}
	g.count(c.Run, countCalls, "", string(from), -1)
	g.count(c.Run, countCalls, "", string(c.State), 1)
	return nil
}

// settledEvery is how many intents may go by before the ledger notes again up to where all are settled.
const settledEvery = 2000

// noteSettled notes up to which ordinal every call has an outcome.
func (g *group) noteSettled() error {
	if g.open == nil || g.era == 0 || g.intent-g.noted < settledEvery && (len(g.open) > 0 || g.intent == g.noted) {
		return nil
	}
	settled := g.era<<32 | g.intent
	for _, ordinal := range g.open {
		settled = min(settled, ordinal-1)
	}
	g.noted = g.intent
	_, err := g.exec(`UPDATE era SET settled = ?`, settled)
	return err
}

func (g *group) setTakeover(t engine.Takeover) error {
	row, err := g.row(`SELECT state FROM takeover WHERE run = ? AND item = ? AND step = ?`, t.Run, t.Item, t.Step)
	if err != nil {
		return err
	}
	if row != nil {
		g.count(t.Run, countTakeovers, "", row.text(0), -1)
	}
	g.count(t.Run, countTakeovers, "", string(t.State), 1)
	_, err = g.exec(`INSERT INTO takeover (run, item, step, connection, account, friend, handle, state, message, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET connection = excluded.connection,
		account = excluded.account, friend = excluded.friend, handle = excluded.handle, state = excluded.state,
		message = excluded.message, at = excluded.at`,
		t.Run, t.Item, t.Step, t.Connection, t.Account, t.Friend, document(t.Handle), string(t.State), t.Message,
		micros(t.At))
	return err
}
