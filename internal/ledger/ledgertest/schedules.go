package ledgertest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// keeper is a ledger that keeps schedules too.
type keeper interface {
	engine.Ledger
	engine.Schedules
}

func scheduleRow(workflow, trigger string, considered time.Time) engine.Schedule {
	return engine.Schedule{
		Workflow: workflow, Trigger: trigger, Definition: "d", ConsideredAt: considered, NextAt: instant(59), FiredAt: instant(1),
		FiredRun: "r", LastAt: instant(2), LastOutcome: engine.Missed, LastReason: "nobody", Fired: 1, Skipped: 2, Missed: 3,
	}
}

func testSchedules(t *testing.T, b *bench) {
	k, ok := b.Ledger.(keeper)
	require.True(t, ok, "it keeps schedules")
	rows := func() []engine.Schedule {
		list, err := k.Schedules(t.Context())
		require.NoError(t, err)
		return list
	}
	edits := func() int64 {
		n, err := k.ScheduleEdits(t.Context())
		require.NoError(t, err)
		return n
	}
	set := func(row engine.Schedule, was *time.Time, more ...engine.Change) error {
		return b.try(engine.Entry{Changes: append(more, engine.SetSchedule{Schedule: row, Was: was})})
	}
	require.Empty(t, rows())
	one := scheduleRow("周报", "0 10 * * *", instant(3))
	require.NoError(t, set(one, nil))
	require.Equal(t, []engine.Schedule{one}, rows())
	require.ErrorIs(t, set(one, nil), engine.ErrStale, "it is there already")

	// Who has not seen the last change is refused, and nothing of the entry is kept.
	run := engine.Run{ID: "fire", Workflow: "周报", Trigger: "schedule", ScheduledAt: instant(9), Status: engine.StatusPending}
	next := one
	next.ConsideredAt = instant(9)
	require.ErrorIs(t, set(next, new(instant(4)), engine.AddRun{Run: run}), engine.ErrStale)
	_, err := b.Run(t.Context(), "fire")
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.NoError(t, set(next, new(instant(3)), engine.AddRun{Run: run}))
	require.Equal(t, []engine.Schedule{next}, rows())
	again := run
	again.ID = "twice"
	require.ErrorIs(t, set(next, new(instant(9)), engine.AddRun{Run: again}), engine.ErrExists)

	// A rehearsal has rows and runs of its own.
	rehearsed := next
	rehearsed.Sandbox = true
	again.Sandbox = true
	require.NoError(t, set(rehearsed, nil, engine.AddRun{Run: again}))
	require.Equal(t, []engine.Schedule{next, rehearsed}, rows())

	// A pause holds also for who has not heard of it, and is counted; a resume forgets what has passed.
	for _, trigger := range []string{"0 10 * * *", ""} {
		before := edits()
		b.commit(engine.PauseSchedule{Workflow: "周报", Trigger: trigger, Paused: true, At: instant(20), Who: "李四"})
		require.NotEqual(t, before, edits())
		require.ErrorIs(t, set(next, new(rows()[0].ConsideredAt)), engine.ErrStale)
		b.commit(engine.PauseSchedule{Workflow: "周报", Trigger: trigger, Paused: false, At: instant(30), Who: "李四"})
		require.NotEqual(t, before, edits())
	}
	for _, row := range rows() {
		if row.Trigger != "" {
			require.Equal(t, instant(30), row.ConsideredAt)
		}
	}

	// What is paused is not forgotten.
	b.commit(engine.PauseSchedule{Workflow: "周报", Trigger: "0 10 * * *", Paused: true, At: instant(40)})
	drop := engine.DropSchedule{Workflow: "周报", Trigger: "0 10 * * *"}
	b.commit(drop)
	require.Len(t, rows(), 3)
	b.commit(engine.PauseSchedule{Workflow: "周报", Trigger: "0 10 * * *", At: instant(41)}, drop)
	require.Len(t, rows(), 2)
}

// testIdle: an entry that needs the workflow to be idle waits for runs of its own kind only, and runs keep that they wait.
func testIdle(t *testing.T, b *bench) {
	idle := func(workflow string, sandbox bool) error {
		return b.try(engine.Entry{Changes: []engine.Change{engine.RequireIdle{Workflow: workflow, Sandbox: sandbox}}})
	}
	run := engine.Run{ID: "r", Workflow: "w", Trigger: "manual", Status: engine.StatusPending, NotBefore: instant(7), Queued: true}
	b.commit(engine.AddRun{Run: run})
	require.Equal(t, instant(7), b.run().NotBefore)
	require.True(t, b.run().Queued)
	require.ErrorIs(t, idle("w", false), engine.ErrBusy)
	require.ErrorContains(t, idle("w", false), "run r")
	require.NoError(t, idle("w", true))
	require.NoError(t, idle("other", false))
	for _, status := range []engine.Status{engine.StatusRunning, engine.StatusPaused} {
		b.commit(engine.SetRun{ID: "r", Status: &status})
		require.ErrorIs(t, idle("w", false), engine.ErrBusy)
	}
	b.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusFailed)},
		engine.AddRun{Run: engine.Run{ID: "called", Workflow: "w", Trigger: "call", Status: engine.StatusRunning, Parent: &engine.Parent{Run: "r"}}},
		engine.AddRun{Run: engine.Run{ID: "test", Workflow: "w", Trigger: "manual", Status: engine.StatusRunning, Test: &engine.Test{Account: "a", Friend: "f"}}})
	require.NoError(t, idle("w", false), "called runs and test sends do not count")
}
