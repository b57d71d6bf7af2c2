package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

func faults(t *testing.T, texts ...string) []sandbox.Fault {
	t.Helper()
	var list []sandbox.Fault
	for _, text := range texts {
		fault, err := sandbox.ParseFault(text)
		require.NoError(t, err)
		list = append(list, fault)
	}
	return list
}

// manyPeople is an audience of n people over some accounts.
func manyPeople(n, accounts int) string {
	var b strings.Builder
	b.WriteString("account,friend,name,tier\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,wx_%d,人%d,gold\n", 100+i%accounts, i, i)
	}
	return b.String()
}

func TestALostAnswerIsUnknownAndNeverResent(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "doSendPublicMes:lose:20%")})
	h.file("people.csv", manyPeople(60, 3))
	run := h.wait(h.start(campaign), over)
	require.Equal(t, engine.StatusPartial, run.Status)
	require.NotZero(t, run.Counts[engine.StatusUnknown])
	require.Equal(t, 60, run.Counts[engine.StatusUnknown]+run.Counts[engine.StatusSucceeded])
	require.Len(t, h.box.Deliveries(), 60)
	require.Zero(t, h.box.Stats().Duplicates)
	require.Equal(t, 60, run.Takeovers[engine.TakeoverEnded])
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestWhatProvesThatNothingWasSentIsRepeated(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "token:expire:every=7", "doSendPublicMes:http=429,retry_after=1:first=2")})
	h.file("people.csv", manyPeople(12, 3))
	run := h.wait(h.start(campaign), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Len(t, h.box.Deliveries(), 12)
	require.Zero(t, h.box.Stats().Duplicates)
}

func TestADefiniteRefusalFailsTheItemAndHandsBack(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "doSendPublicMes:code=200009:account=100")})
	h.file("people.csv", manyPeople(6, 2))
	id := h.start(campaign)
	run := h.wait(id, over)
	require.Equal(t, engine.StatusPartial, run.Status)
	require.Equal(t, 3, run.Counts[engine.StatusFailed])
	require.Equal(t, 3, run.Counts[engine.StatusSucceeded])
	require.Contains(t, h.items(id)["wx_0"].Reason, "200009")
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestATakeoverThatTheFileForgotIsEnded(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7})
	run := h.wait(h.start(`
name: forgetful
steps:
  - id: reach
    foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
`), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, 2, run.Takeovers[engine.TakeoverEnded])
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestATakeoverThatCannotBeEndedIsStuck(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "endTakeOver:code=200019")})
	run := h.wait(h.start(`
name: stuck
steps:
  - id: hold
    uses: takeover.apply
    with: { account: "1", friend: a }
`), over)
	require.Equal(t, 1, run.Takeovers[engine.TakeoverStuck])
}

func TestPauseAndResumeLoseNothing(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "*:delay:5ms")})
	h.file("people.csv", manyPeople(200, 5))
	id := h.start(campaign)
	h.wait(id, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] > 10 })
	require.NoError(t, h.engine.Pause(t.Context(), id))
	paused := h.wait(id, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
	require.NotZero(t, paused.Counts[engine.StatusPending])
	require.Zero(t, paused.Takeovers[engine.TakeoverHeld])
	require.Zero(t, h.box.Stats().OpenTakeovers)
	require.NoError(t, h.engine.Resume(t.Context(), id))
	run := h.wait(id, over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Len(t, h.box.Deliveries(), 200)
	require.Zero(t, h.box.Stats().Duplicates)
}

func TestCancelEndsInOrder(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7, Faults: faults(t, "*:delay:5ms")})
	h.file("people.csv", manyPeople(200, 5))
	id := h.start(campaign)
	h.wait(id, func(run engine.Run) bool { return run.Counts[engine.StatusSucceeded] > 10 })
	require.NoError(t, h.engine.Cancel(t.Context(), id))
	run := h.wait(id, over)
	require.Equal(t, engine.StatusCancelled, run.Status)
	require.Equal(t, 200, run.Counts[engine.StatusSucceeded]+run.Counts[engine.StatusCancelled])
	require.NotZero(t, run.Counts[engine.StatusCancelled])
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

func TestABadRowStopsTheRunBeforeAnythingIsSent(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 7})
	h.file("people.csv", manyPeople(1500, 5)+"1,only-two\n")
	run := h.wait(h.start(campaign), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Contains(t, run.Error.Message, "1502")
	require.Empty(t, h.box.Deliveries())
	require.Empty(t, run.Counts)
}
