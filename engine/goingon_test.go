package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// team speaks in a conversation that the run itself holds.
const team = `
name: team
%s
limits: { account: { gap: 30s } }
steps:
  - id: hold
    uses: takeover.apply
    with: { account: "1", friend: boss }
  - id: reach
    foreach: { in: [1, 2, 3, 4, 5, 6], as: n, key: string(n), lane: string(n %% %d) }
    steps:
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "part ${{ n }}" }
finally:
  - uses: takeover.end
    with: { takeover: "${{ steps.hold.takeover }}" }
`

// A run hands its conversation back at a stop, and is refused it when it goes on: no row is left behind, and each that got
// nothing says why.
func TestARunThatCannotHaveItsConversationAgainLeavesNobodyBehind(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:code=200012:every=2")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(fmt.Sprintf(team, "", 1))
		time.Sleep(45 * time.Second)
		r.restart()
		run := r.until(id, time.Second, over)
		require.Equal(t, engine.StatusFailed, run.Status)
		sent := len(r.box.Deliveries())
		// A row that begins before the run has come to its end fails, the others are skipped.
		require.Equal(t, sent, run.Counts[engine.StatusSucceeded])
		require.Equal(t, 6-sent, run.Counts[engine.StatusSkipped]+run.Counts[engine.StatusFailed])
		for key, item := range r.items(id) {
			require.True(t, item.Status == engine.StatusSucceeded || item.Reason != "", key)
		}
		require.Zero(t, r.box.Stats().OpenTakeovers)
	})
}

// appends counts what the engine has the ledger keep.
type appends struct {
	engine.Ledger
	count *atomic.Int64
}

func (a appends) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	a.count.Add(1)
	return a.Ledger.Append(ctx, entry)
}

// A run that may not apply for its conversation before the window opens has its lanes sleep until then, and says so.
func TestLanesSleepUntilTheirRunMayApplyAgain(t *testing.T) {
	count := &atomic.Int64{}
	counted := func(c *engine.Config) { c.Ledger = appends{c.Ledger, count} }
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, counted, func(t *testing.T, r *rehearsal) {
		now := time.Now()
		noon := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC)
		time.Sleep(noon.Add(-2 * time.Minute).Sub(now))
		id := r.start(fmt.Sprintf(team, `send_window: { from: "00:00", to: "12:00" }`, 6))
		time.Sleep(80 * time.Second)
		r.close()
		time.Sleep(time.Minute)
		r.open()
		require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
		time.Sleep(time.Minute)
		before := count.Load()
		time.Sleep(time.Hour)
		require.Less(t, count.Load()-before, int64(20), "nothing is to be done")
		run := r.until(id, time.Minute, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 6}, run.Counts)
	})
}

// Two rows of one customer, of which each waits for what the other has: their lane goes from one to the other.
func TestTwoRowsOfOneCustomerDoNotKeepEachOther(t *testing.T) {
	const text = `
name: orders
limits: { account: { gap: 60s } }
steps:
  - id: reach
    foreach: { in: [o1, o2], as: order, key: order, lane: '"1"' }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "1", friend: a }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "first ${{ order }}" }
      - wait: 150s
        if: order == "o1"
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "second ${{ order }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "third ${{ order }}" }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`
	bubble(t, "limits: {}", sandbox.Config{Seed: 1}, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(text)
		time.Sleep(20 * time.Minute)
		run := r.run(id)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 2}, run.Counts)
		require.Equal(t, 6, r.box.Delivered("1", "a"))
		require.Zero(t, r.box.Stats().OpenTakeovers)
	})
}

// What an item was put aside for earlier does not count against the attempts of a call: one bad answer on the fifth or ninth day
// is no worse than on the first.
func TestEarlierHandBacksUseUpNoAttempts(t *testing.T) {
	text := `
name: drip
steps:
  - foreach: { in: [{ account: "1", friend: a }], as: who, key: who.friend }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
` + strings.Repeat(`      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: hi }
      - wait: 1d
`, 12) + `    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`
	for _, bad := range []string{"applyTakeOver:http=502:every=5,count=1", "endTakeOver:http=502:every=9,count=1"} {
		t.Run(bad, func(t *testing.T) {
			bubble(t, "limits: {}", sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, bad)}}, nil, func(t *testing.T, r *rehearsal) {
				run := r.until(r.start(text), time.Hour, over)
				require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1}, run.Counts)
				require.Equal(t, 12, r.box.Delivered("1", "a"))
				require.Zero(t, run.Takeovers[engine.TakeoverStuck]+r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// The platform has ended a conversation, and its answer does not come before the stop is over: the next process does not speak
// in it, but applies again.
func TestAHandBackThatWasCutShort(t *testing.T) {
	for whose, text := range map[string]string{"an item's": talking("limits: { account: { gap: 60s } }", 1, 1, 2), "the run's": fmt.Sprintf(team, "", 1), "the run's, for many lanes": fmt.Sprintf(team, "", 6)} {
		t.Run(whose, func(t *testing.T) { handBackCutShort(t, text) })
	}
}

func handBackCutShort(t *testing.T, text string) {
	t.Helper()
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "endTakeOver:slow:20s:first=1")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		id := r.start(text)
		time.Sleep(30 * time.Second)
		r.desk.halt()
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		left, err := r.engine.HandBack(ctx, func(engine.Run) bool { return true })
		cancel()
		require.NoError(t, err)
		require.Equal(t, 1, left, "nobody knows")
		require.Zero(t, r.box.Stats().OpenTakeovers)
		require.NoError(t, r.ledger.Close())
		r.open()
		require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
		run := r.until(id, time.Minute, over)
		require.Equal(t, engine.StatusSucceeded, run.Status, "%v", run.Counts)
		for _, call := range r.messages(id) {
			require.Equal(t, engine.CallSucceeded, call.State, call.Message)
		}
	})
}
