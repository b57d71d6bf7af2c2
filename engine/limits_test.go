package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// limiting has a test put other limits in force, as a daemon does that reads its configuration again.
func limiting(limiter **limit.Limiter) func(*engine.Config) {
	return func(config *engine.Config) { *limiter = config.Limiter.(*limit.Limiter) }
}

// limits has the project's configuration be another one, and returns its limits.
func (r *rehearsal) limits(config string) []*workflows.Limit {
	r.t.Helper()
	r.file("youmiflow.yaml", config)
	project, problems := workflows.LoadProject(r.dir, func(string) (string, bool) { return "", false })
	require.NoError(r.t, problems.Err())
	return project.Limits
}

func (r *rehearsal) relimit(limiter *limit.Limiter, config string) {
	r.t.Helper()
	shared := r.limits(config)
	limiter.SetShared(shared)
	r.engine.SetLimits(shared)
	require.NoError(r.t, r.engine.LimitsChanged(r.t.Context()))
}

// heldAmid says something twice in a conversation.
const heldAmid = `
steps:
  - foreach: { in: %s, as: who, key: who.friend, lane: who.account }
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

// What waits for a limit that is raised goes on at once: lanes, and rows that are held; those that still have to wait do, and
// nobody gets more than the new limit allows.
func TestWhatWaitsForALimitGoesOnWhenThatIsRaised(t *testing.T) {
	const plain = `
steps:
  - foreach: { in: %s, as: who, key: who.friend, lane: who.account }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello }
`
	for name, c := range map[string]struct {
		text         string
		rows         int
		before, then string
		sent, more   int // messages
	}{
		"lanes":                           {plain, 20, "hourly: 4", "hourly: 7", 4, 7},
		"lanes, of a day":                 {plain, 20, "daily: 4", "daily: 9", 4, 9},
		"lanes, and no limit any more":    {plain, 20, "hourly: 4", "gap: 1s", 4, 20},
		"before a conversation":           {heldAmid, 10, "hourly: 4", "hourly: 20", 4, 20},
		"amid a conversation":             {heldAmid, 10, "hourly: 5", "hourly: 20", 5, 20},
		"lowered: nobody gets more":       {plain, 20, "hourly: 4", "hourly: 2", 4, 4},
		"a workflow's own stays in force": {"limits: { account: { hourly: 6 } }\n" + plain, 20, "hourly: 4", "hourly: 9", 4, 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var limiter *limit.Limiter
				r := rehearse(t, t.TempDir(), "limits: { account: { "+c.before+" } }", sandbox.Config{Seed: 1, Clock: time.Now}, limiting(&limiter))
				defer func() { r.end() }()
				id := r.start("name: w\n" + fmt.Sprintf(c.text, list("1", c.rows)))
				time.Sleep(20 * time.Minute)
				require.Len(t, r.messages(id), c.sent)
				before := r.items(id)
				r.relimit(limiter, "limits: { account: { "+c.then+" } }")
				time.Sleep(time.Minute)
				require.Len(t, r.messages(id), c.more)
				for key, item := range before {
					if item.Status == engine.StatusHeld && c.more > c.sent {
						require.Equal(t, engine.StatusSucceeded, r.items(id)[key].Status, "it was held after its first message")
					}
				}
				time.Sleep(20 * time.Minute)
				require.Len(t, r.messages(id), c.more)
				run := r.until(id, time.Hour, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// What a limit holds when the process ends asks again when another begins, in order and ahead of what was not begun: it goes on
// where the limit was raised meanwhile, and else waits as before, without a word to the platform.
func TestWhatALimitHoldsAsksAgainAfterARestart(t *testing.T) {
	for _, limits := range []string{"hourly: 5", "daily: 5"} {
		t.Run(limits, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rehearse(t, t.TempDir(), "limits: { account: { "+limits+" } }", sandbox.Config{Seed: 1, Clock: time.Now}, nil)
				defer func() { r.end() }()
				id := r.start("name: w\n" + fmt.Sprintf(heldAmid, list("1", 10)))
				time.Sleep(20 * time.Minute)
				require.Len(t, r.messages(id), 5)
				before, asked := r.items(id), r.box.Stats().Requests
				held := 0
				for _, item := range before {
					if item.Status == engine.StatusHeld {
						held++
					}
				}
				require.NotZero(t, held)
				for range 2 {
					r.restart()
					time.Sleep(10 * time.Minute)
					require.Equal(t, before, r.items(id), "nothing was raised")
					require.Equal(t, asked, r.box.Stats().Requests)
				}
				r.close()
				r.project.Limits = r.limits("limits: { account: { " + limits[:len(limits)-1] + fmt.Sprint(5+held) + " } }")
				r.open()
				require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
				time.Sleep(time.Minute)
				require.Len(t, r.messages(id), 5+held)
				for key, item := range before {
					if item.Status == engine.StatusHeld {
						require.Equal(t, engine.StatusSucceeded, r.items(id)[key].Status, "it is before newer rows")
					}
				}
				run := r.until(id, time.Hour, over)
				require.Equal(t, engine.StatusSucceeded, run.Status)
				require.Len(t, r.messages(id), 20)
				require.Zero(t, r.box.Stats().OpenTakeovers)
			})
		})
	}
}

// What a frequency cap holds asks again once after a restart, and is held as before where nothing was raised.
func TestWhatACapHoldsAsksAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capped = "limits: { customer: { by: call.account + call.friend, per: 7d, max: %d, over: hold } }"
		reserved := &reservations{}
		r := rehearse(t, t.TempDir(), fmt.Sprintf(capped, 1), sandbox.Config{Seed: 1, Clock: time.Now}, func(config *engine.Config) {
			reserved.Limiter = config.Limiter
			config.Limiter = reserved
		})
		defer func() { r.end() }()
		text := "name: w\nsteps:\n  - foreach: { in: " + list("1", 5) + ", as: who, key: who.friend }\n    steps:\n" +
			"      - uses: message.send\n        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\", text: hello }\n"
		r.until(r.start(text), time.Minute, over)
		id := r.start(text)
		time.Sleep(time.Minute)
		before := r.items(id)
		reserved.n.Store(0)
		r.restart()
		time.Sleep(time.Hour)
		require.Equal(t, before, r.items(id))
		for _, item := range before { // its lane is looked at again
			r.desk.at(time.Now(), engine.LaneKey{Run: id, Step: item.Step, Lane: item.Lane})
			time.Sleep(time.Minute)
		}
		require.EqualValues(t, 5, reserved.n.Load(), "each asks once")
		r.close()
		r.project.Limits = r.limits(fmt.Sprintf(capped, 2))
		r.open()
		require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
		require.Equal(t, engine.StatusSucceeded, r.until(id, time.Minute, over).Status)
	})
}

// reservations counts how often the limits are asked.
type reservations struct {
	engine.Limiter
	n atomic.Int64
}

func (r *reservations) Reserve(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) (engine.Slot, error) {
	r.n.Add(1)
	return r.Limiter.Reserve(ctx, call, own)
}

// atEnd is a ledger that does something when a conversation is about to be handed back.
type atEnd struct {
	engine.Ledger
	do func()
}

func (a atEnd) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	for _, change := range entry.Changes {
		if call, ok := change.(engine.AddCall); ok && call.Operation == "endTakeOver" {
			a.do()
		}
	}
	return a.Ledger.Append(ctx, entry)
}

// A row that is just being put aside when the limits change does not wait for those that were in force before.
func TestARowThatIsBeingPutAsideWhenALimitIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limiter *limit.Limiter
		var once sync.Once
		var r *rehearsal
		r = rehearse(t, t.TempDir(), "limits: { account: { hourly: 1 } }", sandbox.Config{Seed: 1, Clock: time.Now}, func(config *engine.Config) {
			limiting(&limiter)(config)
			config.Ledger = atEnd{config.Ledger, func() { once.Do(func() { r.relimit(limiter, "limits: { account: { hourly: 9 } }") }) }}
		})
		defer func() { r.end() }()
		id := r.start("name: w\n" + fmt.Sprintf(heldAmid, list("1", 2)))
		run := r.until(id, time.Minute, over)
		require.Len(t, r.messages(id), 4)
		require.Less(t, run.FinishedAt.Sub(run.StartedAt), 2*time.Minute)
	})
}

// Rows that a frequency cap holds go on at once when it allows more, and are held again when it does not.
func TestWhatACapHoldsGoesOnWhenThatIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limiter *limit.Limiter
		const capped = "limits: { customer: { by: call.account + call.friend, per: 7d, max: %d, over: hold } }"
		r := rehearse(t, t.TempDir(), fmt.Sprintf(capped, 1), sandbox.Config{Seed: 1, Clock: time.Now}, limiting(&limiter))
		defer func() { r.end() }()
		text := "name: w\nsteps:\n  - foreach: { in: " + list("1", 5) + ", as: who, key: who.friend }\n    steps:\n" +
			"      - uses: message.send\n        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\", text: hello }\n"
		r.until(r.start(text), time.Minute, over)
		id, third := r.start(text), r.start(text)
		time.Sleep(time.Minute)
		require.Equal(t, 5, r.run(id).Counts[engine.StatusHeld])
		require.Equal(t, 5, r.run(third).Counts[engine.StatusHeld])
		r.relimit(limiter, fmt.Sprintf(capped, 1)+" # the same")
		time.Sleep(time.Minute)
		require.Equal(t, 5, r.run(id).Counts[engine.StatusHeld])
		r.relimit(limiter, fmt.Sprintf(capped, 2))
		time.Sleep(time.Minute)
		counts := r.run(id).Counts[engine.StatusSucceeded] + r.run(third).Counts[engine.StatusSucceeded]
		require.Equal(t, 5, counts, "one more for each")
		require.Equal(t, 5, r.run(id).Counts[engine.StatusHeld]+r.run(third).Counts[engine.StatusHeld])
		r.until(id, 24*time.Hour, over)
		r.until(third, 24*time.Hour, over)
	})
}

// A workflow's own limits take what they do not say from the shared ones of that name that are in force.
func TestAWorkflowsOwnLimitsFollowTheSharedOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limiter *limit.Limiter
		r := rehearse(t, t.TempDir(), `limits: { team: { by: '"all"', hourly: 100 } }`, sandbox.Config{Seed: 1, Clock: time.Now}, limiting(&limiter))
		defer func() { r.end() }()
		var rows string
		for i := range 20 {
			rows += fmt.Sprintf(", { account: \"%d\", friend: f%d }", i%4, i)
		}
		id := r.start("name: w\nlimits: { team: { hourly: 2 } }\nsteps:\n  - foreach: { in: [" + rows[2:] + "], as: who, key: who.friend, lane: who.account }\n    steps:\n" +
			"      - uses: message.send\n        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\", text: hello }\n")
		time.Sleep(20 * time.Minute)
		require.Len(t, r.messages(id), 2)
		r.relimit(limiter, `limits: { team: { by: call.account, hourly: 100 } }`)
		time.Sleep(time.Minute)
		require.Len(t, r.messages(id), 10, "two of each account, which are counted anew")
		r.until(id, time.Hour, over)
	})
}
