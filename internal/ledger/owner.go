package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// LastOwner is the role of the process that worked last on the runs for real, or on those of rehearsals (NoteOwner). It is not
// known in a ledger on which none has since it was made, or was brought up to date.
func (l *Ledger) LastOwner(ctx context.Context, sandbox bool) (role string, known bool, err error) {
	err = l.read.QueryRowContext(ctx, `SELECT role FROM owner WHERE sandbox = ?`, boolean(sandbox)).Scan(&role)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("looking who worked on this ledger: %w", err)
	}
	return role, true, nil
}

// NoteOwner keeps what the process is that works on the runs for real, or on those of rehearsals, from now on. It is for the
// ledger's owner, once it has decided about what the last one left.
func (l *Ledger) NoteOwner(ctx context.Context, sandbox bool, role string) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		_, err := g.exec(`INSERT INTO owner (sandbox, role) VALUES (?, ?) ON CONFLICT DO UPDATE SET role = excluded.role`, boolean(sandbox), role)
		return err
	}}).Wait(ctx)
}
