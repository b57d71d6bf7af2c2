package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
)

// toFans sends to every fan of the platform's list.
func toFans(limits string, pageSize int) string {
	return fmt.Sprintf(`
name: fans%s
steps:
  - id: fans
    uses: audience.friends
    with: { page_size: %d }
  - id: reach
    foreach: { in: "${{ steps.fans.rows }}", as: who, key: who.friend, concurrency: 16 }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "${{ who.name }}，您好" }
`, limits, pageSize)
}

func TestAnAudienceOfThePlatform(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 250, Faults: faults(t, "GetFansList:http=429,retry_after=1:first=1")})
	run := h.wait(h.start(toFans("", 100)), over)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 250}, run.Counts)
	require.Equal(t, 250, h.box.Stats().Recipients)
	require.Equal(t, 250, run.Calls[engine.CallSucceeded], "reads of a snapshot are in no call's row")
}

// The pages of an audience keep the limits, and a slice much shorter than the reading does not begin it anew.
func TestPagesKeepTheLimits(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 12})
	h.engine.Slice = 20 * time.Millisecond
	run := h.wait(h.start(toFans("\nlimits: { reads: { rate: 10/s, match: call.operation == \"GetFansList\" } }", 2)), over)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
	require.Len(t, h.box.Deliveries(), 12)
	// Six pages and an empty one: six gaps of 100 ms.
	require.Greater(t, h.box.Deliveries()[0].At.Sub(run.StartedAt), 590*time.Millisecond)
}

func TestAPageThatCannotBeReadFailsTheRunBeforeAnythingIsSent(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 250, Faults: faults(t, "GetFansList:code=200012:every=2")})
	run := h.wait(h.start(toFans("", 100)), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Contains(t, run.Error.Message, "page 2: GetFansList: 200012 wrong parameters")
	require.Empty(t, h.box.Deliveries())
	require.Empty(t, h.items(run.ID))
}

// slowly is a limit under which reading the audience takes for ever.
const slowly = "\nlimits: { reads: { rate: 1/h, match: call.effect == \"read\" } }"

func TestAReadingIsPausedAndCancelled(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 250})
	watching, stop := context.WithCancel(t.Context())
	watched := make(chan error)
	go func() { watched <- h.engine.Watch(watching) }()
	defer func() { stop(); require.NoError(t, <-watched) }()
	id := h.start(toFans(slowly, 100))
	h.wait(id, func(run engine.Run) bool { return run.Status == engine.StatusRunning && h.box.Stats().Requests > 0 })
	require.NoError(t, h.engine.Pause(t.Context(), id))
	h.wait(id, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
	require.NoError(t, h.engine.Resume(t.Context(), id))
	h.wait(id, func(run engine.Run) bool { return run.Status == engine.StatusRunning })
	require.NoError(t, h.engine.Cancel(t.Context(), id))
	run := h.wait(id, over)
	require.Equal(t, engine.StatusCancelled, run.Status)
	require.Empty(t, h.box.Deliveries())
}

// A plan reads the audience for real, and shows what the run does.
func TestAPlanReadsThePlatform(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 25})
	clock := &engine.VirtualClock{}
	planner := engine.New(engine.Config{Steps: h.catalogue, Catalogue: h.catalogue, Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})})
	workflow := h.parse(toFans("\nlimits: { tenant: { rate: 1000/s, burst: 5 } }", 10))
	plan, err := planner.Plan(t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	require.Equal(t, 25, plan.Items.Selected)
	require.Equal(t, map[string]int{"doSendPublicMes": 25}, plan.Calls.ByOperation)
	require.Empty(t, h.box.Deliveries())
	require.Contains(t, string(plan.Samples[0].Calls[0].Request), "您好")

	again, err := planner.Plan(t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	require.Equal(t, plan.Digest, again.Digest)
}

// What a run reads at its beginning, a plan reads too, so that it shows what will be sent.
func TestAPlanReadsWhatItsItemsRestOn(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 25})
	clock := &engine.VirtualClock{}
	planner := engine.New(engine.Config{Steps: h.catalogue, Catalogue: h.catalogue, Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})})
	plan, err := planner.Plan(t.Context(), engine.Submission{Workflow: h.parse(`
name: departments
steps:
  - id: known
    uses: system.departments
  - foreach: { in: "${{ steps.known.departments }}", as: department }
    steps:
      - id: chat
        uses: chat.read
      - uses: message.send
        with: { account: 1, friend: f, text: "${{ department.name }} ${{ len(steps.chat.messages) }}" }
`)}, clock)
	require.NoError(t, err)
	require.Equal(t, 3, plan.Items.Selected)
	require.Zero(t, plan.FailureCount)
	require.Contains(t, string(plan.Samples[0].Calls[1].Request), "销售部 0")
	require.EqualValues(t, 2, h.box.Stats().Requests, "a token, and the departments: an item's reads are assumed")
	require.Empty(t, h.box.Deliveries())
}
