package engine_test

import (
	"context"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

const limited = `
name: limited
limits: { account: { rate: 600/min, gap: 50ms } }
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, concurrency: 8 }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
`

func TestNoAccountIsFasterThanItsLimit(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", manyPeople(40, 4))
	run := h.wait(h.start(limited), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	arrivals := map[string][]time.Time{}
	for _, delivery := range h.box.Deliveries() {
		arrivals[delivery.Account] = append(arrivals[delivery.Account], delivery.At)
	}
	require.Len(t, arrivals, 4)
	for account, times := range arrivals {
		sort.Slice(times, func(i, j int) bool { return times[i].Before(times[j]) })
		span := times[len(times)-1].Sub(times[0])
		// 600 a minute is one per 100 ms. What lies between the slot and the arrival may shorten a single gap, not the whole.
		// On a machine that has much to do, a call may use its slot up to 200 ms late.
		require.GreaterOrEqual(t, span, 9*100*time.Millisecond-200*time.Millisecond, "account %s", account)
	}
}

// A call whose slot lies beyond the slice must keep it, or it would never come to its turn.
func TestASlotBeyondTheSliceIsKept(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.engine.Slice = 20 * time.Millisecond
	h.file("people.csv", manyPeople(6, 1))
	run := h.wait(h.start(limited), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Len(t, h.box.Deliveries(), 6)
	require.Less(t, run.FinishedAt.Sub(run.StartedAt), 5*time.Second)
}

// What another process does to a lane that was only slow: it takes it over, and the intent it finds is unknown.
func TestATakenOverLaneSendsNothingMore(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:300ms")})
	h.file("people.csv", "account,friend,name,tier\n1,a,A,gold\n1,b,B,gold\n1,c,C,gold\n")
	id := h.start(`
name: slow
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, concurrency: 1 }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
`)
	h.wait(id, func(run engine.Run) bool { return run.Calls[engine.CallIntent] > 0 })
	key := engine.LaneKey{Run: id, Step: "reach", Lane: "1"}
	_, err := h.ledger.Seize(t.Context(), key)
	require.NoError(t, err)
	wake := engine.Wake{LaneKey: key}
	require.NoError(t, h.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{wake}}).Wait(t.Context()))
	run := h.wait(id, over)
	total := 0
	for _, n := range run.Counts {
		total += n
	}
	require.Equal(t, 3, total)
	require.Zero(t, h.box.Stats().Duplicates)
}

func TestAnIntentOfADeadProcessIsUnknownAndItsFinallyRuns(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:2s:first=1")})
	h.file("people.csv", "account,friend,name,tier\n1,a,A,gold\n")
	id := h.start(campaign)
	h.wait(id, func(run engine.Run) bool {
		return run.Takeovers[engine.TakeoverHeld] == 1 && run.Calls[engine.CallIntent] == 1
	})
	// The ledger as a killed process leaves it: the engine over it is new and knows of nothing.
	again := engine.New(h.engine.Config)
	key := engine.LaneKey{Run: id, Step: "reach", Lane: "1"}
	_, err := again.Work(t.Context(), key)
	require.NoError(t, err)
	item := h.items(id)["a"]
	require.Equal(t, engine.StatusUnknown, item.Status)
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestPlanAndRunAgree(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", people)
	workflow := h.parse(campaign)
	clock := &engine.VirtualClock{}
	plan, err := engine.New(h.engine.Config).Plan(t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	require.Empty(t, h.box.Stats().Requests)
	run := h.wait(h.start(campaign), over)
	require.Equal(t, plan.Calls.Total, run.Calls[engine.CallSucceeded])
	require.Equal(t, plan.Items.Selected, run.Counts[engine.StatusSucceeded])
	skipped := map[string]int{}
	for item, err := range h.ledger.Items(t.Context(), engine.ItemFilter{Run: run.ID, Statuses: []engine.Status{engine.StatusSkipped}}) {
		require.NoError(t, err)
		skipped[item.Reason]++
	}
	require.Equal(t, plan.Items.Skipped, skipped)
	operations := map[string]int{}
	for call, err := range h.ledger.Calls(t.Context(), engine.CallFilter{Run: run.ID}) {
		require.NoError(t, err)
		operations[call.Operation]++
	}
	require.Equal(t, plan.Calls.ByOperation, operations)
	again, err := engine.New(h.engine.Config).Plan(t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	require.Equal(t, plan.Digest, again.Digest)
}

func TestSuspendHandsBackAndResumeAppliesAgain(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:http=429,retry_after=3600:first=1")})
	h.engine.Grace = 50 * time.Millisecond
	h.file("people.csv", "account,friend,name,tier\n1,a,A,gold\n")
	id := h.start(campaign + "\nlimits: { account: { rate: 100/s } }\n")
	h.wait(id, func(run engine.Run) bool {
		return run.Takeovers[engine.TakeoverHeld] == 1 && run.Calls[engine.CallFailed] == 1
	})
	require.NoError(t, h.engine.Pause(context.Background(), id))
	run := h.wait(id, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
	require.Equal(t, 1, run.Takeovers[engine.TakeoverEnded])
	require.Zero(t, h.box.Stats().OpenTakeovers)
	require.Empty(t, h.box.Deliveries())
}

// Lanes do not begin more items than the concurrency asks for, or customers would sit in conversations that nobody
// speaks in.
func TestFewConversationsAreHeldAtATime(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "*:delay:10ms")})
	h.file("people.csv", manyPeople(300, 10))
	id := h.start(strings.Replace(campaign, "steps:", "limits: { account: { rate: 20/s } }\nsteps:", 1))
	held := 0
	h.wait(id, func(run engine.Run) bool {
		held = max(held, h.box.Stats().OpenTakeovers)
		return run.Counts[engine.StatusSucceeded] > 150
	})
	require.NoError(t, h.engine.Cancel(t.Context(), id))
	h.wait(id, over)
	require.Positive(t, held)
	require.LessOrEqual(t, held, 30, "concurrency 4 in 10 lanes: one item in each, the next as it ends, and a few while the lanes start")
}

// A takeover whose answer nobody heard may be held: whoever recovers the run hands it back.
func TestATakeoverInDoubtIsHandedBack(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "applyTakeOver:slow=1s:first=1")})
	h.file("people.csv", "account,friend,name,tier\n1,a,A,gold\n")
	id := h.start(campaign)
	h.wait(id, func(run engine.Run) bool {
		return h.box.Stats().OpenTakeovers == 1 && run.Calls[engine.CallIntent] == 1
	})
	// As after a kill: the run is cancelled by a process that knows of the call only what the ledger says.
	again := engine.New(h.engine.Config)
	require.NoError(t, again.Cancel(t.Context(), id))
	_, err := again.Work(t.Context(), engine.LaneKey{Run: id, Step: "reach", Lane: "1"})
	require.NoError(t, err)
	require.Zero(t, h.box.Stats().OpenTakeovers)
	require.Empty(t, h.box.Deliveries())
}

// The platform measures in its own way: with its limit a little above ours, it has nothing to complain of.
func TestAPlatformThatLimitsHasNothingToRefuse(t *testing.T) {
	const limits = `limits: { account: { by: call.account, match: call.effect == "message", rate: 600/min, gap: 50ms } }`
	for rate, complains := range map[string]bool{"11/s": false, "9/s": true} {
		measured := sandbox.Config{Seed: 3, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:http=429,retry_after=1:over="+rate)}}
		bubble(t, limits, measured, nil, func(t *testing.T, r *rehearsal) {
			run := r.until(r.start(sending("", "", list("1", 60))), time.Second, over)
			require.Equal(t, engine.StatusSucceeded, run.Status)
			require.Equal(t, complains, run.Calls[engine.CallFailed] > 0, "at %s: %v", rate, run.Calls)
		})
	}
}

// Without a limit of ours, the platform's own 429 slows the run down, and nobody is lost.
func TestAPlatformThatLimitsIsObeyed(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:http=429,retry_after=1:over=4/s")})
	h.file("people.csv", manyPeople(8, 1))
	run := h.wait(h.start(strings.Replace(limited, "limits: { account: { rate: 600/min, gap: 50ms } }", "", 1)), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.NotZero(t, run.Calls[engine.CallFailed])
	require.Len(t, h.box.Deliveries(), 8)
}

// A lane that waits seconds between messages takes over one conversation ahead, not a dozen.
func TestASlowLaneHoldsFewConversations(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "*:delay:5ms")})
	h.file("people.csv", manyPeople(40, 1))
	id := h.start(strings.Replace(campaign, "concurrency: 4", "concurrency: 32", 1) + "\nlimits: { account: { gap: 2s } }\n")
	h.wait(id, func(run engine.Run) bool { return len(h.box.Deliveries()) >= 2 })
	require.LessOrEqual(t, h.box.Stats().OpenTakeovers, 3)
	require.NoError(t, h.engine.Cancel(t.Context(), id))
	h.wait(id, over)
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestAListWithoutAColumnThatIsReadIsRefused(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", "account,friend,name,teir\n1,a,A,gold\n")
	run := h.wait(h.start(campaign), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "audience", run.Error.Code)
	require.Contains(t, run.Error.Message, `test.yaml:12:23: the list has no column "tier", did you mean "teir"?`)
	require.Empty(t, h.box.Deliveries())
}

// What the message advises can be read, and does what it says.
func TestAListCanDoWithoutAColumn(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", "account,friend,name\n1,a,A\n")
	text := strings.ReplaceAll(campaign, "customer.tier", `customer["last order"]`)
	require.NotEqual(t, campaign, text)
	run := h.wait(h.start(text), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	const without = `customer["last order"] ?? ""`
	require.Contains(t, run.Error.Message, "(to do without it, write "+without+")")
	text = strings.ReplaceAll(text, `customer["last order"]`, "("+without+")")
	run = h.wait(h.start(text), over)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
}

func TestAListWithoutAColumnOfAReportIsRefused(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", people)
	text := campaign + "  - uses: report.write\n    with: { path: reached.csv, of: reach, columns: [key, nmae, status] }\n"
	run := h.wait(h.start(text), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "audience", run.Error.Code)
	require.Contains(t, run.Error.Message, `test.yaml:27:58: the list has no column "nmae", did you mean "name"? It has account, friend, name, tier`)
	require.NotContains(t, run.Error.Message, "??")
	require.Empty(t, h.box.Deliveries())
}

// Two runs over the same customers take turns in each conversation: neither ends it under the other's hands.
func TestTwoRunsTakeTurnsInAConversation(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:60ms:every=2")})
	h.file("people.csv", manyPeople(40, 2))
	first, second := h.start(campaign), h.start(campaign)
	for _, id := range []string{first, second} {
		run := h.wait(id, over)
		require.Equal(t, engine.StatusSucceeded, run.Status)
		require.Equal(t, 40, run.Counts[engine.StatusSucceeded])
	}
	require.Len(t, h.box.Deliveries(), 80)
	require.Zero(t, h.box.Stats().OpenTakeovers)
}
