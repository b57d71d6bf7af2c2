package ledgertest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

func testSnapshot(t *testing.T, b *bench) {
	full := engine.Item{
		Sequence: 1, Row: 2, Key: "甲", Lane: "号1", Data: json.RawMessage(`{"名":"😀"}`), Variant: "A", Wave: 3,
		Status: engine.StatusPending, Reason: "why", Progress: json.RawMessage(`{"s":1}`),
	}
	skipped := func(sequence int64, key, reason string) engine.Item {
		return engine.Item{Sequence: sequence, Key: key, Status: engine.StatusSkipped, Reason: reason}
	}
	b.foreach(full, skipped(2, "乙", engine.ReasonWhere), item(3, "甲", "号2"), item(4, "乙", "号2"))
	b.commit(engine.AddItems{Run: "r", Step: "each", Items: []engine.Item{item(5, "乙", "号1"), item(6, "丙", "号1"), skipped(7, "", engine.ReasonEmptyKey), skipped(8, "", engine.ReasonEmptyKey)}})
	b.commit(engine.AddItems{Run: "r", Step: "other", Items: []engine.Item{item(1, "甲", "号1")}}, engine.AddItems{Run: "r", Step: "none"})

	items := b.items(engine.ItemFilter{Run: "r", Step: ptr("each")})
	full.ID, full.Run, full.Step = items[0].ID, "r", "each"
	require.Equal(t, full, items[0])
	var got []string
	for i, item := range items {
		require.EqualValues(t, i+1, item.Sequence)
		if i > 0 {
			require.Greater(t, item.ID, items[i-1].ID, "ids grow with the sequence")
		}
		got = append(got, fmt.Sprint(item.Key, " ", item.Status, " ", item.Reason))
	}
	require.Equal(t, []string{
		"甲 pending why", "乙 skipped where is false", "甲 skipped duplicate key", "乙 pending ", // a skipped key is free
		"乙 skipped duplicate key", "丙 pending ", " skipped empty key", " skipped empty key",
	}, got)
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 4, engine.StatusSkipped: 5}, b.run().Counts)
	counts, err := b.Counts(t.Context(), "r", "each")
	require.NoError(t, err)
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 3, engine.StatusSkipped: 5}, counts)
	counts, err = b.Counts(t.Context(), "r", "none")
	require.NoError(t, err)
	require.Empty(t, counts)
}

func testDropItems(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "a", "x"), item(3, "b", "y"))
	b.commit(engine.AddItems{Run: "r", Step: "other", Items: []engine.Item{item(1, "a", "z")}})
	b.commit(engine.DropItems{Run: "r", Step: "each"}, engine.DropItems{Run: "r", Step: "never"})
	require.Equal(t, []string{"a"}, keys(b.each()), "the other step's")
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 1}, b.run().Counts)
	lanes, err := b.Lanes(t.Context(), "r", "each")
	require.NoError(t, err)
	require.Empty(t, lanes)

	b.commit(engine.AddItems{Run: "r", Step: "each", Items: []engine.Item{item(1, "b", "x"), item(2, "a", "x")}})
	require.Equal(t, []string{"b", "a"}, keys(b.items(engine.ItemFilter{Run: "r", Step: ptr("each")})))
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 3}, b.run().Counts)
}

func testSetItem(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "x"))
	id := b.each()[0].ID
	set := func(from, to engine.Status, reason, progress string) engine.Item {
		change := engine.SetItem{ID: id, Run: "r", Step: "each", From: from, To: to, Reason: reason}
		if progress != "" {
			change.Progress = json.RawMessage(progress)
		}
		b.commit(change)
		return b.each()[0]
	}
	got := set(engine.StatusPending, engine.StatusPending, "", `{"a":1}`)
	require.Equal(t, engine.StatusPending, got.Status)
	got = set(engine.StatusPending, engine.StatusRunning, "busy", "")
	require.Equal(t, engine.StatusRunning, got.Status)
	require.Equal(t, "busy", got.Reason)
	require.JSONEq(t, `{"a":1}`, string(got.Progress), "nil leaves it")
	require.Equal(t, got, set(engine.StatusPending, engine.StatusFailed, "no", `{}`), "no longer in from: nothing changes")
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 1, engine.StatusRunning: 1}, b.run().Counts)
	set(engine.StatusRunning, engine.StatusFailed, "no", "")
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 1, engine.StatusFailed: 1}, b.run().Counts)
	got = set(engine.StatusFailed, engine.StatusPending, "", "")
	require.Equal(t, engine.StatusPending, got.Status, "a retry opens it again")
	require.Equal(t, []string{"a", "b"}, keys(b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("x"), Statuses: []engine.Status{engine.StatusPending}})))

	b.commit(engine.SetItem{ID: id, Run: "r", Step: "other", From: engine.StatusPending, To: engine.StatusFailed})
	require.Equal(t, engine.StatusPending, b.each()[0].Status, "it is not of that step")
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 2}, b.run().Counts)
}

func testCancelItems(t *testing.T, b *bench) {
	begun := item(2, "b", "x")
	begun.Progress = json.RawMessage(`{}`)
	b.foreach(item(1, "a", "x"), begun, item(3, "c", "y"), item(4, "d", "x"), item(5, "e", "x"))
	b.commit(engine.SetItem{ID: b.each()[4].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded})
	b.commit(engine.EndItems{To: engine.StatusCancelled, LaneKey: laneKey("x"), Reason: "enough"}, engine.EndItems{To: engine.StatusCancelled, LaneKey: laneKey("nowhere")})
	var got []string
	for _, item := range b.each() {
		got = append(got, fmt.Sprint(item.Key, " ", item.Status, " ", item.Reason))
	}
	require.Equal(t, []string{"a cancelled enough", "b pending ", "c pending ", "d cancelled enough", "e succeeded "}, got)
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 2, engine.StatusCancelled: 2, engine.StatusSucceeded: 1}, b.run().Counts)
}

// many is more than any implementation reads at once.
const many = 1105

func (b *bench) foreachMany() []engine.Item {
	b.t.Helper()
	items := make([]engine.Item, many)
	for i := range items {
		items[i] = item(int64(i+1), fmt.Sprint(i), fmt.Sprint(i%3))
	}
	b.foreach(items...)
	return b.each()
}

func testItems(t *testing.T, b *bench) {
	items := b.foreachMany()
	require.Len(t, items, many)
	for i, item := range items {
		require.EqualValues(t, i+1, item.Sequence)
	}
	b.commit(engine.AddRun{Run: engine.Run{ID: "r2", Trigger: "manual"}}, engine.AddItems{Run: "r2", Step: "each", Items: []engine.Item{item(1, "k", "0")}})
	b.commit(engine.AddItems{Run: "r", Step: "last", Items: []engine.Item{item(1, "k", "0")}})

	require.Len(t, b.each(), many+1)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Root: true}), many+2)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Root: true, Step: ptr("")}), 1)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Step: ptr("last")}), 1)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("1")}), (many+1)/3)
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Lane: ptr("0")}), (many+2)/3+1, "of both steps")
	require.Len(t, b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Limit: 1034}), 1034)
	require.Empty(t, b.items(engine.ItemFilter{Run: "r", Lane: ptr("7")}))
	require.Empty(t, b.items(engine.ItemFilter{Run: "none"}))
	require.Equal(t, items[1000:1003], b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), AfterID: items[999].ID, Limit: 3}))

	b.commit(engine.SetItem{ID: items[5].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusFailed})
	b.commit(engine.SetItem{ID: items[8].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusUnknown})
	over := []engine.Status{engine.StatusFailed, engine.StatusUnknown}
	require.Equal(t, []string{"5", "8"}, keys(b.items(engine.ItemFilter{Run: "r", Statuses: over})))
	require.Equal(t, []string{"5", "8"}, keys(b.items(engine.ItemFilter{Run: "r", Lane: ptr("2"), Statuses: over})))
	open := b.items(engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("2"), Statuses: []engine.Status{engine.StatusPending}})
	require.Equal(t, []string{"2", "11"}, keys(open[:2]))
}

// testItemsMeanwhile changes what is being read: nothing is left out and nothing comes twice.
func testItemsMeanwhile(t *testing.T, b *bench) {
	b.foreachMany()
	var ids []int64
	pending := engine.ItemFilter{Run: "r", Step: ptr("each"), Lane: ptr("0"), Statuses: []engine.Status{engine.StatusPending}}
	for item, err := range b.Items(t.Context(), pending) {
		require.NoError(t, err)
		ids = append(ids, item.ID)
		b.Append(t.Context(), engine.Entry{Changes: []engine.Change{
			engine.SetItem{ID: item.ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusSucceeded},
		}})
	}
	require.Len(t, ids, (many+2)/3)
	require.IsIncreasing(t, ids)
	for _, err := range b.Items(t.Context(), engine.ItemFilter{Run: "r"}) {
		require.NoError(t, err)
		break // and a stream may be left
	}
	b.commit()
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: len(ids), engine.StatusPending: many - len(ids)}, b.run().Counts)
}
