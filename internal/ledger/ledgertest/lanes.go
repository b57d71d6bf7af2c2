package ledgertest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

func testLanes(t *testing.T, b *bench) {
	b.commit(engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Foreach: true}})
	b.commit(engine.AddItems{Run: "r", Step: "each", Items: []engine.Item{
		item(1, "a", "乙"), item(2, "b", "甲"), item(3, "a", "only duplicates"), item(4, "c", "乙"),
		{Sequence: 5, Lane: "only skipped", Status: engine.StatusSkipped},
	}})
	lanes, err := b.Lanes(t.Context(), "r", "each")
	require.NoError(t, err)
	require.Empty(t, lanes, "not added yet")
	_, err = b.Seize(t.Context(), laneKey("甲"))
	require.ErrorIs(t, err, engine.ErrNotFound)

	b.commit(engine.AddLanes{Run: "r", Step: "each"}, engine.AddLanes{Run: "r", Step: "nothing"})
	lanes, err = b.Lanes(t.Context(), "r", "each")
	require.NoError(t, err)
	require.Equal(t, []engine.Lane{{LaneKey: laneKey("乙"), Clean: true}, {LaneKey: laneKey("甲"), Clean: true}}, lanes)

	held := b.seize(laneKey("甲"))
	b.commit(engine.AddLanes{Run: "r", Step: "each"})
	lanes, err = b.Lanes(t.Context(), "r", "each")
	require.NoError(t, err)
	require.Equal(t, held.Epoch, lanes[1].Epoch, "one that is there stays as it is")
}

func testSeize(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "y"))
	first := b.seize(laneKey("x"))
	require.True(t, first.Clean, "nobody had it")
	require.False(t, first.Done)
	second := b.seize(laneKey("x"))
	require.Greater(t, second.Epoch, first.Epoch)
	require.False(t, second.Clean, "the first has not let go")
	b.commit(engine.SetLane{LaneKey: laneKey("x"), Clean: true})
	require.True(t, b.seize(laneKey("x")).Clean)
	b.commit(engine.SetLane{LaneKey: laneKey("x"), Clean: true, Done: true})
	require.True(t, b.seize(laneKey("x")).Done)
	require.Equal(t, first.Epoch, b.seize(laneKey("y")).Epoch, "lanes are apart")
	b.seize(engine.LaneKey{Run: "r"})
	_, err := b.Seize(t.Context(), laneKey("z"))
	require.ErrorIs(t, err, engine.ErrNotFound)
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.SetLane{LaneKey: laneKey("z")}}}), engine.ErrNotFound)
}

func testFence(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "y"))
	ids := b.each()
	fenced := func(lane engine.Lane, attempt int) error {
		return b.try(engine.Entry{Fence: &engine.Fence{LaneKey: lane.LaneKey, Epoch: lane.Epoch}, Changes: []engine.Change{
			engine.SetRun{ID: "r", Status: ptr(engine.StatusRunning)},
			engine.AddCall{Call: engine.Call{Run: "r", CallKey: engine.CallKey{Item: ids[0].ID, Step: "s", Attempt: attempt}, State: engine.CallIntent}},
		}})
	}
	slow := b.seize(laneKey("x"))
	require.NoError(t, fenced(slow, 1))
	fast := b.seize(laneKey("x"))
	require.ErrorIs(t, fenced(slow, 2), engine.ErrStale)
	require.Len(t, b.calls(engine.CallFilter{Run: "r"}), 1, "nothing of a stale entry is kept")
	require.Equal(t, 1, b.run().Calls[engine.CallIntent])
	require.NoError(t, fenced(fast, 2))
	require.ErrorIs(t, fenced(engine.Lane{LaneKey: fast.LaneKey, Epoch: fast.Epoch + 1}, 3), engine.ErrStale)
	require.ErrorIs(t, fenced(engine.Lane{LaneKey: laneKey("none")}, 3), engine.ErrStale)

	// Stale entries and good ones in one group: each gets its own answer.
	var stale, good []engine.Receipt
	for i := range 50 {
		for lane, receipts := range map[engine.Lane]*[]engine.Receipt{slow: &stale, fast: &good} {
			*receipts = append(*receipts, b.Append(t.Context(), engine.Entry{
				Fence: &engine.Fence{LaneKey: lane.LaneKey, Epoch: lane.Epoch},
				Changes: []engine.Change{engine.AddCall{Call: engine.Call{
					Run: "r", CallKey: engine.CallKey{Item: ids[1].ID, Step: "s", Attempt: i + 1}, State: engine.CallIntent,
				}}},
			}))
		}
	}
	for i := range stale {
		require.ErrorIs(t, stale[i].Wait(t.Context()), engine.ErrStale)
		require.NoError(t, good[i].Wait(t.Context()))
	}
	require.Len(t, b.calls(engine.CallFilter{Item: ids[1].ID}), 50)
}

// testWaits: what a lane waits for is known until it is taken up again.
func testWaits(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "y"))
	waits := engine.Waits{Kind: engine.StandsWindow, Text: "the send window is closed", Until: time.Date(2026, 11, 11, 9, 0, 0, 0, time.UTC)}
	known := func() []*engine.Waits {
		lanes, err := b.Lanes(t.Context(), "r", "each")
		require.NoError(t, err)
		return []*engine.Waits{lanes[0].Waits, lanes[1].Waits}
	}
	require.Equal(t, []*engine.Waits{nil, nil}, known())
	b.commit(engine.SetLane{LaneKey: laneKey("x"), Clean: true, Waits: &waits})
	require.Equal(t, []*engine.Waits{&waits, nil}, known())
	b.seize(laneKey("x"))
	require.Equal(t, []*engine.Waits{nil, nil}, known())
	b.commit(engine.SetLane{LaneKey: laneKey("y"), Clean: true, Waits: &engine.Waits{Kind: engine.StandsAccount}})
	require.Equal(t, []*engine.Waits{nil, {Kind: engine.StandsAccount}}, known())
	b.commit(engine.SetLane{LaneKey: laneKey("y"), Clean: true})
	require.Equal(t, []*engine.Waits{nil, nil}, known())
}
