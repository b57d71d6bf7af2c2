package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// Checkpoint writes the log beside the ledger back into it and leaves the log empty, unless somebody reads or writes at that
// moment: it waits for nobody, and false says that it was left. SQLite does so by itself, but not while there is always
// somebody who reads. Statistics for the planner are not gathered: every query has its index without them, and keeps it.
func (l *Ledger) Checkpoint(ctx context.Context) (done bool, err error) {
	db, err := sql.Open("sqlite", dataSource(l.path, "rw", url.Values{"_pragma": {"busy_timeout(0)"}}))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, pages, written int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &written); err != nil && !Passing(err) {
		return false, fmt.Errorf("writing the log back: %w", explain(l.path, err))
	} else if err != nil {
		return false, nil
	}
	return busy == 0, nil
}
