package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
)

// stands is what a run waits for, in short: kind, step and text, and how long from now.
func (v *steered) stands(id string) []string {
	v.t.Helper()
	all, err := engine.Standstills(v.t.Context(), v.ledger, v.run(id))
	require.NoError(v.t, err)
	var list []string
	for _, still := range all {
		text := fmt.Sprintf("%s %s: %s", still.Kind, still.Step, still.Text)
		if !still.Until.IsZero() {
			text += " +" + still.Until.Sub(v.clock()).Round(time.Second).String()
		}
		if still.Run != id {
			text = "called " + text
		}
		list = append(list, text)
	}
	return list
}

// limited has an engine with limits on the clock of the test, that know what the ledger knows.
func (v *steered) limited() {
	v.config.Limiter = limit.New(limit.Config{Store: v.ledger, Now: v.clock, Location: time.UTC})
	v.restart()
}

// greeting sends three messages from one account under a limit.
func greeting(rules, limit string) string {
	return rules + `
steps:
  - id: reach
    foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }, { account: "1", friend: c }], as: who, key: who.friend }
    steps:
      - uses: message.send
        with: { account: "1", friend: "${{ who.friend }}", text: hi }
` + limit
}

// Whatever lets a run stand still is told from the ledger alone, with its instant where there is one.
func TestWhyARunStandsStill(t *testing.T) {
	limits := func(rules string) string { return "limits: { account: { " + rules + " } }\n" }
	for _, one := range []struct {
		name, text string
		pass       time.Duration
		want       []string
	}{
		{"a closed window", greeting(`send_window: { from: "10:00", to: "21:00", timezone: UTC }`, ""), 0, []string{"window reach: the send window is closed +1h0m0s"}},
		{"a closed window, at the run's own step", "send_window: { from: \"10:00\", to: \"21:00\", timezone: UTC }\n" + twoMessages, 0,
			[]string{"window : the send window is closed +1h0m0s"}},
		{"a rate", greeting("", limits("rate: 12/h")), 0, []string{"limit reach: the limits of account 1 +5m0s"}},
		{"a rest", greeting("", limits("rest: { after: 2, for: 1h }")), 0, []string{"rest reach: account 1 rests (limit account) +1h0m0s"}},
		{"a used-up hour", greeting("", limits("hourly: 1")), 0, []string{"quota reach: the hour of account 1 is used up (limit account) +1h0m0s"}},
		{"a used-up day", greeting("", limits("rate: 60/min, daily: 1")), 0, []string{"quota reach: the day of account 1 is used up (limit account) +15h0m0s"}},
		{"a warm-up", greeting("", limits("daily: 100, warm_up: [2, 50]")), 0,
			[]string{"quota reach: account 1 is being warmed up, and its day is used up (limit account) +15h0m0s"}},
		{"a wait", twoMessages, time.Hour, []string{"wait pause: waits +47h0m0s"}},
		{"a question", "steps:\n  - id: ask\n    approve: { text: \"Go on?\", for: 2h }\n", time.Hour, []string{"approve ask: Go on? +1h0m0s"}},
		{"a wait of items", greeting("", "      - wait: 3h\n"), 0, []string{"items reach: 3 held: waits +3h0m0s"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			v := steer(t)
			v.limited()
			id := v.start(one.text)
			v.pass(one.pass)
			require.Equal(t, one.want, v.stands(id))
			v.limited()
			v.crash()
			v.pass(0)
			another := v.stands(id)
			require.Len(t, another, len(one.want))
			for i, want := range one.want { // slots that a process had taken are lost with it: the instant may be later
				reason, _, _ := strings.Cut(want, " +")
				require.True(t, strings.HasPrefix(another[i], reason), another[i])
			}
			v.pass(200 * time.Hour)
			require.Empty(t, v.stands(id))
		})
	}
}

func TestARunStandsStillForAnAccount(t *testing.T) {
	v := steer(t)
	v.limited()
	id := v.start(greeting("", "limits: { account: { rate: 12/h } }\n"))
	v.pass(time.Minute)
	until := v.clock().Add(2 * time.Hour)
	require.NoError(t, v.engine.TripAccount(t.Context(), "default", "1", until, "broken screen", "test"))
	v.pass(5 * time.Minute)
	require.Equal(t, []string{"account reach: the account 1 is held: broken screen +1h55m0s"}, v.stands(id))
	cleared, err := v.engine.ClearAccount(t.Context(), "default", "1", "test")
	require.NoError(t, err)
	require.True(t, cleared)
	v.pass(time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
}

func TestARunStandsStillWhilePaused(t *testing.T) {
	v := steer(t)
	v.limited()
	id := v.start(greeting("", "limits: { account: { rate: 12/h } }\n"))
	require.NoError(t, v.engine.Pause(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, []string{"paused : somebody to resume it"}, v.stands(id))
}

func TestACallIsTriedAgain(t *testing.T) {
	v := steer(t)
	require.NoError(t, v.box.SetFaults([]sandbox.Fault{fault(t, "doSendPublicMes:http=429,retry_after=600:first=1")}))
	id := v.start(greeting("", ""))
	v.pass(0)
	require.Len(t, v.stands(id), 1)
	require.Contains(t, v.stands(id)[0], "retry reach: a call is tried again: ")
	require.Contains(t, v.stands(id)[0], " +10m")
}

// What a called run waits for, it waits for as well; and a run that has not begun says why.
func TestARunStandsStillForOthers(t *testing.T) {
	v := steer(t)
	v.others["night"] = "name: night\n" + greeting(`send_window: { from: "10:00", to: "21:00", timezone: UTC }`, "")
	id := v.start("name: day\nsteps:\n  - id: sub\n    call: night\n")
	v.pass(0)
	stands := v.stands(id)
	require.Len(t, stands, 2)
	require.Contains(t, stands[0]+stands[1], "call sub: run ")
	require.Contains(t, stands[0]+stands[1], "called window reach: the send window is closed +1h0m0s")

	workflow := v.parse("name: queue\nsteps:\n  - wait: 1h\n")
	first, err := v.engine.Create(t.Context(), engine.Submission{ID: "first", Workflow: workflow})
	require.NoError(t, err)
	second, err := v.engine.Create(t.Context(), engine.Submission{ID: "second", Workflow: workflow, Queued: true})
	require.NoError(t, err)
	third, err := v.engine.Create(t.Context(), engine.Submission{ID: "third", Workflow: workflow, NotBefore: v.clock().Add(5 * time.Minute)})
	require.NoError(t, err)
	v.pass(0)
	require.Equal(t, []string{"wait wait: waits +1h0m0s"}, v.stands(first.ID))
	require.Equal(t, []string{"queue : run first of queue, which was there before"}, v.stands(second.ID))
	require.Equal(t, []string{"start : begins later, as its trigger's jitter says +5m0s"}, v.stands(third.ID))
}
