package engine_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

const flooded = `
name: flooded
triggers:
  - event: chat
    if: event.from == "customer"
    overlap: %s
    max_runs: %d
    params: { n: "${{ event.content }}" }
params: { n: { type: string, required: true } }
steps: [{ wait: %s }]
`

// waiting is how many events wait in all.
func (r *rehearsal) waiting() int {
	r.t.Helper()
	counts, err := r.ledger.CountWaiting(r.t.Context())
	require.NoError(r.t, err)
	total := 0
	for _, n := range counts {
		total += n
	}
	return total
}

// pushAll keeps many events at once, as a flood does.
func (r *rehearsal) pushAll(part, n int) {
	r.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			id := fmt.Sprintf("%d-%d", part, i)
			r.push(id, "chat", said("1", "f"+id, id, 0))
		})
	}
	all.Wait()
}

// Of a flood of events each has its run, in their order, and there are never more runs at a time than the trigger may have,
// whatever becomes of the process meanwhile.
func TestAFloodOfEventsWaits(t *testing.T) {
	for _, c := range []struct {
		overlap      string
		events, most int
		wait         string
	}{{"allow", 5000, 100, "500ms"}, {"queue", 150, 5, "1s"}} {
		t.Run(c.overlap, func(t *testing.T) {
			if testing.Short() {
				c.events, c.most = c.events/10, c.most/10+1
			}
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := rehearseWith(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening, ledger.Off)
				defer func() { r.end() }()
				text := fmt.Sprintf(flooded, c.overlap, c.most, c.wait)
				stop := r.hearing(text)
				open := func() int {
					runs, err := r.ledger.Runs(t.Context(), engine.RunFilter{Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusPaused}})
					require.NoError(t, err)
					require.LessOrEqual(t, len(runs), c.most)
					return len(runs)
				}
				restart := func() {
					stop()
					r.restart()
					stop = r.hearing(text)
				}
				most := 0
				for part := range 5 {
					r.pushAll(part, c.events/5)
					time.Sleep(1100 * time.Millisecond)
					most = max(most, r.waiting())
					open()
					if part == 2 {
						restart()
					}
				}
				require.Greater(t, most, c.events/10, "they wait, and are counted")
				for i := 0; open()+r.waiting() > 0; i++ {
					require.Less(t, i, 10_000)
					time.Sleep(350 * time.Millisecond)
					if i == 5 || i == 20 {
						restart()
					}
				}
				stop()
				runs, err := r.ledger.Runs(t.Context(), engine.RunFilter{})
				require.NoError(t, err)
				slices.Reverse(runs)
				pushed, err := r.ledger.EventsAfter(t.Context(), 0, c.events+1)
				require.NoError(t, err)
				require.Len(t, pushed, c.events)
				var want, got []any
				for i, event := range pushed {
					want, got = append(want, event.Content), append(got, runs[i].Params["n"])
					require.Equal(t, engine.StatusSucceeded, runs[i].Status)
				}
				require.Len(t, runs, c.events)
				require.Equal(t, want, got, "in their order")
			})
		})
	}
}

// Events wait on while their trigger is paused or its file is broken, and no longer once it is gone. One that comes while
// others wait does not overtake them.
func TestEventsWaitForTheirTrigger(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening)
		defer func() { r.end() }()
		text := fmt.Sprintf(flooded, "allow", 1, "1h")
		for i := range 3 {
			r.push(fmt.Sprint(i), "chat", said("1", "f", fmt.Sprint(i), 0))
		}
		runs := func() int {
			runs, err := r.ledger.Runs(t.Context(), engine.RunFilter{})
			require.NoError(t, err)
			return len(runs)
		}
		r.serveEvents(r.eventWork(text), 5*time.Second)
		require.Equal(t, []int{1, 2}, []int{runs(), r.waiting()})
		require.NoError(t, r.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.SetEventCursor{Sequence: 0}}}).Wait(t.Context()))
		r.serveEvents(r.eventWork(text), 5*time.Second) // from the start once more: the first waits, and turns out to have had its run
		require.Equal(t, []int{1, 3}, []int{runs(), r.waiting()})
		time.Sleep(time.Hour)
		broken := r.eventWork(text)
		broken.Scheduler = engine.NewScheduler(engine.SchedulerConfig{Engine: r.engine, Schedules: r.ledger, Planner: fixed{{Name: "flooded"}}})
		r.serveEvents(broken, 5*time.Second)
		require.Equal(t, []int{1, 3}, []int{runs(), r.waiting()})
		r.serveEvents(r.eventWork(text), 5*time.Second)
		require.Equal(t, []int{2, 1}, []int{runs(), r.waiting()})
		r.serveEvents(r.eventWork(answering), 5*time.Second) // a folder without it
		require.Equal(t, []int{2, 0}, []int{runs(), r.waiting()})
	})
}
