package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/workflows"
)

func TestWhichAccountsWereUsed(t *testing.T) {
	l := openEvents(t)
	var changes []engine.Change
	for _, run := range []engine.Run{{ID: "real", Connection: "c"}, {ID: "rehearsal", Connection: "c", Sandbox: true}} {
		run.Trigger, run.Status = "manual", engine.StatusRunning
		changes = append(changes, engine.AddRun{Run: run},
			engine.AddItems{Run: run.ID, Step: "s", Items: []engine.Item{{Sequence: 1, Key: "a", Status: engine.StatusPending}}})
	}
	require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: changes}).Wait(t.Context()))
	for _, run := range []string{"real", "rehearsal"} {
		for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: run}) {
			require.NoError(t, err)
			add := func(step, account string, effect workflows.Effect, at time.Time, state engine.CallState) {
				key := engine.CallKey{Item: item.ID, Step: step, Attempt: 1}
				require.NoError(t, l.Append(t.Context(), engine.Entry{Changes: []engine.Change{
					engine.AddCall{Call: engine.Call{CallKey: key, Run: run, Account: account, Effect: effect, State: engine.CallIntent, StartedAt: at}},
					engine.SetCall{CallKey: key, Run: run, State: state, FinishedAt: at}}}).Wait(t.Context()))
			}
			add("yesterday", "1", workflows.EffectMessage, at(1), engine.CallSucceeded)
			add("sent", "1", workflows.EffectMessage, at(30), engine.CallSucceeded)
			add("perhaps", "1", workflows.EffectMessage, at(31), engine.CallUnknown)
			add("failed", "1", workflows.EffectMessage, at(32), engine.CallFailed)
			add("read", "1", workflows.EffectRead, at(33), engine.CallSucceeded)
			add("other", run, workflows.EffectMessage, at(25), engine.CallSucceeded)
			add("old", "forgotten", workflows.EffectMessage, at(-100), engine.CallSucceeded)
			add("nobody's", "", workflows.EffectRead, at(33), engine.CallSucceeded)
		}
	}
	seen, err := l.Seen(t.Context(), at(0), at(24))
	require.NoError(t, err)
	require.Equal(t, []ledger.Seen{
		{Connection: "c", Account: "1", LastAt: at(33), Messages: 2}, {Connection: "c", Sandbox: true, Account: "1", LastAt: at(33), Messages: 2},
		{Connection: "c", Account: "real", LastAt: at(25), Messages: 1},
		{Connection: "c", Sandbox: true, Account: "rehearsal", LastAt: at(25), Messages: 1},
	}, seen)
}
