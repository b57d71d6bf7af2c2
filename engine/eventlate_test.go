package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// onChat is a trigger for chats whose text begins so. Its runs know which one it was.
func onChat(text, begins string, maxRuns int) string {
	return fmt.Sprintf(`
  - event: chat
    if: event.content startsWith %q
    max_runs: %d
    params: { said: "%s ${{ event.content }}" }`, begins, maxRuns, text)
}

// triggered is a workflow with such triggers, whose runs take so long.
func triggered(length string, triggers ...string) string {
	return "name: w\ntriggers:" + strings.Join(triggers, "") + "\nparams: { said: { type: string, required: true } }\nsteps: [{ wait: " + length + " }]\n"
}

// late has a test begin with a ledger that keeps events.
func late(t *testing.T, do func(t *testing.T, r *rehearsal)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearseWith(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening, ledger.Off)
		defer func() { r.end() }()
		do(t, r)
	})
}

// says has customers write, one text each, in this order.
func (r *rehearsal) says(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		r.push(text, "chat", said("1", "f-"+text, text, 0))
	}
}

// said is what the runs were given, oldest first.
func (r *rehearsal) said() (list []string) {
	r.t.Helper()
	runs, err := r.ledger.Runs(r.t.Context(), engine.RunFilter{})
	require.NoError(r.t, err)
	for _, run := range slices.Backward(runs) {
		list = append(list, fmt.Sprint(run.Params["said"]))
	}
	return list
}

// append commits changes.
func (r *rehearsal) append(changes ...engine.Change) {
	r.t.Helper()
	require.NoError(r.t, r.ledger.Append(r.t.Context(), engine.Entry{Changes: changes}).Wait(r.t.Context()))
}

// forgotten are the notes of the audit about events that wait no longer.
func (r *rehearsal) forgotten() (list []string) {
	r.t.Helper()
	rows, err := r.ledger.DB().QueryContext(r.t.Context(), `SELECT target || ': ' || note FROM audit WHERE action = 'forget waiting events' ORDER BY id`)
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

// A backup is made while events wait for their run. They have it, and then the machine dies. Restored, none has it again:
// also where the backup was accepted by a version that left them waiting.
func TestARestoredBackupStartsNoRunForEventsThatWaited(t *testing.T) {
	for name, c := range map[string]struct{ left, untimed bool }{"forgotten": {}, "left waiting": {left: true}, "left waiting, without a time": {true, true}} {
		t.Run(name, func(t *testing.T) {
			late(t, func(t *testing.T, r *rehearsal) {
				text := triggered("10s", onChat("A", "a", 1))
				stop := r.hearing(text)
				for n := range 3 {
					body := fmt.Sprintf(`{"messageId":"%d","messageType":"chat","msgTime":%d,"values":{"ad_chatting_content":"a%d"}}`, n, time.Now().UnixMilli(), n+1)
					if c.untimed {
						body = strings.Replace(body, "msgTime", "other", 1)
					}
					_, err := r.ledger.AddEvent(t.Context(), events.Read([]byte(body), time.Now()))
					require.NoError(t, err)
				}
				time.Sleep(5 * time.Second)
				require.Equal(t, 2, r.waiting())
				copied := filepath.Join(r.dir, "copy.db")
				require.NoError(t, r.ledger.Backup(t.Context(), copied))
				time.Sleep(time.Minute)
				require.Equal(t, []string{"A a1", "A a2", "A a3"}, r.said())
				stop()
				accepted := r.restore(copied)
				require.Equal(t, 2, accepted.Events)
				require.Zero(t, r.waiting())
				for _, id := range accepted.Runs { // so that there is room
					require.NoError(t, r.engine.Cancel(t.Context(), id))
				}
				if c.left {
					for n := range int64(3) {
						r.append(engine.AddWaiting{Backlog: engine.Backlog{Workflow: "w", Trigger: r.keyOf(text)}, Event: n + 1})
					}
				}
				work := r.eventWork(text)
				var err error
				work.Scheduler.Since, err = r.ledger.AcceptedAt(t.Context())
				require.NoError(t, err)
				r.serveEvents(work, time.Minute)
				require.Equal(t, []string{"A a1"}, r.said(), "that one the backup knows")
				require.Zero(t, r.waiting())
			})
		})
	}
}

// keyOf is the key of the first trigger of a workflow.
func (r *rehearsal) keyOf(text string) string {
	_, list := r.eventWork(text).Scheduler.Planner.Planned()
	return list[0].Workflow.Triggers[0].Key
}

// Events wait for their trigger while somebody edits the file. What it says then counts: each starts a run of the trigger
// that is meant for it then, in its order, or none.
func TestEventsThatWaitGoByTheFileAsItIs(t *testing.T) {
	a, b := onChat("A", "a", 1), onChat("B", "b", 1)
	const gone = "workflow w: 2, whose trigger is gone or says something else now"
	for _, c := range []struct {
		name   string
		before []string
		says   []string
		after  []string
		want   []string
		audit  []string
	}{
		{"nothing is changed", []string{a, b}, []string{"b1", "b2", "b3"}, []string{a, b}, []string{"B b1", "B b2", "B b3"}, nil},
		{"the first is removed", []string{a, b}, []string{"b1", "b2", "b3"}, []string{b}, []string{"B b1", "B b2", "B b3"}, nil},
		{"they change places", []string{a, b}, []string{"b1", "b2", "b3"}, []string{b, a}, []string{"B b1", "B b2", "B b3"}, nil},
		{"its own is removed", []string{a, b}, []string{"b1", "b2", "b3"}, []string{a}, []string{"B b1"}, []string{gone}},
		{"another takes them", []string{a, b}, []string{"b1", "b2", "b3"}, []string{a, onChat("C", "", 1)}, []string{"B b1", "C b2", "C b3"}, nil},
		{"two become one", []string{a, b}, []string{"a1", "b1", "b2", "a2"}, []string{onChat("C", "", 1)}, []string{"A a1", "B b1", "C b2", "C a2"}, nil},
		{"two become another one", []string{a, b}, []string{"a1", "b1", "a2", "b2"}, []string{onChat("C", "", 1)}, []string{"A a1", "B b1", "C a2", "C b2"}, nil},
		{"the condition is narrowed", []string{a}, []string{"a1", "a2", "a21"}, []string{onChat("A", "a21", 1)}, []string{"A a1", "A a21"},
			[]string{"workflow w: 1, whose trigger is gone or says something else now"}},
		{"it is meant for another event", []string{a}, []string{"a1", "a2", "a3"}, []string{"\n  - event: task.result\n    params: { said: x }"}, []string{"A a1"}, []string{gone}},
		{"the params are mended", []string{a}, []string{"a1", "a2", "a3"}, []string{onChat("AA", "a", 1)}, []string{"A a1", "AA a2", "AA a3"}, nil},
		{"it may have more runs", []string{a}, []string{"a1", "a2", "a3"}, []string{onChat("A", "a", 9)}, []string{"A a1", "A a2", "A a3"}, nil},
		{"there is none left", []string{a}, []string{"a1", "a2", "a3"}, []string{"\n  - schedule: 0 0 1 1 *\n    params: { said: x }"}, []string{"A a1"}, []string{gone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			late(t, func(t *testing.T, r *rehearsal) {
				r.says(c.says...)
				r.serveEvents(r.eventWork(triggered("10s", c.before...)), 5*time.Second)
				require.Equal(t, 2, r.waiting())
				time.Sleep(20 * time.Second) // there is room
				r.serveEvents(r.eventWork(triggered("10s", c.after...)), time.Minute)
				require.Equal(t, c.want, r.said())
				require.Equal(t, c.audit, r.forgotten())
				require.Zero(t, r.waiting())
			})
		})
	}
}

// Whatever order its triggers are written in, and whatever else of them is edited while events come: each event has one run,
// of the trigger that is meant for it, and those of a trigger are in their order.
func TestEventsOutliveEdits(t *testing.T) {
	eachSeed(t, 6, func(t *testing.T, seed uint64) { outlivesEdits(t, rand.New(rand.NewPCG(seed, 1))) })
}

func outlivesEdits(t *testing.T, random *rand.Rand) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearseWith(t, dir, "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening, ledger.Off)
		defer func() { r.end() }()
		edit := func() string {
			triggers := make([]string, 3)
			for i, at := range random.Perm(3) {
				letter := string(rune('a' + i))
				triggers[at] = onChat(letter+strings.Repeat("!", random.IntN(2)), letter, 1+random.IntN(2))
			}
			return triggered("3s", triggers...)
		}
		want := map[byte][]string{}
		for part := range 8 {
			for n := range 12 {
				text := fmt.Sprintf("%c-%d-%d", 'a'+random.IntN(3), part, n)
				want[text[0]] = append(want[text[0]], text)
				r.says(text)
			}
			r.serveEvents(r.eventWork(edit()), time.Duration(1+random.IntN(9000))*time.Millisecond)
			if random.IntN(3) == 0 {
				r.restart()
			}
		}
		r.serveEvents(r.eventWork(edit()), 3*time.Minute)
		got := map[byte][]string{}
		for _, said := range r.said() {
			label, text, _ := strings.Cut(said, " ")
			require.Equal(t, text[0], label[0], said)
			got[text[0]] = append(got[text[0]], text)
		}
		require.Equal(t, want, got)
		require.Zero(t, r.waiting())
	})
}

// An edit gives a trigger no more runs at a time than it may have: those of the trigger that it was count still.
func TestAnEditedTriggerHasNoMoreRuns(t *testing.T) {
	late(t, func(t *testing.T, r *rehearsal) {
		b := onChat("B", "b", 1)
		r.says("a1", "a2", "b1", "b2")
		r.serveEvents(r.eventWork(triggered("1h", onChat("A", "a", 1), b)), 5*time.Second)
		require.Equal(t, []string{"A a1", "B b1"}, r.said())
		r.serveEvents(r.eventWork(triggered("1h", b, onChat("AA", "a", 2))), 30*time.Minute)
		require.Equal(t, []string{"A a1", "B b1", "AA a2"}, r.said(), "a1 and a2; that of b1 is another's")
		r.says("a3")
		r.serveEvents(r.eventWork(triggered("1h", b, onChat("AA", "a", 2))), time.Minute)
		require.Equal(t, []string{"A a1", "B b1", "AA a2"}, r.said())
		require.Equal(t, 2, r.waiting())
	})
}

// Whoever pauses a trigger, edits it and resumes it loses nothing that waits, and what waited under the names of an earlier
// version goes on.
func TestEventsWaitForAPausedTriggerThatIsEdited(t *testing.T) {
	late(t, func(t *testing.T, r *rehearsal) {
		r.says("a1", "a2", "a3", "b1")
		text := triggered("1m", onChat("A", "a", 1))
		r.serveEvents(r.eventWork(text), 5*time.Second)
		r.append(engine.DropWaiting{Backlog: engine.Backlog{Workflow: "w", Trigger: r.keyOf(text)}})
		for sequence := range int64(2) {
			r.append(engine.AddWaiting{Backlog: engine.Backlog{Workflow: "w", Trigger: "chat"}, Event: sequence + 2})
		}
		require.NoError(t, r.engine.PauseSchedule(t.Context(), "w", "chat", "me"))
		paused := r.eventWork(triggered("1m", onChat("AA", "a", 1)))
		require.NoError(t, look(paused.Scheduler))
		r.serveEvents(paused, 5*time.Minute)
		require.Equal(t, []string{"A a1"}, r.said())
		require.Equal(t, 2, r.waiting())
		require.NoError(t, r.engine.ResumeSchedule(t.Context(), "w", "chat", "me"))
		r.serveEvents(r.eventWork(triggered("1m", onChat("AA", "a", 1))), 5*time.Minute)
		require.Equal(t, []string{"A a1", "AA a2", "AA a3"}, r.said())
	})
}

func look(scheduler *engine.Scheduler) error {
	_, err := scheduler.Look(context.Background())
	return err
}
