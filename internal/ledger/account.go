package ledger

import (
	"context"

	"youmiflow/engine"
)

// setAccount keeps why an account's calls are held, or forgets it.
func (g *group) setAccount(a engine.Account) error {
	if !a.Tripped {
		_, err := g.exec(`DELETE FROM account WHERE connection = ? AND account = ?`, a.Connection, a.Account)
		return err
	}
	_, err := g.exec(`INSERT INTO account (connection, account, at, until, reason) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, until = excluded.until, reason = excluded.reason`,
		a.Connection, a.Account, micros(a.At), micros(a.Until), a.Reason)
	return err
}

// Accounts implements engine.Ledger: by connection and name.
func (l *Ledger) Accounts(ctx context.Context) ([]engine.Account, error) {
	return collect(ctx, l.read, func(row scanner) (engine.Account, error) {
		a := engine.Account{Tripped: true}
		var at, until int64
		err := row.Scan(&a.Connection, &a.Account, &at, &until, &a.Reason)
		a.At, a.Until = fromMicros(at), fromMicros(until)
		return a, err
	}, `SELECT connection, account, at, until, reason FROM account ORDER BY connection, account`)
}
