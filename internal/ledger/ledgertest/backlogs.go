package ledgertest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// patient is a ledger that keeps which events wait, too.
type patient interface {
	engine.Ledger
	engine.Backlogs
}

func testBacklogs(t *testing.T, b *bench) {
	p, ok := b.Ledger.(patient)
	require.True(t, ok, "it keeps which events wait")
	waiting := func(of engine.Backlog, most int) []int64 {
		list, err := p.WaitingEvents(t.Context(), of, most)
		require.NoError(t, err)
		return list
	}
	one, two := engine.Backlog{Workflow: "w", Trigger: "chat-1"}, engine.Backlog{Workflow: "w", Trigger: "chat-2"}
	practice := one
	practice.Sandbox = true
	require.Empty(t, waiting(one, 9))
	for _, event := range []int64{5, 3, 9, 3} {
		b.commit(engine.AddWaiting{Backlog: one, Event: event})
	}
	b.commit(engine.AddWaiting{Backlog: practice, Event: 4}, engine.AddWaiting{Backlog: two, Event: 3})
	require.Equal(t, []int64{3, 5, 9}, waiting(one, 9), "each once, in their order")
	require.Equal(t, []int64{3, 5}, waiting(one, 2))
	list, err := p.Backlogs(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []engine.Backlog{one, two, practice}, list)

	b.commit(engine.DropWaiting{Backlog: one, Event: 3}, engine.DropWaiting{Backlog: one, Event: 77})
	require.Equal(t, []int64{5, 9}, waiting(one, 9))
	b.commit(engine.DropWaiting{Backlog: one})
	require.Empty(t, waiting(one, 9))
	list, err = p.Backlogs(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []engine.Backlog{two, practice}, list)
}

func testRoom(t *testing.T, b *bench) {
	p, ok := b.Ledger.(patient)
	require.True(t, ok, "it keeps which events wait")
	room := func(trigger string, others ...string) engine.Room {
		return engine.Room{Backlog: engine.Backlog{Workflow: "w", Trigger: trigger}, Others: others}
	}
	add := func(id string, room engine.Room, most int) error {
		run := engine.Run{ID: id, Workflow: room.Workflow, Trigger: "event", Status: engine.StatusPending, Sandbox: room.Sandbox}
		return b.try(engine.Entry{Changes: []engine.Change{engine.AddRun{Run: run}, engine.RequireRoom{Room: room, Run: id, Most: most},
			engine.DropWaiting{Backlog: room.Backlog}}})
	}
	taken := func(want int, room engine.Room) {
		t.Helper()
		n, err := p.Unfinished(t.Context(), room)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	b.commit(engine.AddRun{Run: engine.Run{ID: "by hand", Workflow: "w", Trigger: "manual", Status: engine.StatusPending}})
	taken(0, room("a"))
	for n := range 2 {
		require.NoError(t, add(fmt.Sprint("a", n), room("a", "b"), 2))
	}
	b.commit(engine.AddWaiting{Backlog: room("a").Backlog, Event: 1})
	require.ErrorIs(t, add("a2", room("a", "b"), 2), engine.ErrFull)
	_, err := b.Run(t.Context(), "a2")
	require.ErrorIs(t, err, engine.ErrNotFound)
	waiting, err := p.WaitingEvents(t.Context(), room("a").Backlog, 9)
	require.NoError(t, err)
	require.Equal(t, []int64{1}, waiting, "nothing of the entry is kept")

	require.NoError(t, add("b0", room("b", "a"), 1), "another trigger has room of its own")
	practice := room("a")
	practice.Sandbox = true
	require.NoError(t, add("practice", practice, 1))
	elsewhere := room("a")
	elsewhere.Workflow = "v"
	require.NoError(t, add("v", elsewhere, 1))
	taken(2, room("a", "b"))
	taken(3, room("a"))
	taken(3, room("c"))
	taken(2, room("c", "b", "日报\"'"))
	taken(0, room("c", "a", "b"))
	b.commit(engine.SetRun{ID: "a0", Status: ptr(engine.StatusSucceeded)})
	require.NoError(t, add("a2", room("a", "b"), 2), "one has ended")
}
