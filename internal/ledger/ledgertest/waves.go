package ledgertest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// waves says of each item of step "each" which wave it belongs to.
func (b *bench) waves() (list []string) {
	b.t.Helper()
	for _, item := range b.items(engine.ItemFilter{Run: "r", Step: ptr("each")}) {
		list = append(list, fmt.Sprint(item.Key, item.Wave))
	}
	return list
}

func (b *bench) wave(number int) []string {
	b.t.Helper()
	return keys(b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Wave: number}))
}

func testWaves(t *testing.T, b *bench) {
	skipped := engine.Item{Sequence: 3, Key: "s", Lane: "x", Status: engine.StatusSkipped}
	b.foreach(item(1, "a", "x"), item(2, "b", "y"), skipped, item(4, "a", "y"), item(5, "c", "x"), item(6, "d", "y"), item(7, "e", "x"))
	b.commit(engine.AddItems{Run: "r", Step: "other", Items: []engine.Item{item(1, "o", "x")}})
	require.Equal(t, []string{"a0", "b0", "s0", "a0", "c0", "d0", "e0"}, b.waves())
	require.Empty(t, b.wave(1))

	b.commit(engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{2, 1, 1}}, engine.AssignWaves{Run: "r", Step: "none", Sizes: []int{1}})
	require.Equal(t, []string{"a1", "b1", "s0", "a0", "c2", "d3", "e3"}, b.waves(), "the last has what is left, those who are skipped have none")
	require.Equal(t, []string{"a", "b"}, b.wave(1))
	require.Equal(t, []string{"c"}, b.wave(2))
	require.Equal(t, []string{"d", "e"}, b.wave(3))
	require.Empty(t, b.wave(4))
	require.Equal(t, []string{"d", "e"}, keys(b.items(engine.ItemFilter{Run: "r", Wave: 3})), "of all steps")
	lane := engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("x"), Wave: 3, Statuses: []engine.Status{engine.StatusPending, engine.StatusHeld}}
	require.Equal(t, []string{"e"}, keys(b.items(lane)))
	require.Equal(t, 3, b.items(lane)[0].Wave)
	b.commit(engine.SetItem{ID: b.items(lane)[0].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded})
	require.Empty(t, b.items(lane))
	require.Equal(t, []string{"d", "e"}, b.wave(3), "whatever became of them")

	b.commit(engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{9, 9}})
	require.Equal(t, []string{"a1", "b1", "s0", "a0", "c1", "d1", "e1"}, b.waves(), "there need not be as many, and the last word counts")
	b.commit(engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{2, 0, 1, 0}})
	require.Equal(t, []string{"a1", "b1", "s0", "a0", "c3", "d4", "e4"}, b.waves(), "nobody is in a wave of none, except in the last")
	b.commit(engine.DropItems{Run: "r", Step: "other"}) // so that the step's is the newest that goes
	b.commit(engine.DropItems{Run: "r", Step: "each"}, engine.AddItems{Run: "r", Step: "each", Items: []engine.Item{item(1, "f", "x")}})
	require.Equal(t, []string{"f0"}, b.waves(), "they go with the snapshot")
}

func testWaveLanes(t *testing.T, b *bench) {
	b.commit(engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Foreach: true}})
	b.commit(engine.AddItems{Run: "r", Step: "each", Items: []engine.Item{
		item(1, "a", "x"), item(2, "b", "y"), item(3, "c", "y"), item(4, "d", "z"), item(5, "e", "z"),
	}}, engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{2, 2, 1}})
	lanes := func() (list []string) {
		all, err := b.Lanes(t.Context(), "r", "each")
		require.NoError(t, err)
		for _, lane := range all {
			list = append(list, fmt.Sprint(lane.Lane, lane.Done))
		}
		return list
	}
	b.commit(engine.AddLanes{Run: "r", Step: "each", Wave: 1})
	require.Equal(t, []string{"xfalse", "yfalse"}, lanes())
	held := b.seize(laneKey("y"))
	for _, name := range []string{"x", "y"} {
		b.commit(engine.SetLane{LaneKey: laneKey(name), Done: true, Clean: true})
	}
	b.commit(engine.AddLanes{Run: "r", Step: "each", Wave: 2})
	require.Equal(t, []string{"xtrue", "yfalse", "zfalse"}, lanes(), "only those with work in the wave are opened again")
	require.Greater(t, b.seize(laneKey("y")).Epoch, held.Epoch, "an epoch never comes again")

	b.commit(engine.EndItems{LaneKey: laneKey("z"), To: engine.StatusSkipped})
	b.commit(engine.SetLane{LaneKey: laneKey("z"), Done: true, Clean: true}, engine.AddLanes{Run: "r", Step: "each", Wave: 3})
	require.Equal(t, []string{"xtrue", "yfalse", "ztrue"}, lanes(), "nothing is pending")
	b.commit(engine.AddLanes{Run: "r", Step: "each", Wave: 4})
}

// testManyWaves divides more items than any implementation reads at once.
func testManyWaves(t *testing.T, b *bench) {
	b.foreachMany()
	b.commit(engine.AssignWaves{Run: "r", Step: "each", Sizes: []int{1, 600, 100, 100, 304}})
	var got []int
	for wave := 1; wave <= 6; wave++ {
		got = append(got, len(b.wave(wave)))
	}
	require.Equal(t, []int{1, 600, 100, 100, many - 801, 0}, got)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Wave: 2, Limit: 550}), 550)
}

func testHeld(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "x"), item(3, "c", "x"))
	id, until := b.each()[0].ID, instant(9)
	move := func(from, to engine.Status, until time.Time) engine.Item {
		b.commit(engine.SetItem{ID: id, Run: "r", Step: "each", From: from, To: to, Reason: "why", Until: until})
		return b.each()[0]
	}
	feed := engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("x"), Statuses: []engine.Status{engine.StatusPending, engine.StatusHeld}}
	require.Equal(t, until, move(engine.StatusPending, engine.StatusHeld, until).Until)
	require.Equal(t, map[engine.Status]int{engine.StatusHeld: 1, engine.StatusPending: 2}, b.run().Counts)
	require.Equal(t, []string{"a", "b", "c"}, keys(b.items(feed)))
	require.Equal(t, until, b.items(feed)[0].Until)
	require.Equal(t, "why", b.items(feed)[0].Reason)
	require.Equal(t, instant(20), move(engine.StatusHeld, engine.StatusHeld, instant(20)).Until)
	require.Zero(t, move(engine.StatusHeld, engine.StatusHeld, time.Time{}).Until)
	require.Equal(t, until, move(engine.StatusHeld, engine.StatusHeld, until).Until)
	require.Zero(t, move(engine.StatusHeld, engine.StatusRunning, until).Until, "only a held one goes on at an instant")
	require.Equal(t, []string{"b", "c"}, keys(b.items(feed)))
	require.Equal(t, until, move(engine.StatusRunning, engine.StatusHeld, until).Until)
	require.Zero(t, move(engine.StatusHeld, engine.StatusPending, time.Time{}).Until)

	// An end for all takes the held ones along, and forgets their instants.
	move(engine.StatusPending, engine.StatusHeld, until)
	begun := b.each()[1].ID
	b.commit(engine.SetItem{ID: begun, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusHeld, Until: until, Progress: json.RawMessage(`{}`)})
	b.commit(engine.EndItems{LaneKey: laneKey("x"), To: engine.StatusSkipped, Reason: engine.ReasonDeadline})
	require.Equal(t, map[engine.Status]int{engine.StatusSkipped: 2, engine.StatusHeld: 1}, b.run().Counts)
	items := b.each()
	require.Equal(t, engine.StatusSkipped, items[0].Status)
	require.Equal(t, engine.ReasonDeadline, items[0].Reason)
	require.Zero(t, items[0].Until)
	require.Equal(t, until, items[1].Until, "one that has begun is left to who began it")
}
