package dispatch

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// sqliteDriver is River's SQLite driver with a listener that hears through a channel. The driver's own looks into a
// table every 50 ms, which was measured to cost two percent of a core when there is nothing to do; and without any
// listener, jobs inserted within a transaction would wait for the next poll, since River cannot know of the commit.
type sqliteDriver struct {
	*riversqlite.Driver
	listener *listener
}

// SupportsListener implements riverdriver.Driver.
func (d *sqliteDriver) SupportsListener() bool { return true }

// SupportsListenNotify implements riverdriver.Driver: nothing is written for others to hear.
func (d *sqliteDriver) SupportsListenNotify() bool { return false }

// GetListener implements riverdriver.Driver.
func (d *sqliteDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return d.listener
}

// listener implements riverdriver.Listener within the process.
type listener struct {
	inserted chan struct{} // holds at most one: a look for jobs finds all of them
}

func newListener() *listener { return &listener{inserted: make(chan struct{}, 1)} }

// notify has River look for jobs.
func (l *listener) notify() {
	select {
	case l.inserted <- struct{}{}:
	default:
	}
}

// WaitForNotification implements riverdriver.Listener. Topic and payload are those of River's notices of inserts.
func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.inserted:
		return &riverdriver.Notification{Topic: "river_insert", Payload: `{"queue":"default"}`}, nil
	}
}

// Close implements riverdriver.Listener.
func (l *listener) Close(context.Context) error { return nil }

// Connect implements riverdriver.Listener.
func (l *listener) Connect(context.Context) error { return nil }

// Listen implements riverdriver.Listener.
func (l *listener) Listen(context.Context, string) error { return nil }

// Ping implements riverdriver.Listener.
func (l *listener) Ping(context.Context) error { return nil }

// Schema implements riverdriver.Listener.
func (l *listener) Schema() string { return "" }

// SetAfterConnectExec implements riverdriver.Listener.
func (l *listener) SetAfterConnectExec(string) {}

// Unlisten implements riverdriver.Listener.
func (l *listener) Unlisten(context.Context, string) error { return nil }

// migrateTimeout bounds the making of River's tables, which takes some 50 ms.
const migrateTimeout = 30 * time.Second

// migrate makes or updates River's tables. When they are up to date, that is one small read.
func migrate(ctx context.Context, driver *sqliteDriver, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	known := 0
	for _, m := range migrator.AllVersions() {
		known = max(known, m.Version)
	}
	have, err := riverVersion(ctx, db)
	if err != nil || have == known {
		return err
	}
	if have > known {
		return fmt.Errorf("its tables are of version %d, and this program knows up to %d: use the newer youmiflow that made them", have, known)
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// riverVersion is 0 while there are no tables.
func riverVersion(ctx context.Context, db *sql.DB) (int, error) {
	var tables, version int
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'river_migration'`).Scan(&tables)
	if err == nil && tables > 0 {
		err = db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM river_migration`).Scan(&version)
	}
	return version, err
}
