package metrics

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

type oneStep struct{ outcome engine.Outcome }

func (o oneStep) Step(string) (engine.Step, bool) { return o, true }

func (o oneStep) Prepare(engine.Input) (engine.Action, error) {
	return engine.Action{Request: &engine.Request{Operation: "doSendPublicMes", Account: "135380", Friend: "wxid_somebody"},
		Perform: func(context.Context) engine.Outcome { return o.outcome }}, nil
}

type fixed struct {
	engine.Limiter
	slot engine.Slot
	err  error
}

func (f fixed) Reserve(context.Context, engine.LimitedCall, []*workflows.Limit) (engine.Slot, error) {
	return f.slot, f.err
}

type ledger struct{}

func (ledger) Runs(context.Context, engine.RunFilter) ([]engine.Run, error) {
	return []engine.Run{{Status: engine.StatusRunning, Counts: map[engine.Status]int{engine.StatusHeld: 3}}}, nil
}

func (ledger) Takeovers(_ context.Context, filter engine.TakeoverFilter) ([]engine.Takeover, error) {
	if filter.States[0] == engine.TakeoverStuck {
		return make([]engine.Takeover, 2), nil
	}
	return nil, nil
}

func (ledger) Accounts(context.Context) ([]engine.Account, error) {
	return make([]engine.Account, 1), nil
}

func (ledger) CountWaiting(context.Context) (map[engine.Backlog]int, error) {
	return map[engine.Backlog]int{{Workflow: "w", Trigger: "chat"}: 4, {Workflow: "w", Trigger: "chat (2)"}: 5}, nil
}

func (ledger) Schedules(context.Context) ([]engine.Schedule, error) {
	return []engine.Schedule{{Workflow: "w", Trigger: "daily", Missed: 4}, {Workflow: "w", Trigger: "at"}, {Workflow: "w", Trigger: "daily", Sandbox: true, Missed: 9},
		{Workflow: "w", Paused: true}}, nil
}

func TestWhatIsCountedStandsOnThePage(t *testing.T) {
	m := New("v1")
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, state := range []engine.OutcomeState{engine.Succeeded, engine.Succeeded, engine.Unknown} {
		step, ok := m.Steps(oneStep{engine.Outcome{State: state}}).Step("message.send")
		require.True(t, ok)
		action, err := step.Prepare(engine.Input{})
		require.NoError(t, err)
		require.Equal(t, state, action.Perform(t.Context()).State)
	}
	clock := func() time.Time { return now }
	_, err := m.Limiter(fixed{slot: engine.Slot{At: now.Add(time.Minute), Limit: "account"}}, clock).Reserve(t.Context(), engine.LimitedCall{}, nil)
	require.NoError(t, err)
	_, err = m.Limiter(fixed{err: &engine.CapError{Limit: "customer"}}, clock).Reserve(t.Context(), engine.LimitedCall{}, nil)
	var capped *engine.CapError
	require.ErrorAs(t, err, &capped, "what the limiter says comes through")
	m.Fire(engine.Fire{Instant: now, At: now.Add(20 * time.Millisecond), Outcome: engine.Fired, Run: "r"})
	m.Fire(engine.Fire{Instant: now, At: now, Outcome: engine.Missed, Missed: 4})
	m.Commit(time.Millisecond, 7)
	m.Lost(engine.Call{Operation: "doSendPublicMes", State: engine.CallUnknown})
	m.Watch(ledger{}, false, func() int { return 5 }, func() bool { return true })

	answer := httptest.NewRecorder()
	m.Page().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	page := answer.Body.String()
	for _, line := range []string{
		`youmiflow_calls_total{operation="doSendPublicMes",outcome="succeeded"} 2`,
		`youmiflow_calls_total{operation="doSendPublicMes",outcome="unknown"} 2`,
		`youmiflow_limit_wait_seconds_sum{limit="account"} 60`,
		`youmiflow_limit_refused_total{reason="cap"} 1`,
		`youmiflow_schedule_fires_total{outcome="fired"} 1`,
		`youmiflow_schedule_missed_total{trigger="daily",workflow="w"} 4`, `youmiflow_schedule_missed_total{trigger="at",workflow="w"} 0`, `youmiflow_schedule_lag_seconds_count 1`,
		`youmiflow_ledger_entries_total 7`, `youmiflow_items{status="held"} 3`, `youmiflow_runs{status="running"} 1`,
		`youmiflow_takeovers{state="stuck"} 2`, `youmiflow_events_waiting{workflow="w"} 9`, `youmiflow_accounts_tripped 1`, `youmiflow_workflows_broken 5`, `youmiflow_configuration_stale 1`,
	} {
		require.Contains(t, page, line+"\n")
	}
	require.Equal(t, 2, strings.Count(page, "youmiflow_schedule_missed_total{"))
	require.NotContains(t, page, "wxid_somebody")
	require.NotContains(t, page, "135380")
}
