package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

func TestReasonsAreCounted(t *testing.T) {
	l := open(t, newPath(t))
	skipped := func(sequence int64, key, reason string) engine.Item {
		return engine.Item{Sequence: sequence, Key: key, Status: engine.StatusSkipped, Reason: reason}
	}
	first := engine.Run{ID: "real", Trigger: "manual", Status: engine.StatusRunning, Foreach: true}
	other := engine.Run{ID: "other", Trigger: "manual", Status: engine.StatusRunning, Foreach: true}
	plain := engine.Run{ID: "plain", Trigger: "manual", Status: engine.StatusRunning}
	require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: []engine.Change{
		engine.AddRun{Run: first}, engine.AddRun{Run: other}, engine.AddRun{Run: plain},
		engine.AddItems{Run: "real", Step: "s", Items: []engine.Item{
			skipped(1, "", engine.ReasonEmptyKey),
			{Sequence: 2, Key: "a", Status: engine.StatusPending},
			{Sequence: 3, Key: "a", Status: engine.StatusPending}, // is added as a duplicate
			{Sequence: 4, Key: "b", Status: engine.StatusPending},
			skipped(5, "c", "the limit weekly lets nothing more pass before 2026-11-12 10:00"),
		}},
		engine.AddItems{Run: "real", Step: "t", Items: []engine.Item{
			skipped(1, "c", "the limit weekly lets nothing more pass before 2026-11-14 10:00")}},
		engine.AddItems{Run: "other", Step: "s", Items: []engine.Item{skipped(1, "d", engine.ReasonWhere)}},
	}}).Wait(t.Context()))
	for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: "real", Statuses: []engine.Status{engine.StatusPending}}) {
		require.NoError(t, err)
		if item.Key == "b" { // it was skipped later
			require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.SetItem{ID: item.ID, Run: "real", Step: "s",
				From: engine.StatusPending, To: engine.StatusSkipped, Reason: engine.ReasonEmptyKey}}}).Wait(t.Context()))
		}
	}
	counted := func(run engine.Run, status engine.Status) []ledger.ReasonCount {
		list, err := l.Reasons(t.Context(), run, status)
		require.NoError(t, err)
		return list
	}
	require.Equal(t, []ledger.ReasonCount{{Reason: engine.ReasonEmptyKey, Items: 2}, {Reason: "the limit weekly lets nothing more pass", Items: 2},
		{Reason: engine.ReasonDuplicate, Items: 1}}, counted(first, engine.StatusSkipped))
	require.Equal(t, []ledger.ReasonCount{{Items: 1}}, counted(first, engine.StatusPending))
	require.Equal(t, []ledger.ReasonCount{{Items: 1}}, counted(plain, engine.StatusPending), "its own item")
	require.Empty(t, counted(plain, engine.StatusSkipped))
	require.Empty(t, counted(engine.Run{ID: "none", Foreach: true}, engine.StatusSkipped))
}
