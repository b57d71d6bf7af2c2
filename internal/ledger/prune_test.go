package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

// oldRun adds a run with items, lanes, calls and a step, which ended at an hour.
func oldRun(t *testing.T, l *ledger.Ledger, id string, hour int, items int, state engine.CallState, more ...engine.Change) {
	t.Helper()
	list := make([]engine.Item, items)
	for i := range list {
		list[i] = engine.Item{Sequence: int64(i), Row: i + 2, Key: fmt.Sprint(i), Lane: fmt.Sprint(i % 700), Status: engine.StatusPending}
	}
	ended, over := at(hour), engine.StatusSucceeded
	commit(t, l, engine.AddRun{Run: engine.Run{ID: id, Workflow: "w", Trigger: "schedule", ScheduledAt: ended, Status: engine.StatusRunning, Foreach: true}},
		engine.AddItems{Run: id, Step: "each", Items: list}, engine.AddLanes{Run: id, Step: "each"},
		engine.SetStep{StepRow: engine.StepRow{Run: id, Path: "each", Status: engine.StatusSucceeded}})
	var changes []engine.Change
	for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(t, err)
		key := engine.CallKey{Item: item.ID, Step: "send", Attempt: 1}
		changes = append(changes, engine.AddCall{Call: engine.Call{CallKey: key, Run: id, Operation: "o", Effect: "message", StartedAt: ended}},
			engine.SetCall{CallKey: key, Run: id, State: state, FinishedAt: ended},
			engine.SetItem{ID: item.ID, Run: id, Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded})
	}
	commit(t, l, append(append(changes, engine.SetRun{ID: id, Status: &over, FinishedAt: &ended}), more...)...)
}

func rowsIn(t *testing.T, l *ledger.Ledger, table string) (n int) {
	t.Helper()
	require.NoError(t, l.DB().QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func ids(t *testing.T, l *ledger.Ledger) (list []string) {
	t.Helper()
	runs, err := l.Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	for _, run := range runs {
		list = append(list, run.ID)
	}
	return list
}

// Old runs go, with all that is theirs, while others are appended; what somebody may need stays.
func TestOldRunsAreForgotten(t *testing.T) {
	l := open(t, newPath(t))
	oldRun(t, l, "old", 1, 1500, engine.CallSucceeded)
	oldRun(t, l, "also old", 2, 3, engine.CallSucceeded)
	oldRun(t, l, "unknown", 3, 2, engine.CallUnknown)
	oldRun(t, l, "stuck", 4, 1, engine.CallSucceeded, engine.SetTakeover{Takeover: engine.Takeover{Run: "stuck", Step: "s", State: engine.TakeoverStuck}})
	oldRun(t, l, "ended", 5, 1, engine.CallSucceeded, engine.SetTakeover{Takeover: engine.Takeover{Run: "ended", Step: "s", State: engine.TakeoverEnded}})
	oldRun(t, l, "last", 6, 1, engine.CallSucceeded, engine.SetSchedule{Schedule: engine.Schedule{Workflow: "w", Trigger: "@daily", FiredRun: "last", ConsideredAt: at(6)}})
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "parent", Trigger: "manual", Status: engine.StatusRunning}})
	done, over := at(7), engine.StatusSucceeded
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "child", Trigger: "manual", Status: engine.StatusRunning, Parent: &engine.Parent{Run: "parent"}}},
		engine.SetRun{ID: "child", Status: &over, FinishedAt: &done})
	oldRun(t, l, "new", 100, 5, engine.CallSucceeded)

	appended := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				appended <- nil
				return
			default:
			}
			if err := l.Append(t.Context(), engine.Entry{Changes: []engine.Change{
				engine.AddRun{Run: engine.Run{ID: fmt.Sprint("meanwhile ", i), Trigger: "manual", Status: engine.StatusRunning, CreatedAt: at(100)}},
				engine.AddItems{Run: fmt.Sprint("meanwhile ", i), Step: "each", Items: []engine.Item{{Key: "a", Lane: "x", Status: engine.StatusPending}}},
			}}).Wait(t.Context()); err != nil {
				appended <- err
				return
			}
		}
	}()
	n, err := l.PruneRuns(t.Context(), at(50), at(0))
	close(stop)
	require.NoError(t, err)
	require.NoError(t, <-appended)
	require.Equal(t, 3, n)
	var kept []string
	meanwhile := 0
	for _, id := range ids(t, l) {
		if len(id) > 9 && id[:9] == "meanwhile" {
			meanwhile++
			continue
		}
		kept = append(kept, id)
	}
	require.ElementsMatch(t, []string{"unknown", "stuck", "last", "parent", "child", "new"}, kept)
	require.NotZero(t, meanwhile)
	require.Equal(t, 9, rowsIn(t, l, "call"))
	require.Equal(t, 9, rowsIn(t, l, "call_outcome"))
	require.Equal(t, 9, rowsIn(t, l, "item_state"))
	require.Equal(t, 6+9+2*meanwhile, rowsIn(t, l, "item"), "their root items, those of their foreach, and what came meanwhile")
	require.Zero(t, rowsIn(t, l, "series WHERE run NOT IN (SELECT id FROM run)"))
	require.Zero(t, rowsIn(t, l, "lane WHERE series NOT IN (SELECT id FROM series)"))
	require.Zero(t, rowsIn(t, l, "step WHERE run NOT IN (SELECT id FROM run)"))
	require.Zero(t, rowsIn(t, l, "tally WHERE run NOT IN (SELECT id FROM run)"))
	require.Equal(t, 1, rowsIn(t, l, "takeover"))

	again := engine.Entry{Changes: []engine.Change{engine.AddRun{Run: engine.Run{ID: "again", Workflow: "w", Trigger: "schedule", ScheduledAt: at(1)}}}}
	require.ErrorIs(t, l.Append(t.Context(), again).Wait(t.Context()), engine.ErrExists, "an instant fires once, however old")

	n, err = l.PruneRuns(t.Context(), at(50), at(50))
	require.NoError(t, err)
	require.Equal(t, 1, n, "in the end also runs with unknown outcomes")
	require.NotContains(t, ids(t, l), "unknown")
}

// What a pass that was broken off has left goes with the next one.
func TestPruningGoesOn(t *testing.T) {
	l := open(t, newPath(t))
	oldRun(t, l, "old", 1, 5, engine.CallSucceeded)
	oldRun(t, l, "new", 100, 1, engine.CallSucceeded)
	_, err := l.DB().Exec(`DELETE FROM run WHERE id = 'old'; DELETE FROM tally WHERE run = 'old'; DELETE FROM step WHERE run = 'old'`)
	require.NoError(t, err)
	n, err := l.PruneRuns(t.Context(), at(50), time.Time{})
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, 1, rowsIn(t, l, "call"))
	require.Equal(t, 2, rowsIn(t, l, "series"))
}
