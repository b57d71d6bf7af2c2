package ledger_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/ledger/ledgertest"
)

// backedUp is a copy of a ledger with runs of every kind.
func backedUp(t *testing.T) string {
	t.Helper()
	l := open(t, newPath(t))
	for _, run := range []engine.Run{
		{ID: "over", Status: engine.StatusSucceeded, FinishedAt: at(1)}, {ID: "running", Status: engine.StatusRunning}, {ID: "pending", Status: engine.StatusPending},
		{ID: "paused", Status: engine.StatusPaused, Wanted: engine.WantPause}, {ID: "cancelled", Status: engine.StatusRunning, Wanted: engine.WantCancel},
	} {
		run.Trigger, run.Foreach = "manual", true
		if run.Wanted == "" {
			run.Wanted = engine.WantRun
		}
		commit(t, l, engine.AddRun{Run: run}, engine.AddItems{Run: run.ID, Step: "each", Items: []engine.Item{
			{Key: "sent", Status: engine.StatusPending}, {Key: "begun", Status: engine.StatusPending}, {Key: "in flight", Status: engine.StatusPending},
			{Key: "held", Status: engine.StatusHeld, Until: at(9)}, {Key: "new", Status: engine.StatusPending}, {Key: "new", Status: engine.StatusPending},
		}})
		for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: run.ID}) {
			require.NoError(t, err)
			switch item.Key {
			case "sent":
				commit(t, l, engine.SetItem{ID: item.ID, Run: run.ID, Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded})
			case "begun":
				commit(t, l, engine.SetItem{ID: item.ID, Run: run.ID, Step: "each", From: engine.StatusPending, To: engine.StatusPending, Progress: []byte(`{}`)})
			case "in flight":
				commit(t, l, engine.AddCall{Call: engine.Call{CallKey: engine.CallKey{Item: item.ID, Step: "s", Attempt: 1}, Run: run.ID}})
			}
		}
	}
	for event := range int64(3) {
		commit(t, l, engine.AddWaiting{Backlog: engine.Backlog{Workflow: "w", Trigger: "chat", Sandbox: event == 0}, Event: event + 1})
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, l.Backup(t.Context(), to))
	return to
}

// A copy can be read, and copied, but nothing works on it; and to refuse it changes nothing.
func TestACopyIsNoLedger(t *testing.T) {
	path := backedUp(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	var refused *ledger.CopyError
	_, err = ledger.Open(t.Context(), ledger.Config{DSN: path})
	require.ErrorAs(t, err, &refused)
	require.WithinDuration(t, time.Now(), refused.Made, time.Minute)

	l, err := ledger.OpenReadOnly(t.Context(), path)
	require.NoError(t, err)
	require.Len(t, ids(t, l), 5)
	again := filepath.Join(t.TempDir(), "again.db")
	require.NoError(t, l.Backup(t.Context(), again))
	require.NoError(t, l.Close())
	_, err = ledger.Open(t.Context(), ledger.Config{DSN: again})
	var copied *ledger.CopyError
	require.ErrorAs(t, err, &copied)
	require.Equal(t, refused.Copy, copied.Copy, "a copy of a copy is as old as that")

	_, err = ledger.Open(t.Context(), ledger.Config{DSN: path})
	require.ErrorAs(t, err, &refused)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, after, len(before))
}

func TestAcceptingACopy(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: backedUp(t), Copy: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	of, err := l.Copied(t.Context())
	require.NoError(t, err)
	done, err := l.Accept(t.Context(), ledger.Acceptance{At: at(20), Who: "me"})
	require.NoError(t, err)
	require.Equal(t, ledger.Accepted{Copy: *of, Runs: []string{"running", "pending", "paused", "cancelled"}, Items: 8, Events: 3}, done)
	require.Zero(t, rowsIn(t, l, "event_waiting"))
	for _, id := range append(done.Runs, "over") {
		ledgertest.CountsEqualRows(t, l, id)
		run, err := l.Run(t.Context(), id)
		require.NoError(t, err)
		got := map[string]engine.Status{}
		for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: id}) {
			require.NoError(t, err)
			if item.Status != engine.StatusSkipped {
				got[item.Key] = item.Status
			}
			if item.Status == engine.StatusUnknown {
				require.Contains(t, item.Reason, "restored from a backup of ")
			}
		}
		want := map[string]engine.Status{"sent": engine.StatusSucceeded, "begun": engine.StatusPending, "in flight": engine.StatusPending,
			"held": engine.StatusUnknown, "new": engine.StatusUnknown}
		switch id {
		case "over":
			want["held"], want["new"] = engine.StatusHeld, engine.StatusPending
			require.Zero(t, run.Copied)
			require.Equal(t, engine.StatusSucceeded, run.Status)
		case "cancelled":
			require.Equal(t, engine.WantCancel, run.Wanted, "that goes on")
			require.Equal(t, of.Made, run.Copied)
		default:
			require.Equal(t, engine.StatusPaused, run.Status)
			require.Equal(t, engine.WantPause, run.Wanted)
			require.Equal(t, engine.CodeCopied, run.Error.Code)
			require.Equal(t, of.Made, run.Copied)
		}
		require.Equal(t, want, got, id)
	}
	accepted, err := l.AcceptedAt(t.Context())
	require.NoError(t, err)
	require.Equal(t, at(20).UTC(), accepted.UTC())
	require.Equal(t, 1, rowsIn(t, l, "audit WHERE action = 'accept backup' AND who = 'me' AND note LIKE '%, 3 events that waited passed over'"))
	_, err = l.Accept(t.Context(), ledger.Acceptance{At: at(21), Who: "me"})
	require.ErrorIs(t, err, ledger.ErrNotCopy)
	plain, err := ledger.Open(t.Context(), ledger.Config{DSN: l.Path()})
	require.NoError(t, err)
	require.NoError(t, plain.Close())
}

func TestACopyThatNobodyUsedGoesOnAsItWas(t *testing.T) {
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: backedUp(t), Copy: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	done, err := l.Accept(t.Context(), ledger.Acceptance{At: at(20), Who: "me", Unused: true})
	require.NoError(t, err)
	require.Empty(t, done.Runs)
	require.Equal(t, 3, rowsIn(t, l, "event_waiting"))
	run, err := l.Run(t.Context(), "running")
	require.NoError(t, err)
	require.Equal(t, engine.StatusRunning, run.Status)
	require.Zero(t, run.Copied)
	accepted, err := l.AcceptedAt(t.Context())
	require.NoError(t, err)
	require.Zero(t, accepted)
}
