package ledger_test

import (
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/ledger/ledgertest"
)

// openAt makes a ledger as an earlier version did.
func openAt(t *testing.T, path string, version int64) *sql.DB {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), version)
	require.NoError(t, err)
	return db
}

// TestALedgerOfTheSecondVersionIsUpdated: with an unfinished run in it, which goes on.
func TestALedgerOfTheSecondVersionIsUpdated(t *testing.T) {
	path := newPath(t)
	db := openAt(t, path, 2)
	_, err := db.Exec(`
		INSERT INTO run VALUES (1, 'r', 'w', 'd', 'default', 0, '{"a":1}', 'schedule', 5000000, 1, 2, 0, 'running', 'run', 'p', 'c', 1, '');
		INSERT INTO series VALUES (1, 'r', '', 1, 1), (2, 'r', 'each', 2, 5);
		INSERT INTO lane VALUES (1, 1, '', 1, 1, 0, 1), (2, 2, 'x', 1, 3, 0, 1);
		INSERT INTO item VALUES (1, 1, 1, 0, 0, '', NULL, '', 0, 1, 'pending', ''), (2, 2, 2, 1, 2, 'a', '{}', '', 0, 1, 'pending', ''),
			(3, 2, 2, 2, 3, 'b', '{}', '', 0, 1, 'pending', ''), (4, 2, 2, 3, 4, 'a', '{}', '', 0, 0, 'skipped', 'duplicate key'),
			(5, 2, 2, 4, 5, 'c', '{}', '', 0, 1, 'pending', '');
		INSERT INTO item_state VALUES (2, 'succeeded', '', '{"s":1}'), (3, 'pending', '', '{"s":2}');
		INSERT INTO call_kind VALUES (1, 's', 'send', 'message');
		INSERT INTO call VALUES (4294967297, 2, 1, 1, 'x', 'f', '{}', 1), (4294967298, 3, 1, 1, 'x', 'g', '{}', 1);
		INSERT INTO call_outcome VALUES (4294967297, 'succeeded', '0', '', 'q', 't', 1);
		UPDATE era SET n = 1;
		INSERT INTO tally VALUES ('r', 'item', '', 'pending', 1), ('r', 'item', 'each', 'pending', 2),
			('r', 'item', 'each', 'succeeded', 1), ('r', 'item', 'each', 'skipped', 1),
			('r', 'call', '', 'succeeded', 1), ('r', 'call', '', 'intent', 1);
		INSERT INTO bucket VALUES ('账号', 1, 2, 3, 4, 5, 6);
		PRAGMA user_version = 2`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = ledger.OpenReadOnly(t.Context(), path)
	require.ErrorIs(t, err, ledger.ErrOlder)

	l := open(t, path)
	ledgertest.CountsEqualRows(t, l, "r")
	run, err := l.Run(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"a": 1.0}, run.Params)
	require.Nil(t, run.Parent)
	bucket, err := l.Bucket(t.Context(), "账号")
	require.NoError(t, err)
	require.Equal(t, 6, bucket.DayCount)
	require.Nil(t, bucket.State)

	// It goes on, with what the old one did not know.
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	commit(t, l, engine.SetItem{ID: 3, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusHeld, Until: until},
		engine.SetCall{CallKey: engine.CallKey{Item: 3, Step: "s", Attempt: 1}, Run: "r", State: engine.CallUnknown},
		engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{1, 1}}, engine.SetRun{ID: "r", Outputs: json.RawMessage(`{}`)})
	ledgertest.CountsEqualRows(t, l, "r")
	var untils []time.Time
	for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: "r"}) {
		require.NoError(t, err)
		untils = append(untils, item.Until)
	}
	require.Equal(t, []time.Time{{}, until, {}, {}}, untils)
	again := engine.AddRun{Run: engine.Run{ID: "again", Workflow: "w", Trigger: "schedule", ScheduledAt: run.ScheduledAt}}
	require.ErrorIs(t, l.Append(t.Context(), engine.Entry{Changes: []engine.Change{again}}).Wait(t.Context()), engine.ErrExists)
}

// TestEveryVersionBecomesTheSame: whatever version a ledger is of, the tables in the end are those of a new one.
func TestEveryVersionBecomesTheSame(t *testing.T) {
	schema := func(l *ledger.Ledger) (list []string) {
		rows, err := l.DB().Query(`SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY 1`)
		require.NoError(t, err)
		defer func() { require.NoError(t, rows.Close()) }()
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			list = append(list, line)
		}
		require.NoError(t, rows.Err())
		return list
	}
	want := schema(open(t, newPath(t)))
	for version := 1; version <= ledger.Version(); version++ {
		path := newPath(t)
		require.NoError(t, openAt(t, path, int64(version)).Close())
		require.Equal(t, want, schema(open(t, path)))
	}
}
