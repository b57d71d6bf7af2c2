package ledger

import (
	"youmiflow/engine"
)

// insertIntent binds only what an intent has: every bound value costs, and this is the hottest statement.
const insertIntent = `INSERT INTO call (item, step, attempt, ordinal, operation, effect, account, friend, request,
	started_at, state, code, message, request_id, task_id, finished_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intent', '', '', '', '', 0)`

// addCall adds an intent. What an outcome would say of it is for SetCall.
func (g *group) addCall(c engine.Call) error {
	ordinal, err := g.nextOrdinal()
	if err != nil {
		return err
	}
	if _, err := g.exec(insertIntent, c.Item, c.Step, int64(c.Attempt), ordinal, c.Operation, string(c.Effect), c.Account,
		c.Friend, document(c.Request), micros(c.StartedAt)); err != nil {
		return err
	}
	g.count(c.Run, countCalls, "", string(engine.CallIntent), 1)
	return nil
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

const setCall = `UPDATE call SET state = ?, code = ?, message = ?, request_id = ?, task_id = ?, finished_at = ?
	WHERE item = ? AND step = ? AND attempt = ? AND state = `

// setCall tries the common state first: which statement applied tells what the state was.
func (g *group) setCall(c engine.SetCall) error {
	for _, from := range []struct {
		state engine.CallState
		query string
	}{{engine.CallIntent, setCall + "'intent'"}, {engine.CallUnknown, setCall + "'unknown'"}} {
		n, err := g.exec(from.query, string(c.State), c.Code, c.Message, c.RequestID, c.TaskID, micros(c.FinishedAt),
			c.Item, c.Step, int64(c.Attempt))
		if err != nil {
			return err
		}
		if n == 1 {
			g.count(c.Run, countCalls, "", string(from.state), -1)
			g.count(c.Run, countCalls, "", string(c.State), 1)
			return nil
		}
	}
	return nil
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
