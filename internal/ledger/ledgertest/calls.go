package ledgertest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

func call(item int64, step string, attempt int) engine.Call {
	return engine.Call{CallKey: engine.CallKey{Item: item, Step: step, Attempt: attempt}, Run: "r", State: engine.CallIntent}
}

func testCalls(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "y"))
	ids := b.each()
	full := call(ids[1].ID, "文", 1)
	full.Operation, full.Effect, full.Account, full.Friend = "doSendPublicMes", "message", "号", "友"
	full.Request, full.StartedAt = json.RawMessage(`{"内":"容😀"}`), instant(9)
	b.commit(engine.AddCall{Call: full})
	require.Equal(t, []engine.Call{full}, b.calls(engine.CallFilter{Run: "r"}))

	// The clock stepped back, and names do not sort as they ran: the order of intents is what counts.
	later := call(ids[1].ID, "a", 2)
	later.StartedAt = instant(1)
	before := call(ids[1].ID, "a", 1)
	before.StartedAt = instant(2)
	b.commit(engine.AddCall{Call: later})
	b.commit(engine.AddCall{Call: before})
	root := call(b.items(engine.ItemFilter{Run: "r", Root: true})[0].ID, "list", 1)
	first := call(ids[0].ID, "z", 1)
	b.commit(engine.AddCall{Call: first}, engine.AddCall{Call: root})
	require.Equal(t, []engine.Call{root, first, full, later, before}, b.calls(engine.CallFilter{Run: "r"}))
	require.Equal(t, []engine.Call{full, later, before}, b.calls(engine.CallFilter{Item: ids[1].ID}))
	require.Equal(t, []engine.Call{full, later, before}, b.calls(engine.CallFilter{Run: "r", Lane: ptr(laneKey("y"))}))
	require.Equal(t, []engine.Call{root}, b.calls(engine.CallFilter{Run: "r", Lane: &engine.LaneKey{Run: "r"}}))
	require.Empty(t, b.calls(engine.CallFilter{Run: "r", Lane: ptr(laneKey("none"))}))
	require.Empty(t, b.calls(engine.CallFilter{Run: "none"}))
	require.Equal(t, []engine.Call{full, later, before}, b.calls(engine.CallFilter{Run: "r", AfterItem: ids[0].ID}))
	require.Empty(t, b.calls(engine.CallFilter{Run: "r", AfterItem: 1 << 40}))

	b.commit(engine.SetCall{CallKey: later.CallKey, Run: "r", State: engine.CallUnknown})
	intents := []engine.CallState{engine.CallIntent}
	require.Equal(t, []engine.Call{full, before}, b.calls(engine.CallFilter{Run: "r", Lane: ptr(laneKey("y")), States: intents}))
	require.Equal(t, []engine.Call{root, first, full, before}, b.calls(engine.CallFilter{Run: "r", States: intents}))
	require.Len(t, b.calls(engine.CallFilter{Run: "r", States: []engine.CallState{engine.CallIntent, engine.CallUnknown}}), 5)
	require.Equal(t, map[engine.CallState]int{engine.CallIntent: 4, engine.CallUnknown: 1}, b.run().Calls)
}

func testCallStream(t *testing.T, b *bench) {
	items := b.foreachMany()
	var changes []engine.Change
	for _, item := range items {
		changes = append(changes, engine.AddCall{Call: call(item.ID, "s", 1)}, engine.AddCall{Call: call(item.ID, "a", 1)})
	}
	b.commit(changes...)
	calls := b.calls(engine.CallFilter{Run: "r"})
	require.Len(t, calls, 2*many)
	for i, one := range calls {
		require.Equal(t, call(items[i/2].ID, []string{"s", "a"}[i%2], 1), one)
	}
	require.Len(t, b.calls(engine.CallFilter{Run: "r", States: []engine.CallState{engine.CallIntent}, Lane: ptr(laneKey("0"))}), (many+2)/3*2)
}

func testSetCall(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"))
	one := call(b.each()[0].ID, "s", 1)
	b.commit(engine.AddCall{Call: one})
	set := func(state engine.CallState, code string, at time.Time) engine.Call {
		b.commit(engine.SetCall{CallKey: one.CallKey, Run: "r", State: state, Code: code, Message: "m" + code,
			RequestID: "q" + code, TaskID: "t" + code, FinishedAt: at})
		return b.calls(engine.CallFilter{Run: "r"})[0]
	}
	want := one
	want.State, want.Code, want.Message, want.RequestID, want.TaskID, want.FinishedAt = engine.CallUnknown, "1", "m1", "q1", "t1", instant(1)
	require.Equal(t, want, set(engine.CallUnknown, "1", instant(1)))
	want.State, want.Code, want.Message, want.RequestID, want.TaskID, want.FinishedAt = engine.CallSucceeded, "2", "m2", "q2", "t2", instant(2)
	require.Equal(t, want, set(engine.CallSucceeded, "2", instant(2)), "an unknown one can be settled")
	require.Equal(t, want, set(engine.CallFailed, "3", instant(3)), "an outcome stays")
	require.Equal(t, map[engine.CallState]int{engine.CallSucceeded: 1}, b.run().Calls)
	b.commit(engine.SetCall{CallKey: engine.CallKey{Item: 99, Step: "s", Attempt: 1}, Run: "r", State: engine.CallFailed})
	require.Equal(t, map[engine.CallState]int{engine.CallSucceeded: 1}, b.run().Calls)
}

// testCallTwice: the same intent twice is an error of its entry, and of no other in the group.
func testCallTwice(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "x"))
	ids := b.each()
	b.commit(engine.AddCall{Call: call(ids[0].ID, "s", 1)})
	var bad, good []engine.Receipt
	for i := range 20 {
		good = append(good, b.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.AddCall{Call: call(ids[1].ID, "s", i+1)}}}))
		bad = append(bad, b.Append(t.Context(), engine.Entry{Changes: []engine.Change{
			engine.SetItem{ID: ids[0].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusFailed},
			engine.AddCall{Call: call(ids[0].ID, "s", 1)},
		}}))
	}
	for i := range bad {
		require.ErrorIs(t, bad[i].Wait(t.Context()), engine.ErrExists)
		require.NoError(t, good[i].Wait(t.Context()))
	}
	require.Equal(t, map[engine.CallState]int{engine.CallIntent: 21}, b.run().Calls)
	require.Equal(t, map[engine.Status]int{engine.StatusPending: 2}, b.run().Counts)
	require.Equal(t, engine.StatusPending, b.each()[0].Status)
}

func testTakeovers(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "x"))
	ids := b.each()
	takeover := func(item int64, step string, state engine.TakeoverState, second int) engine.Takeover {
		return engine.Takeover{
			Run: "r", Item: item, Step: step, Connection: "default", Account: "号", Friend: "友",
			Handle: json.RawMessage(`{"key":"k"}`), State: state, Message: "m", At: instant(second),
		}
	}
	one := takeover(ids[0].ID, "t", engine.TakeoverIntended, 2)
	two := takeover(ids[1].ID, "t", engine.TakeoverHeld, 1)
	b.commit(engine.SetTakeover{Takeover: one}, engine.SetTakeover{Takeover: two})
	list := func(filter engine.TakeoverFilter) []engine.Takeover {
		takeovers, err := b.Takeovers(t.Context(), filter)
		require.NoError(t, err)
		return takeovers
	}
	require.Equal(t, []engine.Takeover{two, one}, list(engine.TakeoverFilter{}), "oldest first")
	for _, state := range []engine.TakeoverState{engine.TakeoverHeld, engine.TakeoverHeld, engine.TakeoverEnded} {
		one.State = state
		b.commit(engine.SetTakeover{Takeover: one})
		require.Equal(t, []engine.Takeover{one}, list(engine.TakeoverFilter{Item: ids[0].ID}))
	}
	require.Equal(t, map[engine.TakeoverState]int{engine.TakeoverHeld: 1, engine.TakeoverEnded: 1}, b.run().Takeovers)
	open := []engine.TakeoverState{engine.TakeoverIntended, engine.TakeoverHeld, engine.TakeoverStuck}
	require.Equal(t, []engine.Takeover{two}, list(engine.TakeoverFilter{Run: "r", States: open}))
	require.Equal(t, []engine.Takeover{one}, list(engine.TakeoverFilter{States: []engine.TakeoverState{engine.TakeoverEnded}}))
	refused := takeover(ids[1].ID, "other", engine.TakeoverRefused, 3)
	b.commit(engine.SetTakeover{Takeover: refused})
	require.Equal(t, []engine.Takeover{refused}, list(engine.TakeoverFilter{States: []engine.TakeoverState{engine.TakeoverRefused}}))
	require.Empty(t, list(engine.TakeoverFilter{Run: "other"}))
}

// testRequireUnknown: an entry that settles something is refused, all of it, once that is settled.
func testRequireUnknown(t *testing.T, b *bench) {
	b.foreach(item(1, "a", "x"), item(2, "b", "y"))
	ids := b.each()
	one := call(ids[0].ID, "s", 1)
	b.commit(engine.AddCall{Call: one})
	settle := func(calls ...engine.CallKey) error {
		return b.try(engine.Entry{Changes: []engine.Change{
			engine.RequireUnknown{Run: "r", Step: "each", ID: ids[0].ID, Calls: calls},
			engine.SetItem{ID: ids[0].ID, Run: "r", Step: "each", From: engine.StatusUnknown, To: engine.StatusSucceeded},
			engine.AddAudit{Who: "me"},
		}})
	}
	require.ErrorIs(t, settle(), engine.ErrNotUnknown, "it is pending")
	b.commit(engine.SetItem{ID: ids[0].ID, Run: "r", Step: "each", From: engine.StatusPending, To: engine.StatusUnknown})
	require.ErrorIs(t, settle(one.CallKey), engine.ErrNotUnknown, "its call is on its way")
	b.commit(engine.SetCall{CallKey: one.CallKey, Run: "r", State: engine.CallUnknown})
	require.ErrorIs(t, settle(one.CallKey, engine.CallKey{Item: ids[0].ID, Step: "s", Attempt: 2}), engine.ErrNotUnknown, "there is no such call")
	require.Equal(t, engine.StatusUnknown, b.each()[0].Status, "nothing of it was done")
	require.NoError(t, settle(one.CallKey))
	require.Equal(t, engine.StatusSucceeded, b.each()[0].Status)
	require.ErrorIs(t, settle(), engine.ErrNotUnknown, "it is settled")
}
