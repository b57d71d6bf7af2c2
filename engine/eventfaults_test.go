package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/sandbox"
)

type kept = engine.Backlogs

// backlogs are those of a ledger that counts how often it is asked for them, and cannot say how many runs one workflow has.
type backlogs struct {
	kept
	faulty string
	asked  atomic.Int64
}

func (b *backlogs) Backlogs(ctx context.Context) ([]engine.Backlog, error) {
	b.asked.Add(1)
	return b.kept.Backlogs(ctx)
}

// named is the workflow of onChat under another name.
func named(name, text string) string { return strings.Replace(text, "name: w", "name: "+name, 1) }

func (b *backlogs) Unfinished(ctx context.Context, room engine.Room) (int, error) {
	if room.Workflow == b.faulty {
		return 0, errors.New("this workflow alone has a fault")
	}
	return b.kept.Unfinished(ctx, room)
}

// A fault of the events that wait for one trigger keeps nothing else: those of others have their runs, and new ones are
// acted on, such as that of a device that is out of order.
func TestAFaultOfOneTriggersEventsKeepsNoOthers(t *testing.T) {
	late(t, func(t *testing.T, r *rehearsal) {
		x, y := named("x", triggered("1m", onChat("X", "", 1))), named("y", triggered("1m", onChat("Y", "", 1)))
		r.says("1", "2")
		r.serveEvents(r.eventWork(x, y), 5*time.Second)
		require.Equal(t, 2, r.waiting())
		broken := r.eventWork(x, y)
		broken.Backlogs = &backlogs{kept: r.ledger, faulty: "x"}
		r.serveEvents(broken, 5*time.Minute)
		require.Equal(t, []string{"X 1", "Y 1", "Y 2"}, r.said())
		_, err := r.ledger.AddEvent(t.Context(), events.Read(fmt.Appendf(nil, `{"Type":6,"MsgTime":%d,"Values":{"ad_wechat_id":7}}`, time.Now().Unix()), time.Now()))
		require.NoError(t, err)
		r.says("3")
		r.serveEvents(broken, 5*time.Minute)
		require.Equal(t, []string{"X 1", "Y 1", "Y 2", "Y 3"}, r.said())
		accounts, err := r.ledger.Accounts(t.Context())
		require.NoError(t, err)
		require.Len(t, accounts, 1, "the device is held")
		require.Equal(t, 2, r.waiting())
		r.serveEvents(r.eventWork(x, y), 5*time.Minute)
		require.Equal(t, []string{"X 1", "Y 1", "Y 2", "Y 3", "X 2", "X 3"}, r.said(), "nothing is lost")
	})
}

// An event whose run cannot be written down waits for it, and those that came behind it do not.
func TestAFaultOfOneRunKeepsNoOtherEvents(t *testing.T) {
	var broken atomic.Bool
	fails := func(change engine.Change) bool {
		add, ok := change.(engine.AddRun)
		return ok && add.Workflow == "x" && broken.Load()
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, func(c *engine.Config) {
			listening(c)
			c.Ledger = failing{c.Ledger, fails}
		})
		defer func() { r.end() }()
		broken.Store(true)
		x, y := named("x", triggered("1s", onChat("X", "", 9))), named("y", triggered("1s", onChat("Y", "", 9)))
		r.says("1", "2")
		r.serveEvents(r.eventWork(x, y), time.Minute)
		require.Equal(t, []string{"Y 1", "Y 2"}, r.said())
		broken.Store(false)
		r.says("3")
		r.serveEvents(r.eventWork(x, y), time.Minute)
		require.Equal(t, []string{"Y 1", "Y 2", "X 1", "X 2", "X 3", "Y 3"}, r.said())
		require.Zero(t, r.waiting())
	})
}

// Events that could start no run now keep nobody awake: those of rehearsals where this is none, of a trigger that is
// paused, and of a file that has no good version.
func TestEventsThatCannotStartKeepNobodyAwake(t *testing.T) {
	text := triggered("1m", onChat("A", "a", 1))
	for name, c := range map[string]struct {
		waiting func(t *testing.T, r *rehearsal, of engine.Backlog, work *engine.EventWork)
		awake   bool
	}{
		"rehearsals": {func(_ *testing.T, r *rehearsal, of engine.Backlog, _ *engine.EventWork) {
			of.Sandbox = true
			r.append(engine.AddWaiting{Backlog: of, Event: 1})
		}, false},
		"paused": {func(t *testing.T, r *rehearsal, of engine.Backlog, work *engine.EventWork) {
			r.append(engine.AddWaiting{Backlog: of, Event: 1})
			require.NoError(t, r.engine.PauseSchedule(t.Context(), "w", "chat", "me"))
			require.NoError(t, look(work.Scheduler))
		}, false},
		"broken": {func(_ *testing.T, r *rehearsal, of engine.Backlog, work *engine.EventWork) {
			r.append(engine.AddWaiting{Backlog: of, Event: 1})
			work.Scheduler.Planner = fixed{{Name: "w"}}
		}, false},
		"full": {func(_ *testing.T, r *rehearsal, _ engine.Backlog, _ *engine.EventWork) {
			r.says("a1", "a2", "a3", "a4")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			late(t, func(t *testing.T, r *rehearsal) {
				work := r.eventWork(text)
				asked := &backlogs{kept: r.ledger}
				work.Backlogs, work.Poll = asked, 30*time.Second
				c.waiting(t, r, engine.Backlog{Workflow: "w", Trigger: r.keyOf(text)}, work)
				r.serveEvents(work, 3*time.Minute)
				require.Equal(t, c.awake, asked.asked.Load() > 30, "%d", asked.asked.Load())
				require.Equal(t, 1, r.waiting())
			})
		})
	}
}
