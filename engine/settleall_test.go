package engine_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// settlements are the notes of the audit about what people have settled.
func (r *rehearsal) settlements() (list []string) {
	r.t.Helper()
	rows, err := r.ledger.DB().QueryContext(r.t.Context(), `SELECT who || ' ' || target || ': ' || note FROM audit WHERE action = 'settle' ORDER BY id`)
	require.NoError(r.t, err)
	defer func() { require.NoError(r.t, rows.Close()) }()
	for rows.Next() {
		var one string
		require.NoError(r.t, rows.Scan(&one))
		list = append(list, one)
	}
	require.NoError(r.t, rows.Err())
	return list
}

// doubtful is a run of so many items whose messages nobody knows the outcome of, as it stands in the ledger once it is over.
func (r *rehearsal) doubtful(items int) string {
	r.t.Helper()
	const id = "many"
	list := make([]engine.Item, items)
	for i := range list {
		list[i] = engine.Item{Sequence: int64(i), Key: fmt.Sprint(i + 1), Lane: "1", Status: engine.StatusPending}
	}
	r.append(engine.AddRun{Run: engine.Run{ID: id, Workflow: "many", Trigger: engine.TriggerManual, Foreach: true, Status: engine.StatusPartial}},
		engine.AddItems{Run: id, Step: "each", Items: list})
	var changes []engine.Change
	for _, item := range r.items(id) {
		key := engine.CallKey{Item: item.ID, Step: "send", Attempt: 1}
		changes = append(changes, engine.AddCall{Call: engine.Call{CallKey: key, Run: id, State: engine.CallIntent, StartedAt: time.Now()}},
			engine.SetCall{CallKey: key, Run: id, State: engine.CallUnknown, FinishedAt: time.Now()},
			engine.SetItem{ID: item.ID, Run: id, Step: "each", From: engine.StatusPending, To: engine.StatusUnknown})
	}
	r.append(changes...)
	require.Equal(r.t, map[engine.Status]int{engine.StatusUnknown: items}, r.run(id).Counts)
	return id
}

func losing(t *testing.T) sandbox.Config {
	return sandbox.Config{Seed: 1, Clock: time.Now, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:lose")}}
}

// TestEverythingUnknownIsSettledAtOnce: in more than one entry of the ledger, told of in the audit once.
func TestEverythingUnknownIsSettledAtOnce(t *testing.T) {
	items := 450
	if testing.Short() {
		items = 203 // more than fit into one entry
	}
	for _, sent := range []bool{true, false} {
		if testing.Short() && sent {
			continue
		}
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			r := rehearse(t, dir, "limits: {}", losing(t), nil)
			defer func() { r.end() }()
			id := r.doubtful(items)
			doubt, err := engine.DoubtOf(t.Context(), r.ledger, id)
			require.NoError(t, err)
			require.Equal(t, engine.Doubt{Items: items, Messages: items}, doubt)
			requests := r.box.Stats().Requests
			done, err := r.engine.SettleAll(t.Context(), r.run(id), sent, "me")
			require.NoError(t, err)
			require.Equal(t, engine.Settlement{Settled: items}, done)
			run, word := r.run(id), "sent"
			if sent {
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: items}, run.Counts)
				require.Equal(t, map[engine.CallState]int{engine.CallSucceeded: items}, run.Calls)
			} else {
				word = "not sent"
				require.Equal(t, map[engine.Status]int{engine.StatusFailed: items}, run.Counts)
				require.Equal(t, map[engine.CallState]int{engine.CallFailed: items}, run.Calls)
			}
			require.Equal(t, []string{fmt.Sprintf("me run %s: %s: all that was unknown, %d messages of %d items: me says so", id, word, items, items)}, r.settlements())
			require.Equal(t, requests, r.box.Stats().Requests, "nothing is asked of the platform")

			done, err = r.engine.SettleAll(t.Context(), run, sent, "me")
			require.NoError(t, err)
			require.Zero(t, done)
			require.Len(t, r.settlements(), 1, "nothing was done")
		})
	}
}

// TestTwoWhoSettleAtOnce: what both settle one of them does, and only that one is in the audit.
func TestTwoWhoSettleAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: {}", losing(t), nil)
		defer func() { r.end() }()
		id := r.doubtful(20)
		people := []string{"ann", "bob", "cy"}
		both := func(do func(who string) (engine.Settlement, error)) (settled int) {
			var mu sync.Mutex
			var asking sync.WaitGroup
			for _, who := range people {
				asking.Go(func() {
					done, err := do(who)
					mu.Lock()
					defer mu.Unlock()
					settled += done.Settled
					if done.Settled == 0 && err != nil {
						require.ErrorIs(t, err, engine.ErrNotUnknown)
					}
				})
			}
			asking.Wait()
			return settled
		}
		for key, item := range r.items(id) {
			if len(r.settlements()) == 5 {
				break
			}
			require.Equal(t, 1, both(func(who string) (engine.Settlement, error) {
				return r.engine.SettleItem(t.Context(), item, who == "ann", who) // each has read it as unknown
			}), key)
		}
		require.Len(t, r.settlements(), 5)
		require.Equal(t, 15, both(func(who string) (engine.Settlement, error) {
			return r.engine.SettleAll(t.Context(), r.run(id), who == "ann", who)
		}))
		require.Len(t, r.settlements(), 6)
		require.Zero(t, r.run(id).Counts[engine.StatusUnknown])
	})
}

// TestARestoredRunIsSettled: an item of which no call is known counts as one message, and what is left is what can be settled.
func TestARestoredRunIsSettled(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: {}", losing(t), nil)
		defer func() { r.end() }()
		id := r.start(`
name: later
steps:
  - { id: own, continue_on_error: true, uses: message.send, with: { account: "1", friend: x, text: hi } }
  - foreach: { in: [a, b, c, d], as: who, key: who }
    steps:
      - { id: first, if: who == "a", continue_on_error: true, uses: message.send, with: { account: "1", friend: "${{ who }}", text: hi } }
      - { wait: 2h }
      - { uses: message.send, with: { account: "1", friend: "${{ who }}", text: again } }
`)
		time.Sleep(time.Hour)
		copied := filepath.Join(dir, "copy.db")
		require.NoError(t, r.ledger.Backup(t.Context(), copied))
		r.until(id, time.Minute, over)
		require.Equal(t, []string{id}, r.restore(copied).Runs)
		require.NoError(t, r.engine.Resume(t.Context(), id))
		run := r.until(id, time.Minute, over)
		require.Equal(t, map[engine.Status]int{engine.StatusUnknown: 4}, run.Counts)
		require.Equal(t, 2, run.Calls[engine.CallUnknown], "of the run's own step, and of a")
		left := func() int {
			doubt, err := engine.DoubtOf(t.Context(), r.ledger, id)
			require.NoError(t, err)
			return doubt.Messages
		}
		before := left()
		done, err := r.engine.SettleItem(t.Context(), r.items(id)["b"], true, "me")
		require.NoError(t, err)
		require.Equal(t, 1, done.Settled)
		require.Equal(t, before-1, left())
		done, err = r.engine.SettleAll(t.Context(), run, false, "me")
		require.NoError(t, err)
		require.Equal(t, before-1, done.Settled)
		require.Zero(t, left())
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusFailed: 3}, r.run(id).Counts)
		require.Len(t, r.settlements(), 2)
		_, err = r.engine.SettleItem(t.Context(), r.items(id)["b"], true, "me")
		require.ErrorIs(t, err, engine.ErrNotUnknown)
	})
}
