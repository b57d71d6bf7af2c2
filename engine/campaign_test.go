package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// bubble runs a test on virtual time, in a project with that youmiflow.yaml.
func bubble(t *testing.T, config string, box sandbox.Config, adjust func(*engine.Config), test func(*testing.T, *rehearsal)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		box.Clock = time.Now
		r := rehearse(t, dir, config, box, adjust)
		defer r.end()
		test(t, r)
	})
}

// fault reads a fault.
func fault(t *testing.T, text string) sandbox.Fault {
	t.Helper()
	f, err := sandbox.ParseFault(text)
	require.NoError(t, err)
	return f
}

// list writes n customers of an account as an audience.
func list(account string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{ account: %q, friend: f%03d }, ", account, i)
	}
	return "[" + strings.TrimSuffix(b.String(), ", ") + "]"
}

// sending is a workflow that sends one message to each of a list, in a conversation that it takes over.
func sending(keys, foreach, in string) string {
	return `
name: campaign
` + keys + `
steps:
  - id: reach
    foreach:
      in: ` + in + `
      as: who
      key: who.friend
` + foreach + `
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - id: send
        uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: hello }
`
}

func since(at time.Time) time.Duration { return at.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) }

func TestAnItemBetweenTwoMessagesHandsBackOverNight(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(`
name: night
send_window: { from: "00:00", to: "01:00", timezone: UTC }
steps:
  - foreach: { in: [{ account: "1", friend: a }], as: who }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "1", friend: a }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: one }
      - wait: 90m
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: two }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`)
		time.Sleep(3 * time.Hour)
		require.Equal(t, 0, r.box.Stats().OpenTakeovers)
		item := r.items(id)["1"]
		require.Equal(t, engine.StatusHeld, item.Status, "it was due at half past one, and its lane sleeps")
		run := r.until(id, time.Minute, over)
		require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
		messages := r.messages(id)
		require.Len(t, messages, 2)
		require.Equal(t, 24*time.Hour, since(messages[1].StartedAt).Truncate(time.Minute))
		require.Zero(t, r.box.Stats().Duplicates)
	})
}

func TestWhatIsLeftAtTheDeadlineIsSkipped(t *testing.T) {
	bubble(t, "limits: { account: { rate: 1/min, by: call.account } }", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(sending("deadline: 10m", "", list("1", 1000)))
		run := r.until(id, time.Second, over)
		require.Equal(t, engine.StatusSucceeded, run.Status)
		require.Equal(t, 1000, run.Counts[engine.StatusSucceeded]+run.Counts[engine.StatusSkipped], "%v", run.Counts)
		require.Equal(t, 3, run.Counts[engine.StatusSucceeded], "each takes three calls: apply, send, end")
		require.LessOrEqual(t, run.FinishedAt.Sub(run.StartedAt), 12*time.Minute)
		for _, item := range r.items(id) {
			if item.Status == engine.StatusSkipped {
				require.Equal(t, engine.ReasonDeadline, item.Reason)
			}
		}
		for _, call := range r.calls(id) {
			if call.Operation != "endTakeOver" {
				require.Less(t, call.StartedAt.Sub(run.StartedAt), 10*time.Minute, "%+v", call)
			}
		}
		require.Zero(t, r.box.Stats().OpenTakeovers)
	})
}

func TestAnItemThatGotAMessageFailsAtTheDeadline(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(`
name: cut
deadline: 1h
steps:
  - foreach: { in: [{ account: "1", friend: a }], as: who }
    steps:
      - uses: message.send
        with: { account: "1", friend: a, text: one }
      - wait: 2h
      - uses: message.send
        with: { account: "1", friend: a, text: two }
    finally:
      - id: last
        uses: log
        with: { message: bye }
`)
		run := r.until(id, time.Second, over)
		require.Equal(t, engine.StatusPartial, run.Status)
		item := r.items(id)["1"]
		require.Equal(t, engine.StatusFailed, item.Status)
		require.Equal(t, "the deadline has passed (deadline)", item.Reason)
		require.Equal(t, time.Hour, run.FinishedAt.Sub(run.StartedAt).Truncate(time.Minute))
	})
}

func TestWavesFollowEachOther(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(sending("", `      waves: [3, { size: 20%, pause: 30m }, { size: 50%, approve: true }]`, list("1", 20)))
		run := r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] == 7 })
		waves := map[int]int{}
		for _, item := range r.items(id) {
			waves[item.Wave]++
		}
		require.Equal(t, map[int]int{1: 3, 2: 4, 3: 10, 4: 3}, waves)
		require.Equal(t, 13, run.Counts[engine.StatusPending])
		time.Sleep(29 * time.Minute)
		require.Equal(t, 7, r.run(id).Counts[engine.StatusSucceeded])
		require.Equal(t, "the pause after wave 2 of 4, until 00:30", r.engine.Waiting(id))
		r.restart() // the pause is on disk
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] == 17 })
		require.GreaterOrEqual(t, since(time.Now()), 30*time.Minute)
		time.Sleep(24 * time.Hour)
		questions, err := engine.Questions(t.Context(), r.ledger, id)
		require.NoError(t, err)
		require.Len(t, questions, 1)
		require.Equal(t, "reach/wave-4", questions[0].Step)
		require.NoError(t, r.engine.Decide(t.Context(), id, "reach/wave-4", workflows.DecisionApprove, "lee", ""))
		run = r.until(id, time.Second, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 20}, run.Counts)
		require.Equal(t, engine.StatusSucceeded, run.Status)
	})
}

func TestARejectedWaveEndsTheRest(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		in := strings.TrimSuffix(list("1", 4), "]") + ", " + strings.TrimPrefix(list("2", 9), "[") // a lane that has nothing in the first wave
		id := r.start(sending("", `      waves: { sizes: [2], approve: true }`, strings.ReplaceAll(in, `"2", friend: f`, `"2", friend: g`)))
		r.until(id, time.Second, func(engine.Run) bool {
			questions, err := engine.Questions(t.Context(), r.ledger, id)
			require.NoError(t, err)
			return len(questions) == 1
		})
		require.NoError(t, r.engine.Decide(t.Context(), id, "reach/wave-2", workflows.DecisionReject, "lee", "too early"))
		run := r.until(id, time.Second, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 2, engine.StatusSkipped: 11}, run.Counts)
		require.Equal(t, "rejected by lee", r.items(id)["g008"].Reason)
	})
}

func TestACancelledRunEndsLaterWavesToo(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(sending("", `      waves: [{ size: 1, pause: 1d }]`, list("1", 2000)))
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] == 1 })
		require.NoError(t, r.engine.Cancel(t.Context(), id))
		run := r.until(id, time.Second, over)
		require.Equal(t, engine.StatusCancelled, run.Status)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusCancelled: 1999}, run.Counts)
	})
}

func TestTooManyFailuresPauseTheRun(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:code=200014:count=5")}}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(sending("", `      concurrency: 1
      tolerate: 2`, list("1", 100)))
		run := r.until(id, time.Second, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
		require.Equal(t, "tolerate", run.Error.Code)
		require.Contains(t, run.Error.Message, "of 100 have failed or are unknown, more than the 2")
		require.Contains(t, run.Error.Message, "youmiflow runs resume "+id)
		first := run.Counts[engine.StatusFailed]
		require.GreaterOrEqual(t, first, 3)
		require.LessOrEqual(t, first, 4, "what was in flight may follow")
		require.NoError(t, r.engine.Resume(t.Context(), id))
		run = r.until(id, time.Second, over)
		require.Equal(t, engine.StatusPartial, run.Status, "a fresh count: the two more are tolerated: %+v", run.Error)
		require.Nil(t, run.Error)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 95, engine.StatusFailed: 5}, run.Counts)
	})
}

func TestACappedCustomerIsHeldAloneAndNotTakenOver(t *testing.T) {
	const limits = `limits: { customer: { by: call.account + "/" + call.friend, match: call.effect == "message", per: 7d, max: 1, over: hold } }`
	bubble(t, limits, sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		run := r.until(r.start(sending("", "", `[{ account: "1", friend: b }]`)), time.Second, over)
		require.Equal(t, engine.StatusSucceeded, run.Status)
		ended := r.box.Stats().EndedTakeovers
		id := r.start(sending("", "", `[{ account: "1", friend: a }, { account: "1", friend: b }, { account: "1", friend: c }]`))
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] == 2 })
		time.Sleep(time.Hour)
		item := r.items(id)["b"]
		require.Equal(t, engine.StatusHeld, item.Status)
		require.Contains(t, item.Reason, "the limit customer, until 2000-01-0")
		require.False(t, item.Until.IsZero())
		require.Equal(t, ended+2, r.box.Stats().EndedTakeovers, "who is capped is not taken over")
		r.restart()
		run = r.until(id, time.Minute, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3}, run.Counts)
		require.GreaterOrEqual(t, since(time.Now()), 7*24*time.Hour)
		for _, message := range r.messages(id) {
			require.Equal(t, message.Friend == "b", since(message.StartedAt) > 24*time.Hour, "the others did not wait for it")
		}
	})
}

func TestACappedCustomerIsSkipped(t *testing.T) {
	const limits = `limits: { customer: { by: call.account + "/" + call.friend, match: call.effect == "message", per: 7d, max: 1, over: skip } }`
	bubble(t, limits, sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		r.until(r.start(sending("", "", `[{ account: "1", friend: b }]`)), time.Second, over)
		id := r.start(sending("", "", `[{ account: "1", friend: a }, { account: "1", friend: b }]`))
		run := r.until(id, time.Second, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusSkipped: 1}, run.Counts)
		require.Contains(t, r.items(id)["b"].Reason, "the limit customer lets nothing more pass before 2000-01-0")
		require.Equal(t, 2, r.box.Stats().EndedTakeovers)
	})
}

func TestSuppressedCustomersAreSkippedBeforeAnything(t *testing.T) {
	suppress := func(c *engine.Config) {
		c.Suppressed = func(account, friend string) bool { return friend == "b" }
	}
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, suppress, func(t *testing.T, r *rehearsal) {
		id := r.start(sending("", "", `[{ account: "1", friend: a }, { account: "1", friend: b }]`))
		run := r.until(id, time.Second, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusSkipped: 1}, run.Counts)
		require.Equal(t, engine.ReasonSuppressed, r.items(id)["b"].Reason)
		require.Equal(t, 1, r.box.Stats().EndedTakeovers)
	})
}

// A call may name people in other ways than as its friend. One that cannot be made for the others alone is not made at all.
func TestSuppressedCustomersWhomACallNamesOtherwise(t *testing.T) {
	suppress := func(c *engine.Config) {
		c.Suppressed = func(account, friend string) bool { return friend == "b" }
	}
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, suppress, func(t *testing.T, r *rehearsal) {
		bulk := func(people string) string {
			return "steps:\n  - uses: bulk_send.save\n    with: { messages: [{ text: hi }], fields: { who: " + people + " } }\n"
		}
		for _, people := range []string{"[a, b]", `"a,b"`, "{ list: [{ id: b }] }", `'["a", "b"]'`} {
			id := r.start(bulk(people))
			run := r.until(id, time.Second, over)
			require.Equal(t, engine.StatusFailed, run.Status, people)
			require.Equal(t, "suppressed", run.Error.Code)
			require.Contains(t, run.Error.Message, "on the suppression list: 1 of those whom the call names. It is not made")
		}
		require.Zero(t, r.box.Stats().Requests)
		run := r.until(r.start(bulk("[a, c, bb]")), time.Second, over)
		require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)

		id := r.start(`
steps:
  - foreach: { in: [{ friend: a }, { friend: b }], as: who, key: who.friend }
    steps:
      - uses: api.call
        with: { effect: message, path: /v2/System/GetDepartList, method: GET, query: { person: "${{ who.friend }}" } }
`)
		r.until(id, time.Second, over)
		require.Equal(t, engine.StatusSkipped, r.items(id)["b"].Status, "%+v", r.items(id)["b"])
		require.Equal(t, engine.ReasonSuppressed, r.items(id)["b"].Reason)
		require.NotEqual(t, engine.StatusSkipped, r.items(id)["a"].Status)
	})
}

func TestAnAccountThatKeepsFailingIsHeld(t *testing.T) {
	for name, lane := range map[string]string{"with its lane": "", "its items alone": "\n      lane: '\"all\"'"} {
		t.Run(name, func(t *testing.T) { accountIsHeld(t, lane) })
	}
}

func accountIsHeld(t *testing.T, lane string) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:code=200013:account=1")}}
	bubble(t, "limits: {}", box, func(c *engine.Config) { c.TripAfter = 3; c.TripFor = 2 * time.Hour }, func(t *testing.T, r *rehearsal) {
		in := strings.TrimSuffix(list("1", 20), "]") + ", " + strings.TrimPrefix(strings.ReplaceAll(list("2", 20), "friend: f", "friend: g"), "[")
		id := r.start(sending("", "      concurrency: 1"+lane, in))
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] == 20 })
		time.Sleep(time.Hour)
		run := r.run(id)
		require.InDelta(t, 3, run.Counts[engine.StatusFailed], 1)
		why := r.engine.Waiting(id)
		if lane != "" {
			require.Equal(t, 20-run.Counts[engine.StatusFailed], run.Counts[engine.StatusHeld])
			why = r.items(id)["f019"].Reason
		}
		accounts, err := r.ledger.Accounts(t.Context())
		require.NoError(t, err)
		require.Len(t, accounts, 1)
		require.Equal(t, "1", accounts[0].Account)
		require.Contains(t, why, "the account 1 is held until 2000-01-01 02:00: 3 failures in a row")
		require.NoError(t, r.box.SetFaults(nil))
		cleared, err := r.engine.ClearAccount(t.Context(), "default", "1", "lee")
		require.NoError(t, err)
		require.True(t, cleared)
		run = r.until(id, time.Second, over)
		require.Less(t, since(time.Now()), 2*time.Hour, "cleared by a person")
		require.Equal(t, 40, run.Counts[engine.StatusSucceeded]+run.Counts[engine.StatusFailed])
	})
}

func TestAnAccountIsTriedAgainAfterAWhile(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:code=200013:first=3")}}
	bubble(t, "limits: {}", box, func(c *engine.Config) { c.TripAfter = 3; c.TripFor = 2 * time.Hour }, func(t *testing.T, r *rehearsal) {
		// One lane for both accounts: who waits for the held one waits alone.
		in := strings.TrimSuffix(list("1", 10), "]") + ", " + strings.TrimPrefix(strings.ReplaceAll(list("2", 10), "friend: f", "friend: g"), "[")
		id := r.start(sending("", "      concurrency: 1\n      lane: '\"all\"'", in))
		// One more may have been on its way when the account was held.
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] >= 10 })
		require.Less(t, since(time.Now()), time.Hour)
		run := r.run(id)
		require.Positive(t, run.Counts[engine.StatusHeld])
		run = r.until(id, time.Second, over)
		require.GreaterOrEqual(t, since(time.Now()), 2*time.Hour)
		require.Equal(t, engine.StatusPartial, run.Status)
		require.InDelta(t, 17, run.Counts[engine.StatusSucceeded], 1, "%v", run.Counts)
		accounts, err := r.ledger.Accounts(t.Context())
		require.NoError(t, err)
		require.Empty(t, accounts)
	})
}

func TestVariantsStayWithTheirKeys(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		workflow := sending("", "      variants: { a: 75, b: 25 }\n      where: variant != \"b\" || who.friend != \"f001\"", list("1", 400))
		first := r.start(workflow)
		r.until(first, time.Second, over)
		second := r.start(workflow)
		r.until(second, time.Second, over)
		items, again := r.items(first), r.items(second)
		counts := map[string]int{}
		for key, item := range items {
			counts[item.Variant]++
			require.Equal(t, item.Variant, again[key].Variant)
		}
		require.InDelta(t, 300, counts["a"], 30)
		require.Equal(t, 400, counts["a"]+counts["b"])
	})
}

const waitingBetween = `
name: between
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "1", friend: "${{ who.friend }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: one }
      - wait: 2d
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: two }
    finally:
      - uses: message.send
        with: { account: "1", friend: "${{ who.friend }}", text: bye }
`

// A held item is paused, taken up by another process and cancelled like any other.
func TestHeldItemsFollowTheirRun(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *rehearsal, string){
		"cancelled": func(t *testing.T, r *rehearsal, id string) {
			require.NoError(t, r.engine.Cancel(t.Context(), id))
			run := r.until(id, time.Second, over)
			require.Equal(t, engine.StatusCancelled, run.Status)
			require.Equal(t, map[engine.Status]int{engine.StatusCancelled: 2}, run.Counts)
			require.Less(t, since(time.Now()), 3*time.Hour, "a cancel waits for nobody")
			require.Len(t, r.box.Deliveries(), 4, "one and bye")
		},
		"to its end": func(t *testing.T, r *rehearsal, id string) {
			run := r.until(id, time.Minute, over)
			require.Equal(t, engine.StatusSucceeded, run.Status)
			require.Equal(t, 48*time.Hour, since(time.Now()).Truncate(time.Hour), "the pause has cost no time")
			require.Len(t, r.box.Deliveries(), 6)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
				id := r.start(waitingBetween)
				run := r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusHeld] == 2 })
				require.Equal(t, engine.StatusRunning, run.Status)
				require.Zero(t, r.box.Stats().OpenTakeovers)
				time.Sleep(time.Hour)
				require.NoError(t, r.engine.Pause(t.Context(), id))
				r.until(id, time.Second, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
				require.Equal(t, 2, r.run(id).Counts[engine.StatusHeld])
				r.restart()
				require.NoError(t, r.engine.Resume(t.Context(), id))
				time.Sleep(time.Minute)
				require.Equal(t, 2, r.run(id).Counts[engine.StatusHeld])
				end(t, r, id)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// The window closes and the deadline passes while the platform takes its time: nobody waits for the morning to end.
func TestADeadlineThatPassesInASliceEndsTheRun(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay=8s:first=1")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		time.Sleep(time.Hour - 5*time.Second)
		id := r.start(sending(`send_window: { from: "00:00", to: "01:00", timezone: UTC }`+"\ndeadline: 6s", "      concurrency: 1", list("1", 50)))
		run := r.until(id, time.Second, over)
		require.Less(t, since(time.Now()), time.Hour+time.Minute)
		require.Equal(t, 50, run.Counts[engine.StatusSucceeded]+run.Counts[engine.StatusSkipped], "%v", run.Counts)
		require.Positive(t, run.Counts[engine.StatusSkipped])
	})
}

// Out of hours a cancelled run does without the messages of its finally: it does not wait for the morning.
func TestACancelDoesNotWaitForTheWindow(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(`send_window: { from: "00:00", to: "01:00", timezone: UTC }` + waitingBetween)
		r.until(id, time.Second, func(run engine.Run) bool { return run.Counts[engine.StatusHeld] == 2 })
		time.Sleep(2 * time.Hour)
		require.NoError(t, r.engine.Cancel(t.Context(), id))
		r.until(id, time.Second, over)
		require.Less(t, since(time.Now()), 3*time.Hour)
		require.Len(t, r.box.Deliveries(), 2)
	})
}
