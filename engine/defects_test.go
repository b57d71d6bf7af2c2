package engine_test

import (
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// Defects that a review found, each in the smallest form that shows it.

const oneCustomer = "account,friend,name,tier\n1,a,A,gold\n"

// The first application took effect and its answer was lost; the second is refused. It may be held all the same.
func TestATakeoverInDoubtIsEndedThoughTheNextTryIsRefused(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "applyTakeOver:lose:first=1", "applyTakeOver:code=200009:every=2")})
	h.file("people.csv", oneCustomer)
	run := h.wait(h.start(campaign), over)
	require.Zero(t, h.box.Stats().OpenTakeovers, "the ledger says %v", run.Takeovers)
}

func TestACancelIsFinal(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:500ms:every=20:count=1", "*:delay:2ms")})
	h.file("people.csv", manyPeople(500, 1))
	id := h.start(campaign)
	h.wait(id, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] > 20 })
	require.NoError(t, h.engine.Cancel(t.Context(), id))
	var refused *engine.StateError
	require.ErrorAs(t, h.engine.Resume(t.Context(), id), &refused)
	require.ErrorAs(t, h.engine.Pause(t.Context(), id), &refused)
	run := h.wait(id, over)
	require.Equal(t, engine.StatusCancelled, run.Status)
	require.Zero(t, run.Counts[engine.StatusPending])
	require.ErrorAs(t, h.engine.Cancel(t.Context(), id), &refused)
}

func TestAForeachInTheFinallyRuns(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	run := h.wait(h.start(`
name: lastly
steps:
  - uses: log
    with: { message: first }
finally:
  - id: tell
    foreach: { in: [{ f: x }, { f: y }], as: who, key: who.f }
    steps:
      - uses: message.send
        with: { account: 9, friend: "${{ who.f }}", text: done }
`), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Len(t, h.box.Deliveries(), 2)
}

func TestALimitThatCannotBeComputedFailsItsItem(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", "account,friend,name,tier\nx1,a,A,gold\n2,b,B,gold\n")
	run := h.wait(h.start("\nlimits: { account: { by: \"string(int(call.account))\", rate: 100/s } }"+campaign), over)
	require.Equal(t, 1, run.Counts[engine.StatusFailed])
	require.Equal(t, 1, run.Counts[engine.StatusSucceeded])
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

// A call that waited behind a slow one has missed its slot: it takes another, and keeps its distance.
func TestAGapIsKeptAfterASlowCall(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:slow=1500ms:first=1")})
	h.file("people.csv", manyPeople(4, 1))
	id := h.start(strings.Replace(strings.Replace(limited, "concurrency: 8", "concurrency: 1", 1), "rate: 600/min, gap: 50ms", "gap: 400ms", 1))
	require.Equal(t, engine.StatusSucceeded, h.wait(id, over).Status)
	var arrivals []time.Time
	for _, delivery := range h.box.Deliveries() {
		arrivals = append(arrivals, delivery.At)
	}
	sort.Slice(arrivals, func(i, j int) bool { return arrivals[i].Before(arrivals[j]) })
	require.Len(t, arrivals, 4)
	for i := 1; i < len(arrivals); i++ {
		require.Greater(t, arrivals[i].Sub(arrivals[i-1]), 150*time.Millisecond, "message %d", i)
	}
}

// A list that was bad is not opened again when the run goes on: a step that has failed sends nothing later.
func TestAForeachThatFailedSendsNothingLater(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:300ms")})
	h.file("people.csv", "account,friend\n1,only,three\n")
	id := h.start(`
name: again
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    continue_on_error: true
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
  - id: tell
    foreach: { in: [{ f: x }, { f: y }], as: who, concurrency: 1 }
    steps:
      - uses: message.send
        with: { account: 9, friend: "${{ who.f }}", text: the list was bad }
`)
	h.wait(id, func(run engine.Run) bool { return run.Calls[engine.CallIntent] > 0 })
	h.file("people.csv", "account,friend\n1,f1\n1,f2\n") // mended for the next run
	require.Equal(t, engine.StatusSucceeded, h.wait(id, over).Status)
	for _, delivery := range h.box.Deliveries() {
		require.Equal(t, "9", delivery.Account, "%s was messaged by a step that had failed", delivery.Friend)
	}
	require.Len(t, h.box.Deliveries(), 2)
}
