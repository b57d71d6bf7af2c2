package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// talking is a workflow that sends several messages to each of so many customers of so many accounts, in a conversation.
func talking(keys string, accounts, rows, messages int) string {
	var b strings.Builder
	b.WriteString("name: talking\n" + keys + "\nsteps:\n  - id: reach\n    foreach:\n      as: who\n      key: who.friend\n      in:\n")
	for i := range accounts * rows {
		fmt.Fprintf(&b, "        - { account: \"%d\", friend: f%d }\n", i%accounts, i)
	}
	b.WriteString("    steps:\n      - id: hold\n        uses: takeover.apply\n" +
		"        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\" }\n")
	for i := range messages {
		fmt.Fprintf(&b, "      - uses: message.send\n        with: { takeover: \"${{ steps.hold.takeover }}\", text: part %d }\n", i)
	}
	b.WriteString("    finally:\n      - uses: takeover.end\n        with: { takeover: \"${{ steps.hold.takeover }}\" }\n")
	return b.String()
}

// mostOpen is how many conversations of one account were open at a time, at the most, as the calls say.
func mostOpen(calls []engine.Call) int {
	type change struct {
		at time.Time
		by int
	}
	changes := map[string][]change{}
	for _, call := range calls {
		switch {
		case call.State != engine.CallSucceeded:
		case strings.HasPrefix(call.Operation, "applyTakeOver"):
			changes[call.Account] = append(changes[call.Account], change{call.StartedAt, 1})
		case strings.HasPrefix(call.Operation, "endTakeOver"):
			changes[call.Account] = append(changes[call.Account], change{call.FinishedAt, -1})
		}
	}
	most := 0
	for _, list := range changes {
		sort.SliceStable(list, func(i, j int) bool {
			return list[i].at.Before(list[j].at) || list[i].at.Equal(list[j].at) && list[i].by < list[j].by
		})
		open := 0
		for _, one := range list {
			open += one.by
			most = max(most, open)
		}
	}
	return most
}

// cases is how many cases of a test are run: all, or some where it has to be short.
func cases(all, short int) int {
	if testing.Short() {
		return short
	}
	return all
}

// holding runs a test with a ledger that is not kept for long, since it is written thousands of times.
func holding(t *testing.T, config string, box sandbox.Config, test func(*testing.T, *rehearsal)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		box.Clock = time.Now
		r := rehearseWith(t, dir, config, box, nil, ledger.Off)
		defer func() { r.end() }()
		test(t, r)
	})
}

// A daemon that is stopped in order leaves nobody in a conversation, whenever that is, though most of its lanes wait for the
// next hour, or for long between two messages; and a lane whose account waits for its limit has two open at most.
func TestAStopInOrderHandsEverythingBack(t *testing.T) {
	const fresh = "rate: 60/min, gap: 500ms..1500ms, hourly: 400"
	for _, c := range []struct {
		limits, took          string
		accounts, rows, stops int
		apart                 time.Duration // two stops, at the most
		waits                 bool          // all of its lanes have somebody waiting, most of the time
	}{
		{"gap: 20s..90s", "1s", 3, 6, 4, 3 * time.Minute, true},
		{fresh, "1s", 20, 150, 12, 15 * time.Minute, false},
		{fresh, "1ms", 20, 150, 12, 15 * time.Minute, false},
	}[:cases(3, 1)] {
		t.Run(c.limits+", taking over takes "+c.took, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Log("seed", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay:"+c.took)}}
			holding(t, "limits: { account: { "+c.limits+" } }", box, func(t *testing.T, r *rehearsal) {
				id, held := r.start(talking("", c.accounts, c.rows, 3)), 0
				for range c.stops {
					time.Sleep(time.Duration(random.Int64N(int64(c.apart))))
					held += r.box.Stats().OpenTakeovers
					began := time.Now()
					r.close()
					require.Less(t, time.Since(began), 16*time.Second)
					require.Zero(t, r.box.Stats().OpenTakeovers)
					r.open()
					require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
				}
				require.True(t, held > 0 || !c.waits, "none of the stops tells anything")
				run := r.until(id, time.Minute, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Len(t, r.box.Deliveries(), 3*c.accounts*c.rows)
				require.LessOrEqual(t, mostOpen(r.calls(id)), 2)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// What the platform does not take back in time is said, with the run, and the next process hands it back.
func TestWhatAStopCannotHandBackIsSaid(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "endTakeOver:delay:1m:first=1")}}
	log := &records{}
	bubble(t, "limits: { account: { gap: 4m } }", box, func(c *engine.Config) { c.Logger = slog.New(slog.NewJSONHandler(log, nil)) }, func(t *testing.T, r *rehearsal) {
		id := r.start(talking("", 1, 1, 2))
		time.Sleep(90 * time.Second)
		r.desk.halt()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		left, err := r.engine.HandBack(ctx, func(engine.Run) bool { return false })
		require.NoError(t, err)
		require.Zero(t, left, "no run is its own")
		left, err = r.engine.HandBack(ctx, func(run engine.Run) bool { return run.ID == id })
		require.NoError(t, err)
		require.Equal(t, 1, left)
		require.Equal(t, 10*time.Second, time.Since(began))
		const held = "conversations are still held; they are handed back when a process next works on this ledger"
		require.Equal(t, []record{{"level": "WARN", "run": id, "conversations": 1.0, "msg": held,
			"error": `handing back what the items of lane "0" hold: context deadline exceeded`}}, log.take(t, held))
		require.NoError(t, r.ledger.Close())
		r.open()
		require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
		require.Equal(t, engine.StatusSucceeded, r.until(id, time.Minute, over).Status)
		require.Zero(t, r.box.Stats().OpenTakeovers)
		require.Len(t, r.box.Deliveries(), 2)
	})
}

// A lane of one account uses its limit up although a conversation takes long to be had, and holds few all the same.
func TestALimitIsUsedUpThoughTakeoversTakeLong(t *testing.T) {
	for _, c := range []struct {
		took, limit string
		rows        int           // in five minutes, as far as the limit goes
		within      time.Duration // with what is lost between two slices, while a conversation is had
		open        int
	}{
		{"1s", "rate: 60/min", 300, 310 * time.Second, 2},
		{"1ms", "rate: 60/min", 300, 300 * time.Second, 2},
		{"300ms", "rate: 60/min", 300, 300 * time.Second, 2},
		{"3s", "rate: 60/min", 300, 350 * time.Second, 4},
		{"1s", "rate: 10/s", 3000, 335 * time.Second, 20},
	}[:cases(5, 2)] {
		if testing.Short() {
			c.rows, c.within = c.rows/5, c.within/5
		}
		t.Run(c.took+" "+c.limit, func(t *testing.T) {
			box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay:"+c.took), fault(t, "*:delay:100ms")}}
			holding(t, "limits: { account: { "+c.limit+" } }", box, func(t *testing.T, r *rehearsal) {
				id := r.start(talking("", 1, c.rows, 1))
				run := r.until(id, time.Second, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				var last time.Time
				for _, message := range r.messages(id) {
					if message.StartedAt.After(last) {
						last = message.StartedAt
					}
				}
				require.LessOrEqual(t, last.Sub(run.StartedAt), c.within)
				require.LessOrEqual(t, mostOpen(r.calls(id)), c.open)
			})
		})
	}
}

// Without a limit, or far from it, a lane opens as many as its concurrency lets it.
func TestWithoutALimitManyAreOpen(t *testing.T) {
	rows := 200 * cases(2, 1)
	for _, limits := range []string{"limits: { account: { rate: 1000/s } }", "limits: {}"}[:cases(2, 1)] {
		box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "*:delay:100ms")}}
		holding(t, limits, box, func(t *testing.T, r *rehearsal) {
			id := r.start(talking("", 1, rows, 1))
			run := r.until(id, time.Second, over)
			require.Equal(t, engine.StatusSucceeded, run.Status)
			require.GreaterOrEqual(t, mostOpen(r.calls(id)), 16)
			require.Less(t, run.FinishedAt.Sub(run.StartedAt), time.Duration(rows)*300*time.Millisecond/10, "16 calls are in flight")
		})
	}
}

// An item that waits for its slot may keep its conversation over the end of a process. Another run over the same customer
// waits for it afterwards too, and does not end it under its hands.
func TestAConversationIsItsItemsAfterARestart(t *testing.T) {
	const slow = `
name: slow
limits: { account: { gap: 4m } }
steps:
  - foreach: { in: [{ account: "1", friend: a }], as: who, key: who.friend%s }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: first }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: second }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`
	const stopping = `, stop_when: { event: chat, if: 'event.content == "stop"' }`
	quick := strings.NewReplacer("gap: 4m", "gap: 1s", "name: slow", "name: quick")
	runsOn := func(*rehearsal) {}
	for _, c := range []struct {
		name, stops string
		end         func(*rehearsal)
		held        int
	}{
		{"dies, stop_when", stopping, (*rehearsal).die, 1},
		{"dies", "", (*rehearsal).die, 0}, // its next slot comes too late to keep it
		{"runs on", "", runsOn, 1},
		{"runs on, stop_when", stopping, runsOn, 1},
		{"stops in order", "", (*rehearsal).restart, 0},
		{"stops in order, stop_when", stopping, (*rehearsal).restart, 0},
	}[:cases(6, 1)] {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, "limits: {}", sandbox.Config{Seed: 1}, listening, func(t *testing.T, r *rehearsal) {
				text := fmt.Sprintf(slow, c.stops)
				one := r.start(text)
				time.Sleep(90 * time.Second)
				require.Equal(t, 1, r.run(one).Takeovers[engine.TakeoverHeld])
				c.end(r)
				time.Sleep(time.Second)
				require.Equal(t, c.held, r.run(one).Takeovers[engine.TakeoverHeld])
				other := r.start(quick.Replace(text))
				time.Sleep(30 * time.Second)
				if c.held > 0 {
					require.Empty(t, r.calls(other), "the first run holds it")
				}
				for _, id := range []string{one, other} {
					run := r.until(id, time.Minute, over)
					require.Equal(t, engine.StatusSucceeded, run.Status)
					require.Zero(t, run.Calls[engine.CallFailed])
				}
				require.Len(t, r.box.Deliveries(), 4)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// What the run's own steps hold is handed back too. The items that speak in it wait until it is held again.
func TestItemsSpeakInTheConversationThatTheirRunHolds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*testing.T, *rehearsal, string)
	}{
		{"stops in order", func(_ *testing.T, r *rehearsal, _ string) { r.restart() }},
		{"is paused", func(t *testing.T, r *rehearsal, id string) {
			require.NoError(t, r.engine.Pause(t.Context(), id))
			r.until(id, time.Second, func(run engine.Run) bool { return run.Status == engine.StatusPaused })
			require.Zero(t, r.box.Stats().OpenTakeovers)
			require.NoError(t, r.engine.Resume(t.Context(), id))
		}},
		{"dies", func(_ *testing.T, r *rehearsal, _ string) { r.die() }},
	}[:cases(3, 1)] {
		t.Run(c.name, func(t *testing.T) {
			box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "applyTakeOver:delay:2s")}}
			bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
				id := r.start(fmt.Sprintf(team, "", 1))
				time.Sleep(45 * time.Second)
				require.Equal(t, 1, r.run(id).Takeovers[engine.TakeoverHeld])
				c.end(t, r, id)
				run := r.until(id, time.Second, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Zero(t, run.Calls[engine.CallFailed])
				require.Len(t, r.box.Deliveries(), 6)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}
