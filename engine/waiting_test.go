package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

const twoMessages = `
name: two
steps:
  - uses: message.send
    with: { account: "1", friend: a, text: first }
  - id: pause
    wait: 2d
  - uses: message.send
    with: { account: "1", friend: a, text: second }
`

func TestAWaitOfDays(t *testing.T) {
	v := steer(t)
	began := v.clock()
	id := v.start(twoMessages)
	v.pass(48*time.Hour - time.Second)
	require.Equal(t, []string{"first"}, v.texts())
	require.Equal(t, engine.StatusRunning, v.run(id).Status)
	v.pass(time.Second)
	require.Equal(t, []string{"first", "second"}, v.texts())
	run := v.run(id)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, began.Add(48*time.Hour), run.FinishedAt.UTC())
}

// What was killed in a wait goes on at the same instant, and not after the whole wait again.
func TestAWaitOutlivesItsProcess(t *testing.T) {
	v := steer(t)
	began := v.clock()
	id := v.start(twoMessages)
	v.pass(30 * time.Hour)
	v.crash()
	v.pass(10 * time.Hour)
	v.crash()
	v.until(began.Add(48*time.Hour - time.Second))
	require.Equal(t, engine.StatusRunning, v.run(id).Status)
	v.pass(time.Second)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Equal(t, []string{"first", "second"}, v.texts())
}

func TestAWaitOfARunThatIsPausedOrCancelled(t *testing.T) {
	v := steer(t)
	id := v.start(twoMessages)
	v.pass(time.Hour)
	require.NoError(t, v.engine.Pause(t.Context(), id))
	v.pass(72 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	require.Equal(t, []string{"first"}, v.texts())
	require.NoError(t, v.engine.Resume(t.Context(), id))
	v.pass(time.Second)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status, "its instant has passed while it was paused")

	other := v.start(twoMessages)
	v.pass(time.Hour)
	require.NoError(t, v.engine.Cancel(t.Context(), other))
	v.pass(time.Second)
	require.Equal(t, engine.StatusCancelled, v.run(other).Status)
	require.Equal(t, []string{"first", "second", "first"}, v.texts())
}

func TestAWaitForAnInstant(t *testing.T) {
	v := steer(t)
	id := v.start(`
params: { at: { type: time, default: 2026-11-02T12:30:00Z } }
steps:
  - wait: 2026-11-02T11:00:00Z
  - wait: 2026-01-01T00:00:00Z
  - wait: ${{ params.at }}
`)
	v.until(time.Date(2026, 11, 2, 12, 29, 59, 0, time.UTC))
	require.Equal(t, engine.StatusRunning, v.run(id).Status)
	v.pass(time.Second)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
}

const polling = `
steps:
  - id: ready
    wait: { until: 'steps.chat.succeeded && now() >= date("2026-11-02T09:05:00Z")', every: 1m, for: 10m }
    steps:
      - id: chat
        uses: chat.read
        with: { account: "1", friend: a }
  - if: steps.ready.succeeded
    uses: message.send
    with: { account: "1", friend: a, text: ready }
`

func TestAWaitLooksUntilItsConditionHolds(t *testing.T) {
	v := steer(t)
	id := v.start(polling)
	v.pass(90 * time.Second)
	v.crash()
	v.pass(time.Hour)
	run := v.run(id)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
	require.Equal(t, []string{"ready"}, v.texts())
	require.Equal(t, time.Date(2026, 11, 2, 9, 5, 0, 0, time.UTC), run.FinishedAt.UTC())
	require.Equal(t, 7, run.Calls[engine.CallSucceeded], "looks at minutes 0 to 5, and the message")
}

func TestAWaitThatIsNotFulfilledInTime(t *testing.T) {
	v := steer(t)
	id := v.start(`
steps:
  - id: never
    wait: { until: now() < date("2020-01-01T00:00:00Z"), every: 4m, for: 10m }
`)
	v.pass(time.Hour)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "timeout", run.Error.Code)
	require.Equal(t, time.Date(2026, 11, 2, 9, 10, 0, 0, time.UTC), run.FinishedAt.UTC(), "it looks a last time when its time is up")
}

const drip = `
name: drip
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", reason: drip }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "1 ${{ who.friend }}" }
      - wait: "${{ duration(who.pause) }}"
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "2 ${{ who.friend }}" }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

// An item that waits lets the others of its lane go first, and nobody sits in its conversation meanwhile.
func TestAnItemThatWaitsLetsTheOthersGoOn(t *testing.T) {
	v := steer(t)
	v.file("people.csv", "account,friend,pause\n1,a,24h\n1,b,1h\n1,c,10s\n")
	id := v.start(drip)
	v.pass(time.Second)
	require.Equal(t, []string{"1 a", "1 b", "1 c"}, v.texts())
	require.Equal(t, 1, v.box.Stats().OpenTakeovers, "who waits for seconds keeps the conversation")
	require.Equal(t, 3, v.run(id).Counts[engine.StatusHeld])
	v.pass(2 * time.Hour)
	v.crash()
	require.Equal(t, []string{"1 a", "1 b", "1 c", "2 c", "2 b"}, v.texts())
	require.Zero(t, v.box.Stats().OpenTakeovers)
	v.pass(24 * time.Hour)
	run := v.run(id)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3}, run.Counts)
	texts := v.texts()
	slices.Sort(texts)
	require.Equal(t, []string{"1 a", "1 b", "1 c", "2 a", "2 b", "2 c"}, texts)
	require.Zero(t, v.box.Stats().OpenTakeovers)
}

func TestWhoWaitsWhenTheRunIsCancelled(t *testing.T) {
	v := steer(t)
	v.file("people.csv", "account,friend,pause\n1,a,24h\n1,b,10s\n")
	id := v.start(drip)
	v.pass(time.Second)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(time.Minute)
	run := v.run(id)
	require.Equal(t, engine.StatusCancelled, run.Status)
	require.Equal(t, map[engine.Status]int{engine.StatusCancelled: 2}, run.Counts)
	require.Zero(t, v.box.Stats().OpenTakeovers)
	require.Len(t, v.texts(), 2)
}
