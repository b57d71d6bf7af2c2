package engine_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// record is what the log says, without its time.
type record map[string]any

// records are a log as it is written.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

// take returns the records that say one of these messages, and forgets the others too.
func (r *records) take(t *testing.T, messages ...string) (list []record) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for decoder := json.NewDecoder(&r.text); decoder.More(); {
		var one record
		require.NoError(t, decoder.Decode(&one))
		delete(one, "time")
		for _, message := range messages {
			if one["msg"] == message {
				list = append(list, one)
			}
		}
	}
	r.text.Reset()
	return list
}

// Whoever reads the log sees what becomes of each run, and of how many people; of those that others call only on request.
func TestTheLogSaysWhatBecomesOfRuns(t *testing.T) {
	const (
		begun  = "a run has begun"
		paused = "a run is paused"
		ended  = "a run has ended"
		goesOn = "a run goes on that an earlier process has left"
		again  = "a run goes on that was paused since its process had ended"
	)
	v := steer(t)
	v.others["greet"] = greet
	log := &records{}
	v.config.Logger = slog.New(slog.NewJSONHandler(log, nil))
	v.restart()
	take := func() []record { return log.take(t, begun, paused, ended, goesOn, again) }

	v.file("people.csv", "account,friend,pause\n1,a,2h\n1,b,2h\n")
	run, err := v.engine.Create(t.Context(), engine.Submission{Workflow: v.parse(callsPerItem), Sandbox: true})
	require.NoError(t, err)
	says := func(message string, more record) record {
		said := record{"level": "INFO", "msg": message, "run": run.ID, "workflow": "each", "sandbox": true}
		for name, value := range more {
			said[name] = value
		}
		return said
	}
	v.pass(time.Minute)
	require.Len(t, v.children(run.ID), 2)
	require.Equal(t, []record{says(begun, record{"status": "running", "trigger": "manual"})}, take())
	v.crash()
	standing := func(status string) record {
		return record{"status": status, "succeeded": 0.0, "failed": 0.0, "unknown": 0.0, "skipped": 0.0, "cancelled": 0.0, "pending": 0.0, "held": 2.0}
	}
	require.Equal(t, []record{says(goesOn, standing("running"))}, take())
	v.die()
	v.pass(time.Minute)
	interrupted := standing("paused")
	interrupted["code"] = engine.CodeInterrupted
	require.Equal(t, []record{says(paused, interrupted)}, take())
	require.NoError(t, v.engine.Pause(t.Context(), run.ID)) // it is looked at again
	v.pass(time.Minute)
	require.NoError(t, v.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Interrupt }))
	v.pass(time.Minute)
	require.Empty(t, take(), "it was paused already")
	require.NoError(t, v.engine.Resume(t.Context(), run.ID))
	v.die()
	v.pass(time.Minute)
	require.Equal(t, []record{says(paused, interrupted)}, take())
	resumed, err := v.engine.ResumeInterrupted(t.Context(), every)
	require.NoError(t, err)
	require.Len(t, resumed, 1)
	require.Equal(t, []record{says(again, standing("running"))}, take())
	v.pass(24 * time.Hour)
	list := take()
	require.Len(t, list, 1)
	require.NotEmpty(t, list[0]["took"])
	delete(list[0], "took")
	require.Equal(t, says(ended, record{"status": "succeeded", "succeeded": 2.0, "failed": 0.0, "unknown": 0.0, "skipped": 0.0, "cancelled": 0.0}), list[0])

	id := v.start("name: no\nsteps: [{ uses: assert, with: { that: false } }]\n")
	v.pass(time.Minute)
	list = take()
	require.Len(t, list, 2)
	require.Equal(t, id, list[1]["run"])
	require.Equal(t, "failed", list[1]["status"])
	require.Equal(t, v.run(id).Error.Code, list[1]["code"])
	require.NotContains(t, list[1], "succeeded", "it has no items")
}

// What a dead process left open is said with the run: messages of which nobody knows, and conversations.
func TestTheLogSaysWhatADeadProcessLeft(t *testing.T) {
	const settled, handedBack = "calls that were left without an answer are settled", "conversations were handed back"
	v := steer(t)
	log := &records{}
	lost := map[engine.CallState]int{}
	v.config.Logger, v.config.Lost = slog.New(slog.NewJSONHandler(log, nil)), func(call engine.Call) { lost[call.State]++ }
	v.restart()
	v.file("people.csv", "account,friend,pause\n1,a,24h\n1,c,10s\n")
	id := v.start(drip)
	v.pass(time.Second)
	require.Equal(t, 1, v.run(id).Takeovers[engine.TakeoverHeld])
	for item, err := range v.ledger.Items(t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(t, err)
		intents := []engine.Change{engine.AddCall{Call: engine.Call{CallKey: engine.CallKey{Item: item.ID, Step: "read", Attempt: 1}, Run: id, Effect: workflows.EffectRead}}}
		if item.Key == "c" {
			intents[0] = engine.AddCall{Call: engine.Call{CallKey: engine.CallKey{Item: item.ID, Step: "say", Attempt: 1}, Run: id, Effect: workflows.EffectMessage}}
		}
		require.NoError(t, v.ledger.Append(t.Context(), engine.Entry{Changes: intents}).Wait(t.Context()))
	}
	require.Empty(t, log.take(t, settled, handedBack))
	v.die()
	v.pass(time.Second)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	require.Equal(t, []record{
		{"level": "INFO", "msg": settled, "run": id, "unknown": 1.0, "repeated": 1.0},
		{"level": "INFO", "msg": handedBack, "run": id, "conversations": 1.0},
	}, log.take(t, settled, handedBack))
	require.Zero(t, v.box.Stats().OpenTakeovers)
	require.Equal(t, map[engine.CallState]int{engine.CallUnknown: 1, engine.CallFailed: 1}, lost)
}
