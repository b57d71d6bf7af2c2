package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

const windowed = `
name: windowed
send_window: { from: "09:00", to: "21:00", timezone: UTC }
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }, { account: "2", friend: c }], as: who, key: who.friend }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: hello }
`

// A bubble begins at midnight: outside the window nothing at all happens, and at nine everything does.
func TestNothingIsBegunOutsideTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, t.TempDir(), "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, nil)
		defer r.end()
		id := r.start(windowed)
		time.Sleep(8 * time.Hour)
		run := r.run(id)
		require.Equal(t, engine.StatusRunning, run.Status)
		require.Equal(t, map[engine.Status]int{engine.StatusPending: 3}, run.Counts)
		require.Zero(t, r.box.Stats().Requests, "nobody is taken over for a message that cannot leave")
		require.Equal(t, "held until 09:00 by its send window", r.engine.Waiting(id))
		stands, err := engine.Standstills(t.Context(), r.ledger, run)
		require.NoError(t, err)
		require.Equal(t, []engine.Standstill{{Run: id, Step: "foreach", Kind: engine.StandsWindow, Text: "the send window is closed (2 lanes)",
			Until: time.Date(2000, 1, 1, 9, 0, 0, 0, time.UTC)}}, stands)
		run = r.until(id, time.Second, over)
		require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
		for _, call := range r.calls(id) {
			require.Equal(t, 9, call.StartedAt.Hour())
		}
	})
}

// The platform takes its time over the takeover, and the window closes meanwhile.
func TestAMessageThatWouldBeLateWaitsForTheNextWindow(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay=5s:first=1")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		time.Sleep(time.Hour - 2*time.Second)
		id := r.start(sending(`send_window: { from: "00:00", to: "01:00", timezone: UTC }`, "", list("1", 1)))
		time.Sleep(time.Hour)
		item := r.items(id)["f000"]
		require.Equal(t, engine.StatusHeld, item.Status)
		require.Equal(t, "held until 2000-01-02 00:00 by its send window", item.Reason)
		require.Zero(t, r.box.Stats().OpenTakeovers, "nobody is kept in a conversation over night")
		r.until(id, time.Minute, over)
		require.Equal(t, 24*time.Hour, since(r.messages(id)[0].StartedAt).Truncate(time.Minute))
	})
}
