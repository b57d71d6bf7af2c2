package engine_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

const asking = `
name: asking
steps:
  - id: go
    approve: { text: "Send ${{ 1 + 1 }} messages?", for: 4h, default: reject }
  - uses: message.send
    with: { account: "1", friend: a, text: "${{ steps.go.by }}: ${{ steps.go.note }}" }
finally:
  - if: failure()
    uses: message.send
    with: { account: "1", friend: boss, text: "not sent, ${{ steps.go.error.code }}" }
`

// question returns the one thing that a run asks.
func (v *steered) question(id string) engine.Question {
	v.t.Helper()
	open, err := engine.Questions(v.t.Context(), v.ledger, id)
	require.NoError(v.t, err)
	require.Len(v.t, open, 1)
	return open[0]
}

func (v *steered) decide(id string, decision workflows.Decision) error {
	return v.engine.Decide(v.t.Context(), id, "go", decision, "li", "looks good")
}

func TestAPersonApproves(t *testing.T) {
	v := steer(t)
	id := v.start(asking)
	v.pass(time.Hour)
	require.Equal(t, engine.StatusRunning, v.run(id).Status)
	question := v.question(id)
	require.Equal(t, "Send 2 messages?", question.Text)
	require.Equal(t, question.AskedAt.Add(4*time.Hour), question.Until)
	v.crash()
	v.pass(time.Hour)
	require.Equal(t, question, v.question(id), "a restart asks nothing new")
	require.NoError(t, v.decide(id, workflows.DecisionApprove))
	require.ErrorIs(t, v.decide(id, workflows.DecisionReject), engine.ErrOver, "it is decided once")
	v.pass(time.Second)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Equal(t, []string{"li: looks good"}, v.texts())
}

func TestAPersonRejects(t *testing.T) {
	v := steer(t)
	id := v.start(asking)
	v.pass(time.Hour)
	require.NoError(t, v.decide(id, workflows.DecisionReject))
	v.crash() // between the decision and what follows from it
	v.pass(time.Second)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "rejected", run.Error.Code)
	require.Equal(t, "rejected by li: looks good", run.Error.Message)
	require.Equal(t, []string{"not sent, rejected"}, v.texts())
}

func TestNobodyDecides(t *testing.T) {
	for decision, want := range map[string]engine.Status{"reject": engine.StatusFailed, "approve": engine.StatusSucceeded} {
		t.Run(decision, func(t *testing.T) {
			v := steer(t)
			id := v.start(`
steps:
  - id: go
    approve: { for: 4h, default: ` + decision + ` }
`)
			v.pass(4*time.Hour - time.Second)
			require.Equal(t, engine.StatusRunning, v.run(id).Status)
			v.pass(time.Second)
			require.Equal(t, want, v.run(id).Status)
			require.ErrorIs(t, v.decide(id, workflows.DecisionApprove), engine.ErrOver)
			var outputs map[string]any
			require.NoError(t, json.Unmarshal(v.steps(id)["go"].Outputs, &outputs))
			require.Equal(t, "nobody decided in time", outputs["note"])
		})
	}
}

func TestARunThatAsksIsCancelled(t *testing.T) {
	v := steer(t)
	id := v.start(asking)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	require.ErrorIs(t, v.decide(id, workflows.DecisionApprove), engine.ErrOver)
	v.pass(time.Minute)
	require.Equal(t, engine.StatusCancelled, v.run(id).Status)
	require.Equal(t, engine.StatusCancelled, v.steps(id)["go"].Status)
	require.Empty(t, v.texts())
}

// An approval in a finally does not become a yes because the run is cancelled.
func TestACancelledRunDoesWithoutApprovalNothing(t *testing.T) {
	v := steer(t)
	id := v.start(`
steps:
  - wait: 1h
finally:
  - approve: Really?
  - uses: message.send
    with: { account: "1", friend: a, text: unasked }
`)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusCancelled, v.run(id).Status)
	require.Empty(t, v.texts())
}
