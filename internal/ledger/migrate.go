package ledger

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// version is that of the newest migration. It is kept as PRAGMA user_version, which is read in a fraction of the time
// that looking through the migrations takes.
const version = 12

// migrate brings the schema up to date. When it is already, that is one small read.
func (l *Ledger) migrate(ctx context.Context) error {
	have, err := userVersion(ctx, l.write)
	if err != nil {
		return err
	}
	if have == version {
		return nil
	}
	// Processes that start at once take turns; goose has no lock of its own for SQLite.
	turn := flock.New(l.path + ".migrate.lock")
	if _, err := turn.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	defer func() { _ = turn.Close() }()
	if have, err = userVersion(ctx, l.write); err != nil {
		return err
	}
	if have > version {
		return &VersionError{Path: l.path, Have: have, Known: version}
	}
	return l.applyMigrations(ctx)
}

func (l *Ledger) applyMigrations(ctx context.Context) error {
	if err := l.refuseForeign(ctx); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, l.write, files)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	_, err = l.write.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// refuseForeign sees to it that another program's database does not get our tables.
func (l *Ledger) refuseForeign(ctx context.Context) error {
	var tables, ours int
	err := l.write.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version')
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &ours)
	if err == nil && tables > 0 && ours == 0 {
		return &FileError{Path: l.path, Reason: "is the database of another program: set database to another file"}
	}
	return err
}

func userVersion(ctx context.Context, db *sql.DB) (int, error) {
	var have int
	err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	return have, err
}
