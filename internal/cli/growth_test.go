package cli

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/ledger"
	"youmiflow/workflows"
)

// yearbook is a ledger on disk that grows, on the time of the bubble that it is made in.
type yearbook struct {
	t      *testing.T
	ledger *ledger.Ledger
	growth *growth
	log    bytes.Buffer
	mu     sync.Mutex
	kept   workflows.Retention
	close  func()
}

func openYearbook(t *testing.T, path string, kept workflows.Retention) *yearbook {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: path, Durability: ledger.Normal, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	y := &yearbook{t: t, ledger: l, kept: kept}
	y.growth = newGrowth(l, func() workflows.Retention {
		y.mu.Lock()
		defer y.mu.Unlock()
		return y.kept
	}, slog.New(slog.NewTextHandler(&y.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- y.growth.run(ctx) }()
	y.close = func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, l.Close())
	}
	synctest.Wait()
	return y
}

// add has a run end now, an event come, and a limit count.
func (y *yearbook) add(id string) {
	y.t.Helper()
	now, over := time.Now(), engine.StatusSucceeded
	require.NoError(y.t, y.ledger.Append(y.t.Context(), engine.Entry{Changes: []engine.Change{
		engine.AddRun{Run: engine.Run{ID: id, Workflow: "w", Trigger: "schedule", ScheduledAt: now, CreatedAt: now, Status: engine.StatusRunning, Foreach: true}},
		engine.AddItems{Run: id, Step: "each", Items: []engine.Item{{Key: "a", Status: engine.StatusSucceeded}}},
		engine.SetRun{ID: id, Status: &over, FinishedAt: &now}}}).Wait(y.t.Context()))
	_, err := y.ledger.AddEvent(y.t.Context(), events.Event{ID: id, Received: now, Raw: []byte(id)})
	require.NoError(y.t, err)
	require.NoError(y.t, y.ledger.UpdateBucket(y.t.Context(), id, func(b engine.Bucket) engine.Bucket { b.Arrival = now; return b }))
}

// has is what is left: runs, events and buckets, oldest first.
func (y *yearbook) has() string {
	y.t.Helper()
	var runs, pushed []string
	list, err := y.ledger.Runs(y.t.Context(), engine.RunFilter{})
	require.NoError(y.t, err)
	for _, run := range list {
		runs = append([]string{run.ID}, runs...)
	}
	for event, err := range y.ledger.Events(y.t.Context(), events.Filter{}) {
		require.NoError(y.t, err)
		pushed = append(pushed, string(event.Raw))
	}
	var buckets int
	require.NoError(y.t, y.ledger.DB().QueryRow(`SELECT count(*) FROM bucket`).Scan(&buckets))
	return fmt.Sprint(runs, pushed, buckets)
}

// Every hour the daemon forgets what has grown too old by then, and leaves the log empty; never the newest.
func TestALedgerForgetsByTheHour(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		y := openYearbook(t, path, workflows.Retention{Runs: 48 * time.Hour, Events: 24 * time.Hour})
		y.add("a")
		time.Sleep(30 * time.Minute)
		y.add("b")
		time.Sleep(23*time.Hour + 10*time.Minute) // 23:40
		y.add("c")
		require.Equal(t, "[a b c] [a b c] 3", y.has())
		time.Sleep(time.Hour) // 24:40: the look was at 24:00
		require.Equal(t, "[a b c] [a b c] 3", y.has(), "a day is not over before it is over")
		time.Sleep(time.Hour)
		require.Equal(t, "[a b c] [c] 3", y.has())
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		require.Zero(t, info.Size(), "what the look has written is not left in the log")
		time.Sleep(23 * time.Hour) // 48:40
		require.Equal(t, "[a b c] [c] 3", y.has())
		time.Sleep(time.Hour)
		require.Equal(t, "[c] [c] 1", y.has(), "limits need no more than two days")
		require.Contains(t, y.log.String(), `msg="old runs forgotten" runs=2`)
		time.Sleep(5 * 24 * time.Hour)
		require.Equal(t, "[c] [c] 0", y.has(), "the newest stay, so that numbers go on growing")
		y.close()
	})
}

// What the configuration says now is what counts, and at once when it is read again; without a word, runs are kept for ever.
func TestALedgerForgetsAsTheConfigurationSaysNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		y := openYearbook(t, path, workflows.Retention{})
		y.add("a")
		time.Sleep(time.Minute)
		y.add("b")
		time.Sleep(4 * 24 * time.Hour)
		require.Equal(t, "[a b] [a b] 0", y.has())
		y.mu.Lock()
		y.kept = workflows.Retention{Runs: 24 * time.Hour, Events: 24 * time.Hour}
		y.mu.Unlock()
		y.growth.poke()
		time.Sleep(time.Minute)
		require.Equal(t, "[b] [b] 0", y.has())
		y.close()
	})
}

// Who reads holds nobody up: the log is written back another time.
func TestALedgersLogIsWrittenBackOnceNobodyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	synctest.Test(t, func(t *testing.T) {
		y := openYearbook(t, path, workflows.Retention{})
		y.add("a")
		db, err := sql.Open("sqlite", path)
		require.NoError(t, err)
		reader, err := db.Begin()
		require.NoError(t, err)
		var runs int
		require.NoError(t, reader.QueryRow("SELECT count(*) FROM run").Scan(&runs)) // from now on it sees the ledger as it is now
		time.Sleep(time.Minute)
		began := time.Now()
		y.add("b")
		written, err := y.ledger.Checkpoint(t.Context())
		require.NoError(t, err)
		require.False(t, written)
		require.Zero(t, time.Since(began))
		require.NoError(t, errors.Join(reader.Commit(), db.Close()))
		time.Sleep(time.Hour)
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		require.Zero(t, info.Size())
		y.close()
	})
}
