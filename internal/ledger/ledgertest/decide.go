package ledgertest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

func testDecide(t *testing.T, b *bench) {
	b.foreach()
	waiting := func(path string) engine.StepRow {
		return engine.StepRow{Run: "r", Path: path, Status: engine.StatusHeld, Outputs: json.RawMessage(`{"text":"继续?","asked_at":"x"}`)}
	}
	decide := func(path string, decision workflows.Decision) engine.Decide {
		return engine.Decide{Run: "r", Path: path, Decision: decision, Who: "李四", Note: "好", At: instant(5)}
	}
	b.commit(engine.SetStep{StepRow: waiting("ask")}, engine.SetStep{StepRow: waiting("each/wave-2")}, engine.SetStep{StepRow: waiting("more")})
	b.commit(decide("ask", workflows.DecisionApprove))
	b.commit(decide("each/wave-2", workflows.DecisionReject))
	steps, err := b.Steps(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, engine.StatusSucceeded, steps[0].Status)
	require.Nil(t, steps[0].Error)
	require.JSONEq(t, `{"text":"继续?","asked_at":"x","decision":"approve","by":"李四","note":"好","at":"2026-11-11T08:00:05.123456Z"}`, string(steps[0].Outputs))
	require.Equal(t, engine.StatusFailed, steps[1].Status)
	require.Equal(t, &engine.Failure{Code: "rejected", Message: "rejected by 李四: 好"}, steps[1].Error)
	require.Contains(t, string(steps[1].Outputs), `"decision":"reject"`)
	require.Equal(t, waiting("more"), steps[2])

	refused := func(change engine.Decide, why error) {
		t.Helper()
		require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{change}}), why)
		again, err := b.Steps(t.Context(), "r")
		require.NoError(t, err)
		require.Equal(t, steps, again)
	}
	refused(decide("ask", workflows.DecisionReject), engine.ErrOver) // the first word counts
	refused(decide("none", workflows.DecisionApprove), engine.ErrOver)
	require.ErrorContains(t, b.try(engine.Entry{Changes: []engine.Change{decide("more", "maybe")}}), `"maybe" is neither`)
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantCancel)})
	refused(decide("more", workflows.DecisionApprove), engine.ErrOver)
	b.commit(engine.AddRun{Run: engine.Run{ID: "over", Trigger: "manual", Status: engine.StatusFailed}},
		engine.SetStep{StepRow: engine.StepRow{Run: "over", Path: "ask", Status: engine.StatusHeld}})
	refused(engine.Decide{Run: "over", Path: "ask", Decision: workflows.DecisionApprove}, engine.ErrOver)
}

// testDecideAtOnce: of two who decide, one is told that he came too late.
func testDecideAtOnce(t *testing.T, b *bench) {
	b.foreach()
	b.commit(engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: "ask", Status: engine.StatusHeld}})
	var receipts []engine.Receipt
	for _, decision := range []workflows.Decision{workflows.DecisionReject, workflows.DecisionApprove} {
		receipts = append(receipts, b.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.Decide{Run: "r", Path: "ask", Decision: decision}}}))
	}
	require.NoError(t, receipts[0].Wait(t.Context()))
	require.ErrorIs(t, receipts[1].Wait(t.Context()), engine.ErrOver)
	steps, err := b.Steps(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, &engine.Failure{Code: "rejected", Message: "rejected"}, steps[0].Error)
}

func testAccounts(t *testing.T, b *bench) {
	account := func(connection, name string, until time.Time) engine.Account {
		return engine.Account{Connection: connection, Account: name, Tripped: true, At: instant(1), Until: until, Reason: "设备离线"}
	}
	accounts := func() []engine.Account {
		list, err := b.Accounts(t.Context())
		require.NoError(t, err)
		return list
	}
	require.Empty(t, accounts())
	first, second, elsewhere := account("c", "号1", instant(9)), account("c", "号2", time.Time{}), account("d", "号1", instant(3))
	b.commit(engine.SetAccount{Account: first}, engine.SetAccount{Account: elsewhere}, engine.SetAccount{Account: second})
	require.Equal(t, []engine.Account{first, second, elsewhere}, accounts())
	first.Until, first.Reason, first.At = time.Time{}, "again", instant(2)
	b.commit(engine.SetAccount{Account: first})
	require.Equal(t, []engine.Account{first, second, elsewhere}, accounts())
	first.Tripped = false
	b.commit(engine.SetAccount{Account: first}, engine.SetAccount{Account: engine.Account{Connection: "none"}})
	require.Equal(t, []engine.Account{second, elsewhere}, accounts())
}

func testCalledRuns(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"))
	parent := &engine.Parent{Run: "r", Item: b.each()[0].ID, Step: "call", Lane: laneKey("号")}
	child := engine.Run{
		ID: "c1", Workflow: "w", Trigger: "call", ScheduledAt: instant(1), Parent: parent,
		Versions: map[string]string{"w": "sha256:1", "欢迎": "sha256:2"}, Test: &engine.Test{Account: "a", Friend: "友", Rows: 3},
		Outputs: json.RawMessage(`{"n":1}`), Request: `{"trigger":"每天"}`,
	}
	b.commit(engine.AddRun{Run: child})
	got, err := b.Run(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, child.Parent, got.Parent)
	require.Equal(t, child.Versions, got.Versions)
	require.Equal(t, child.Test, got.Test)
	require.Equal(t, child.Request, got.Request)
	require.JSONEq(t, `{"n":1}`, string(got.Outputs))
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.AddRun{Run: child}}}), engine.ErrExists, "it is made once")

	child.ID = "c2" // the same instant: it is its parent's
	b.commit(engine.AddRun{Run: child})
	scheduled := engine.Run{ID: "s", Workflow: "w", Trigger: "schedule", ScheduledAt: instant(1)}
	b.commit(engine.AddRun{Run: scheduled})
	child.ID = "c3"
	b.commit(engine.AddRun{Run: child})
	scheduled.ID = "t"
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.AddRun{Run: scheduled}}}), engine.ErrExists)
	for _, id := range []string{"e1", "e2"} { // neither has an instant
		b.commit(engine.AddRun{Run: engine.Run{ID: id, Workflow: "w", Trigger: "event"}})
	}
	find := func(filter engine.RunFilter) (ids []string) {
		runs, err := b.Runs(t.Context(), filter)
		require.NoError(t, err)
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		return ids
	}
	require.Equal(t, []string{"c3", "c2", "c1"}, find(engine.RunFilter{Parent: "r"}))
	require.Equal(t, []string{"c3"}, find(engine.RunFilter{Parent: "r", Limit: 1}))
	require.Empty(t, find(engine.RunFilter{Parent: "c1"}))
	require.Empty(t, find(engine.RunFilter{Parent: "r", Workflow: "other"}))

	b.commit(engine.SetRun{ID: "c1", Outputs: json.RawMessage(`{"n":2}`)})
	b.commit(engine.SetRun{ID: "c1", Status: ptr(engine.StatusSucceeded)})
	got, err = b.Run(t.Context(), "c1")
	require.NoError(t, err)
	require.JSONEq(t, `{"n":2}`, string(got.Outputs))
	require.Nil(t, b.run().Parent)
	require.Nil(t, b.run().Outputs)
}
