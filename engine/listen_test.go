package engine_test

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// hearing has events acted on until the function it returns is called.
func (r *rehearsal) hearing(texts ...string) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	work, done := r.eventWork(texts...), make(chan error, 1)
	go func() { done <- work.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(r.t, <-done)
	}
}

// aside are workflows whose second message waits for an hour or more, each in another way. The first leaves at once.
func aside() map[string]struct{ config, text string } {
	const steps = `
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend, stop_when: chat }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: first }
%s
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: second }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`
	const plain = `
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend, stop_when: chat }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: first }
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: second }
`
	return map[string]struct{ config, text string }{
		"a wait":           {"limits: {}", "name: w\n" + fmt.Sprintf(steps, "      - wait: 3h")},
		"a look":           {"limits: {}", "name: w\n" + fmt.Sprintf(steps, "      - wait: { until: \"now() > date('2000-01-01T03:00:00Z')\", every: 2h }")},
		"the window":       {"limits: {}", "name: w\nsend_window: { from: \"00:00\", to: \"00:10\" }\n" + fmt.Sprintf(steps, "      - wait: 10m")},
		"an hourly limit":  {"limits: { account: { hourly: 1 } }", "name: w\n" + plain},
		"a rest":           {"limits: { account: { rest: { after: 1, for: 3h } } }", "name: w\n" + plain},
		"a wait in branch": {"limits: {}", "name: w\n" + fmt.Sprintf(steps, "      - parallel: { one: [ { wait: 3h } ], two: [ { id: x, set: { y: 1 } } ] }")},
	}
}

// A customer who answers ends what was put aside for them within seconds, whatever it waits for, also where the process
// ends before it has acted on the event, or right after: the conversation is handed back, and the row says why. The other
// customer's row waits on, and is not touched.
func TestAnAnswerEndsAnItemThatIsPutAside(t *testing.T) {
	for name, c := range aside() {
		for _, restart := range []string{"never", "before", "after"} {
			t.Run(name+"/"+restart, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := rehearse(t, t.TempDir(), c.config, sandbox.Config{Seed: 1, Clock: time.Now}, listening)
					defer func() { r.end() }()
					id := r.start(c.text)
					time.Sleep(15 * time.Minute)
					stop := r.hearing()
					require.Equal(t, engine.StatusHeld, r.items(id)["a"].Status)
					before := r.items(id)["b"]
					if restart == "before" {
						stop()
					}
					r.push("e0", "chat", said("1", "a", "first", 1))
					r.push("e1", "chat", said("1", "a", "不要再发了", 0))
					switch restart {
					case "before":
						r.restart()
						stop = r.hearing()
					case "after":
						for range 1000 { // until the ledger has it, not further
							if cursor, _, newest, err := r.ledger.EventCursor(t.Context()); err == nil && cursor == newest {
								break
							}
							time.Sleep(time.Millisecond)
						}
						stop()
						r.restart()
						stop = r.hearing()
					}
					time.Sleep(5 * time.Second)
					item := r.items(id)["a"]
					require.Equal(t, engine.StatusSucceeded, item.Status, "%+v", item)
					require.Equal(t, "stopped: the customer answered", item.Reason)
					require.Equal(t, 1, r.box.Delivered("1", "a"))
					require.Zero(t, r.box.Stats().OpenTakeovers)
					require.Equal(t, before.Until, r.items(id)["b"].Until, "%+v", r.items(id)["b"])
					stop()
					run := r.until(id, 10*time.Minute, over)
					require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 2}, run.Counts)
					require.Equal(t, 1, r.box.Delivered("1", "a"))
					require.Equal(t, 2, r.box.Delivered("1", "b"))
				})
			})
		}
	}
}

// Whoever is held by a cap before anything was sent is skipped at once.
func TestAnAnswerEndsAnItemThatACapHolds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: { customer: { by: call.account + call.friend, per: 7d, max: 1, over: hold } }",
			sandbox.Config{Seed: 1, Clock: time.Now}, listening)
		defer func() { r.end() }()
		const text = `
name: capped
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend, stop_when: chat }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
`
		r.until(r.start(text), time.Minute, over)
		id := r.start(text)
		time.Sleep(time.Minute)
		require.Equal(t, 2, r.run(id).Counts[engine.StatusHeld])
		stop := r.hearing()
		r.push("e1", "chat", said("1", "b", "stop", 0))
		r.push("e2", "chat", said("2", "a", "stop", 0)) // to another account
		time.Sleep(5 * time.Second)
		stop()
		items := r.items(id)
		require.Equal(t, []any{engine.StatusSkipped, "the customer answered"}, []any{items["b"].Status, items["b"].Reason})
		require.Equal(t, engine.StatusHeld, items["a"].Status)
		require.Contains(t, items["a"].Reason, "the limit customer, until ")
		require.False(t, items["a"].Woken())
		run := r.until(id, 6*time.Hour, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSkipped: 1, engine.StatusSucceeded: 1}, run.Counts)
	})
}

// countingLedger counts the items that are read.
type countingLedger struct {
	engine.Ledger
	read *atomic.Int64
}

func (c countingLedger) Items(ctx context.Context, filter engine.ItemFilter) iter.Seq2[engine.Item, error] {
	return func(yield func(engine.Item, error) bool) {
		for item, err := range c.Ledger.Items(ctx, filter) {
			c.read.Add(1)
			if !yield(item, err) {
				return
			}
		}
	}
}

// A lane with a thousand that wait is not looked through for each of the customers who answer.
func TestAnAnswerDoesNotLookAtThoseWhoDidNot(t *testing.T) {
	const many, answers = 1000, 50
	dir, read := t.TempDir(), &atomic.Int64{}
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, func(config *engine.Config) {
			listening(config)
			config.Ledger = countingLedger{config.Ledger, read}
		})
		defer func() { r.end() }()
		id := r.start(`
name: many
steps:
  - foreach: { in: ` + list("1", many) + `, as: who, key: who.friend, stop_when: chat }
    steps:
      - wait: 3h
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
`)
		time.Sleep(time.Minute)
		require.Equal(t, many, r.run(id).Counts[engine.StatusHeld])
		stop := r.hearing()
		time.Sleep(2 * time.Second)
		before := read.Load()
		for i := range answers {
			r.push(fmt.Sprintf("e%d", i), "chat", said("1", fmt.Sprintf("f%03d", 7*i), "stop", 0))
			r.push(fmt.Sprintf("o%d", i), "chat", said("1", fmt.Sprintf("f%03d", 7*i+1), "I say hello", 1)) // a colleague: not meant
		}
		time.Sleep(5 * time.Second)
		stop()
		require.Equal(t, answers, r.run(id).Counts[engine.StatusSkipped])
		require.Equal(t, many-answers, r.run(id).Counts[engine.StatusHeld])
		require.Less(t, read.Load()-before, int64(5*many), "at most a few looks through the lane")
		run := r.until(id, time.Hour, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSkipped: answers, engine.StatusSucceeded: many - answers}, run.Counts)
	})
}
