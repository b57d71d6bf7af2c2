package dispatch_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the driver

	"youmiflow/engine"
	"youmiflow/internal/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should take milliseconds.
const patience = 20 * time.Second

// newDB opens a database as the ledger does.
func newDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "ledger.db")+
		"?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

type work func(context.Context, engine.LaneKey) (*time.Time, error)

func newDispatcher(t *testing.T, db *sql.DB, f work) *dispatch.Dispatcher {
	t.Helper()
	d, err := dispatch.New(t.Context(), dispatch.Config{DB: db, Work: f, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return d
}

func start(t *testing.T, d *dispatch.Dispatcher) {
	t.Helper()
	require.NoError(t, d.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, d.Stop(ctx))
	})
}

// wake does what the ledger does.
func wake(t *testing.T, db *sql.DB, d *dispatch.Dispatcher, wakes ...engine.Wake) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	committed, err := d.Wake(t.Context(), tx, wakes)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	committed()
}

func lane(name string) engine.LaneKey { return engine.LaneKey{Run: "r", Step: "s", Lane: name} }

func now(name string) engine.Wake { return engine.Wake{LaneKey: lane(name)} }

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func unfinished(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(`SELECT count(*) FROM river_job WHERE finalized_at IS NULL`).Scan(&n))
	return n
}

func TestAWakeReachesTheWorkAtOnce(t *testing.T) {
	db, worked := newDB(t), make(chan engine.LaneKey, 10)
	d := newDispatcher(t, db, func(_ context.Context, key engine.LaneKey) (*time.Time, error) {
		worked <- key
		return nil, nil
	})
	wake(t, db, d, now("before the start"))
	start(t, d)
	require.Equal(t, lane("before the start"), receive(t, worked))
	began := time.Now()
	const rounds = 20
	for range rounds {
		wake(t, db, d, now("a"))
		require.Equal(t, lane("a"), receive(t, worked))
	}
	// River's own poll comes every 5 s: being told is what makes this pass.
	require.Less(t, time.Since(began), 4*time.Second)
	t.Logf("%v from wake to work", time.Since(began)/rounds)
}

func TestNothingIsWokenWithoutACommit(t *testing.T) {
	db, worked := newDB(t), make(chan engine.LaneKey, 10)
	d := newDispatcher(t, db, func(_ context.Context, key engine.LaneKey) (*time.Time, error) {
		worked <- key
		return nil, nil
	})
	start(t, d)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = d.Wake(t.Context(), tx, []engine.Wake{now("never")})
	require.NoError(t, err)
	require.NoError(t, tx.Rollback())
	wake(t, db, d, now("a"))
	require.Equal(t, lane("a"), receive(t, worked))
	require.Empty(t, worked)
}

func TestALaneComesBackWhenItAsksTo(t *testing.T) {
	db, worked := newDB(t), make(chan time.Time, 10)
	var slices int
	const rest = 300 * time.Millisecond
	d := newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) {
		worked <- time.Now()
		slices++
		if slices == 3 {
			return nil, nil
		}
		again := time.Now()
		if slices == 2 {
			again = again.Add(rest)
		}
		return &again, nil
	})
	start(t, d)
	wake(t, db, d, now("a"))
	receive(t, worked)
	second := receive(t, worked)
	third := receive(t, worked)
	require.GreaterOrEqual(t, third.Sub(second), rest)
	require.Less(t, third.Sub(second), 4*time.Second, "not left to the scheduler")
	require.Eventually(t, func() bool { return unfinished(t, db) == 0 }, patience, 5*time.Millisecond)
}

func TestAWakeAtAnInstant(t *testing.T) {
	db, worked := newDB(t), make(chan time.Time, 10)
	d := newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) {
		worked <- time.Now()
		return nil, nil
	})
	start(t, d)
	at := time.Now().Add(400 * time.Millisecond)
	wake(t, db, d, engine.Wake{LaneKey: lane("a"), At: at})
	late := receive(t, worked).Sub(at)
	require.GreaterOrEqual(t, late, time.Duration(0))
	require.Less(t, late, 4*time.Second, "not left to the scheduler")
}

func TestAFailingLaneIsTriedAgain(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("no luck") },
		"panic": func() error { panic("no luck") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, worked := newDB(t), make(chan time.Time, 10)
			first := true
			d := newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) {
				worked <- time.Now()
				if first {
					first = false
					return nil, fail()
				}
				return nil, nil
			})
			start(t, d)
			wake(t, db, d, now("a"))
			began := receive(t, worked)
			require.GreaterOrEqual(t, receive(t, worked).Sub(began), 900*time.Millisecond, "not before a pause")
			require.Eventually(t, func() bool { return unfinished(t, db) == 0 }, patience, 5*time.Millisecond)
		})
	}
}

func TestOneLaneIsNeverWorkedOnTwiceAtATime(t *testing.T) {
	db := newDB(t)
	entered, release := make(chan struct{}, 100), make(chan struct{})
	var mu sync.Mutex
	working, most := 0, 0
	d := newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) {
		mu.Lock()
		working++
		most = max(most, working)
		mu.Unlock()
		entered <- struct{}{}
		<-release
		mu.Lock()
		working--
		mu.Unlock()
		return nil, nil
	})
	start(t, d)
	wake(t, db, d, now("a"))
	receive(t, entered)
	for range 5 {
		wake(t, db, d, now("a"))
	}
	// The five end at once; the one at work remembers, and comes again.
	require.Eventually(t, func() bool { return unfinished(t, db) == 1 }, patience, 5*time.Millisecond)
	require.Empty(t, entered)
	release <- struct{}{}
	receive(t, entered)
	close(release)
	require.Eventually(t, func() bool { return unfinished(t, db) == 0 }, patience, 5*time.Millisecond)
	require.Empty(t, entered, "once is enough")
	require.Equal(t, 1, most)
}

func TestStopEndsSlicesInOrder(t *testing.T) {
	db, entered := newDB(t), make(chan struct{}, 10)
	gaveBack := false
	d := newDispatcher(t, db, func(ctx context.Context, _ engine.LaneKey) (*time.Time, error) {
		entered <- struct{}{}
		<-ctx.Done()
		gaveBack = true
		again := time.Now()
		return &again, nil
	})
	require.NoError(t, d.Start(t.Context()))
	wake(t, db, d, now("a"))
	receive(t, entered)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, d.Stop(ctx))
	require.True(t, gaveBack)
	require.Empty(t, entered, "nothing begins any more")
	require.Equal(t, 1, unfinished(t, db), "the lane is still to be worked on, by whoever comes")
}

func TestStopDoesNotWaitForever(t *testing.T) {
	db, entered, release := newDB(t), make(chan struct{}, 10), make(chan struct{})
	d := newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) {
		entered <- struct{}{}
		<-release // whatever its context says
		return nil, nil
	})
	require.NoError(t, d.Start(t.Context()))
	wake(t, db, d, now("a"))
	receive(t, entered)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := d.Stop(ctx)
	require.ErrorContains(t, err, "1 lanes are still being worked on")
	close(release)
	last, cancelLast := context.WithTimeout(context.Background(), patience)
	defer cancelLast()
	require.NoError(t, d.Stop(last))
}

func TestResetForgetsWhatADeadOwnerLeft(t *testing.T) {
	db, worked := newDB(t), make(chan engine.LaneKey, 10)
	f := func(_ context.Context, key engine.LaneKey) (*time.Time, error) {
		worked <- key
		return nil, nil
	}
	dead := newDispatcher(t, db, f)
	wake(t, db, dead, now("available"), now("running"), engine.Wake{LaneKey: lane("later"), At: time.Now().Add(time.Hour)})
	_, err := db.Exec(`UPDATE river_job SET state = 'running' WHERE args LIKE '%running%'`)
	require.NoError(t, err)
	require.Equal(t, 3, unfinished(t, db))

	d := newDispatcher(t, db, f)
	require.NoError(t, d.Reset(t.Context()))
	require.Zero(t, unfinished(t, db))
	start(t, d)
	wake(t, db, d, now("new"))
	require.Equal(t, lane("new"), receive(t, worked))
	require.Empty(t, worked)
}

func TestANewerRiverIsRefused(t *testing.T) {
	db := newDB(t)
	newDispatcher(t, db, func(context.Context, engine.LaneKey) (*time.Time, error) { return nil, nil })
	_, err := db.Exec(`INSERT INTO river_migration (line, version) VALUES ('main', 99)`)
	require.NoError(t, err)
	_, err = dispatch.New(t.Context(), dispatch.Config{DB: db, Work: func(context.Context, engine.LaneKey) (*time.Time, error) { return nil, nil }})
	require.ErrorContains(t, err, "use the newer youmiflow")
}
