package ledgertest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
)

// testOrder: what one goroutine appends is committed in that order, waited for or not.
func testOrder(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"))
	id := b.each()[0].ID
	var last engine.Receipt
	for i := range 1000 {
		last = b.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.SetItem{
			ID: id, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusPending, Reason: fmt.Sprint(i),
		}}})
	}
	require.NoError(t, last.Wait(t.Context()))
	require.Equal(t, "999", b.each()[0].Reason)
}

// testWhole: changes of an entry see those before them, and a change that fails takes the others along.
func testWhole(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"))
	id := b.each()[0].ID
	move := func(from, to engine.Status) engine.Change {
		return engine.SetItem{ID: id, Run: "r", Step: "each", From: from, To: to}
	}
	b.commit(move(engine.StatusPending, engine.StatusRunning), move(engine.StatusRunning, engine.StatusSucceeded))
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1}, b.run().Counts)
	err := b.try(engine.Entry{Changes: []engine.Change{
		move(engine.StatusSucceeded, engine.StatusFailed), engine.AddItems{Run: "r", Step: "more", Items: []engine.Item{item(1, "k", "x")}},
		engine.SetTakeover{Takeover: engine.Takeover{Run: "r", Item: id, Step: "t", State: engine.TakeoverHeld}},
		engine.SetRun{ID: "there is none"},
	}})
	require.ErrorIs(t, err, engine.ErrNotFound)
	run := b.run()
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1}, run.Counts)
	require.Empty(t, run.Takeovers)
	// Whatever the ledger remembered of the failed entry must not show.
	b.commit(engine.AddItems{Run: "r", Step: "more", Items: []engine.Item{item(1, "k", "y"), item(2, "l", "x")}})
	require.Equal(t, []string{"a", "k", "l"}, keys(b.each()))
}

// testConcurrency has many goroutines at work on their items, as an engine does.
func testConcurrency(t *testing.T, b *bench) {
	items := b.foreachMany()
	var wg sync.WaitGroup
	states := []engine.CallState{engine.CallSucceeded, engine.CallFailed, engine.CallUnknown}
	statuses := []engine.Status{engine.StatusSucceeded, engine.StatusFailed, engine.StatusUnknown}
	lanes := map[string]engine.Lane{}
	for _, name := range []string{"0", "1", "2"} {
		lanes[name] = b.seize(laneKey(name))
	}
	for g := range 64 {
		wg.Go(func() {
			for i := g; i < len(items); i += 64 {
				item, one := items[i], call(items[i].ID, "s", 1)
				fence := &engine.Fence{LaneKey: laneKey(item.Lane), Epoch: lanes[item.Lane].Epoch}
				if err := b.try(engine.Entry{Fence: fence, Changes: []engine.Change{engine.AddCall{Call: one}}}); err != nil {
					t.Error(err)
				}
				if err := b.try(engine.Entry{Fence: fence, Changes: []engine.Change{
					engine.SetCall{CallKey: one.CallKey, Run: "r", State: states[i%3]},
					engine.SetItem{ID: item.ID, Run: "r", Step: "each", From: engine.StatusPending, To: statuses[i%3]},
				}}); err != nil {
					t.Error(err)
				}
				if i%100 == 0 { // reading does not disturb
					if _, err := b.Run(t.Context(), "r"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	run := b.run()
	for i := range 3 {
		n := (many + 2 - i) / 3
		require.Equal(t, n, run.Counts[statuses[i]])
		require.Equal(t, n, run.Calls[states[i]])
	}
	require.NotContains(t, run.Counts, engine.StatusPending)
	CountsEqualRows(t, b, "r")
}

// CountsEqualRows compares every count of a run with its rows.
func CountsEqualRows(t require.TestingT, b engine.Ledger, id string) {
	ctx := context.Background()
	run, err := b.Run(ctx, id)
	require.NoError(t, err)
	counts, byStep := map[engine.Status]int{}, map[string]map[engine.Status]int{}
	for item, err := range b.Items(ctx, engine.ItemFilter{Run: id, Root: true}) {
		require.NoError(t, err)
		if byStep[item.Step] == nil {
			byStep[item.Step] = map[engine.Status]int{}
		}
		byStep[item.Step][item.Status]++
		if (item.Step != "") == run.Foreach {
			counts[item.Status]++
		}
	}
	require.Equal(t, counts, run.Counts)
	for step, want := range byStep {
		got, err := b.Counts(ctx, id, step)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	calls := map[engine.CallState]int{}
	for call, err := range b.Calls(ctx, engine.CallFilter{Run: id}) {
		require.NoError(t, err)
		calls[call.State]++
	}
	require.Equal(t, calls, run.Calls)
	takeovers := map[engine.TakeoverState]int{}
	list, err := b.Takeovers(ctx, engine.TakeoverFilter{Run: id})
	require.NoError(t, err)
	for _, takeover := range list {
		takeovers[takeover.State]++
	}
	require.Equal(t, takeovers, run.Takeovers)
}

// testCounts appends what comes to mind, and counts.
func testCounts(t *testing.T, b *bench) {
	runs := 0
	rapid.Check(t, func(r *rapid.T) {
		runs++
		id := fmt.Sprint("run", runs)
		b.commit(engine.AddRun{Run: engine.Run{ID: id, Trigger: "manual", Foreach: rapid.Bool().Draw(r, "foreach"), Status: engine.StatusPending}})
		known := []int64{b.items(engine.ItemFilter{Run: id, Root: true})[0].ID} // an unfinished snapshot, that may be dropped, has neither calls nor takeovers
		for range rapid.IntRange(1, 12).Draw(r, "entries") {
			var changes []engine.Change
			for range rapid.IntRange(1, 4).Draw(r, "changes") {
				changes = append(changes, anyChange(r, id, known))
			}
			if err := b.try(engine.Entry{Changes: changes}); err != nil {
				require.ErrorIs(r, err, engine.ErrExists)
			}
			known = known[:0]
			for _, item := range b.items(engine.ItemFilter{Run: id, Root: true}) {
				if item.Step != "t" {
					known = append(known, item.ID)
				}
			}
		}
		CountsEqualRows(r, b, id)
		wavesEqualRows(r, b, id)
	})
}

// wavesEqualRows compares what a filter finds of each wave with what the items say, and sees that only held ones go on
// at an instant.
func wavesEqualRows(t require.TestingT, b *bench, id string) {
	want := map[int][]int64{}
	for _, item := range b.items(engine.ItemFilter{Run: id}) {
		want[item.Wave] = append(want[item.Wave], item.ID)
		require.True(t, item.Until.IsZero() || item.Status == engine.StatusHeld)
	}
	for wave := 1; wave <= 4; wave++ {
		var got []int64
		for _, item := range b.items(engine.ItemFilter{Run: id, Wave: wave}) {
			got = append(got, item.ID)
		}
		require.Equal(t, want[wave], got)
	}
}

func anyChange(r *rapid.T, run string, items []int64) engine.Change {
	steps := rapid.SampledFrom([]string{"", "s", "t"})
	lanes := rapid.SampledFrom([]string{"", "x", "y"})
	states := rapid.SampledFrom([]engine.CallState{engine.CallIntent, engine.CallSucceeded, engine.CallFailed, engine.CallUnknown})
	statuses := rapid.SampledFrom([]engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusHeld, engine.StatusSucceeded, engine.StatusSkipped, engine.StatusCancelled})
	id := rapid.SampledFrom(items).Draw(r, "item")
	key := engine.CallKey{Item: id, Step: steps.Draw(r, "call"), Attempt: rapid.IntRange(1, 3).Draw(r, "attempt")}
	switch rapid.IntRange(0, 9).Draw(r, "change") {
	case 0, 1:
		add := engine.AddItems{Run: run, Step: rapid.SampledFrom([]string{"s", "t"}).Draw(r, "step")}
		for i := range rapid.IntRange(0, 5).Draw(r, "items") {
			one := item(int64(i), rapid.StringN(0, 1, 1).Draw(r, "key"), lanes.Draw(r, "lane"))
			one.Status = statuses.Draw(r, "status")
			add.Items = append(add.Items, one)
		}
		return add
	case 2:
		set := engine.SetItem{ID: id, Run: run, Step: steps.Draw(r, "step"), From: statuses.Draw(r, "from"), To: statuses.Draw(r, "to")}
		if rapid.Bool().Draw(r, "until") {
			set.Until = instant(1)
		}
		if rapid.Bool().Draw(r, "progress") {
			set.Progress = json.RawMessage(`{}`)
		}
		return set
	case 3:
		return engine.EndItems{To: rapid.SampledFrom([]engine.Status{engine.StatusCancelled, engine.StatusSkipped}).Draw(r, "to"), LaneKey: engine.LaneKey{Run: run, Step: steps.Draw(r, "step"), Lane: lanes.Draw(r, "lane")}}
	case 4:
		return engine.AddCall{Call: engine.Call{CallKey: key, Run: run, State: engine.CallIntent}}
	case 5:
		return engine.SetCall{CallKey: key, Run: run, State: states.Draw(r, "state")}
	case 6:
		return engine.SetTakeover{Takeover: engine.Takeover{Run: run, Item: id, Step: key.Step, State: rapid.SampledFrom(
			[]engine.TakeoverState{engine.TakeoverIntended, engine.TakeoverHeld, engine.TakeoverEnded, engine.TakeoverStuck}).Draw(r, "takeover")}}
	case 7:
		return engine.AssignWaves{Run: run, Step: steps.Draw(r, "step"), Sizes: rapid.SliceOfN(rapid.IntRange(0, 3), 0, 4).Draw(r, "sizes")}
	case 8:
		return engine.AddLanes{Run: run, Step: steps.Draw(r, "step"), Wave: rapid.IntRange(0, 4).Draw(r, "wave")}
	}
	return engine.DropItems{Run: run, Step: "t"}
}
