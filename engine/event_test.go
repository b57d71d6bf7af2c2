package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/events"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

const stopping = `
name: stopping
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }, { account: "2", friend: a }], as: who, key: who.account + who.friend, stop_when: %s }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: first }
      - wait: 2h
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: second }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

// listening has the engine look at what the ledger has been pushed.
func listening(config *engine.Config) { config.Events = config.Ledger.(engine.EventSource) }

func eventful(t *testing.T, do func(t *testing.T, r *rehearsal)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, t.TempDir(), "limits: {}", sandbox.Config{Seed: 1, Clock: time.Now}, listening)
		defer func() { r.end() }()
		do(t, r)
	})
}

// push keeps an event of version 2 as the sandbox forms it.
func (r *rehearsal) push(id, kind, values string) {
	r.t.Helper()
	body := fmt.Sprintf(`{"messageId":%q,"messageType":%q,"msgTime":%d,"values":%s}`, id, kind, time.Now().UnixMilli(), values)
	_, err := r.ledger.AddEvent(r.t.Context(), events.Read([]byte(body), time.Now()))
	require.NoError(r.t, err)
}

func said(account, friend, text string, sent int) string {
	return fmt.Sprintf(`{"ad_wechat_id":%s,"ad_friend_wenober":%q,"ad_chatting_content":%q,"ad_chatting_issend":%d}`, account, friend, text, sent)
}

// The customer answers between two messages, also while the process is restarted: only theirs is left out.
func TestNothingMoreIsSentToACustomerWhoAnswered(t *testing.T) {
	eventful(t, func(t *testing.T, r *rehearsal) {
		id := r.start(fmt.Sprintf(stopping, "chat"))
		time.Sleep(time.Hour)
		r.push("e0", "chat", said("1", "a", "first", 1)) // the echo of its own message
		r.push("e0b", "chat", said("1", "b", "first", 1))
		r.push("e1", "chat", said("1", "a", "不要再发了", 0))
		r.push("e1", "chat", said("1", "a", "不要再发了", 0)) // once more
		r.restart()
		run := r.until(id, time.Minute, over)
		require.Equal(t, engine.StatusSucceeded, run.Status)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3}, run.Counts)
		require.Equal(t, "stopped: the customer answered", r.items(id)["1a"].Reason)
		require.Empty(t, r.items(id)["1b"].Reason)
		require.Equal(t, 1, r.box.Delivered("1", "a"))
		require.Equal(t, 2, r.box.Delivered("1", "b"))
		require.Equal(t, 2, r.box.Delivered("2", "a"), "another account's conversation with the same customer")
		require.Zero(t, r.box.Stats().OpenTakeovers)
	})
}

// Whoever answers before anything is sent is skipped; who answered before the run began is not.
func TestACustomerWhoAnsweredBeforeTheFirstMessageIsSkipped(t *testing.T) {
	eventful(t, func(t *testing.T, r *rehearsal) {
		r.push("e1", "chat", said("1", "b", "hello", 0))
		time.Sleep(time.Second)
		id := r.start(`
name: later
steps:
  - wait: 1h
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend, stop_when: { event: chat, if: 'event.from == "customer" && event.content contains "stop" || who.friend == "b"' } }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: stop here }
`)
		time.Sleep(time.Minute)
		r.push("e2", "chat", said("1", "a", "please stop", 0))
		run := r.until(id, time.Minute, over)
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusSkipped: 1}, run.Counts)
		require.Equal(t, "the customer answered", r.items(id)["a"].Reason)
		require.Zero(t, r.box.Delivered("1", "a"))
	})
}

// What somebody else writes in the chat stops an item whose condition asks for it, and what it wrote itself never does.
func TestOnlyWhatOthersWriteStopsAnItem(t *testing.T) {
	eventful(t, func(t *testing.T, r *rehearsal) {
		id := r.start(fmt.Sprintf(stopping, `{ event: chat, if: 'event.from == "account"' }`))
		time.Sleep(time.Hour)
		r.push("e1", "chat", said("1", "a", "first", 1))
		r.push("e2", "chat", said("1", "b", "I am a person", 1))
		r.until(id, time.Minute, over)
		require.Equal(t, 2, r.box.Delivered("1", "a"))
		require.Equal(t, 1, r.box.Delivered("1", "b"))
		require.Equal(t, "stopped: somebody else has written in the chat", r.items(id)["1b"].Reason)
	})
}

// fixed is a folder whose workflows do not change.
type fixed []engine.Planned

func (f fixed) Planned() (int, []engine.Planned) { return 1, f }

const answering = `
name: answering
triggers:
  - event: chat
    if: event.from == "customer" && event.content contains "券"
    params: { who: "${{ event.friend }}" }
params: { who: { type: string, required: true } }
steps:
  - uses: message.send
    with: { account: "${{ event.account }}", friend: "${{ params.who }}", text: "${{ event.content }}?" }
`

func (r *rehearsal) eventWork(texts ...string) *engine.EventWork {
	r.t.Helper()
	var planned fixed
	for i, text := range texts {
		workflow, problems := workflows.Parse(fmt.Sprintf("%d.yaml", i), []byte(text), r.catalogue)
		require.NoError(r.t, problems.Err())
		planned = append(planned, engine.Planned{Name: workflow.Name, Workflow: workflow.Rest(r.catalogue)})
	}
	scheduler := engine.NewScheduler(engine.SchedulerConfig{Engine: r.engine, Schedules: r.ledger, Planner: planned})
	return engine.NewEventWork(engine.EventWorkConfig{Engine: r.engine, Scheduler: scheduler, Backlogs: r.ledger, Connections: []string{"default"}})
}

// Two events, one of them three times, and a process that dies before it notes how far it came: each starts one run, that
// knows its event.
func TestAnEventStartsOneRun(t *testing.T) {
	eventful(t, func(t *testing.T, r *rehearsal) {
		for _, id := range []string{"e1", "e1", "e2", "e3"} {
			text := map[string]string{"e1": "有券吗", "e2": "hello", "e3": "优惠券"}[id]
			r.push(id, "chat", said("7", "f-"+id, text, 0))
		}
		r.serveEvents(r.eventWork(answering), 10*time.Second)
		require.NoError(t, r.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.SetEventCursor{Sequence: 0}}}).Wait(t.Context()))
		r.restart()
		r.push("e1", "chat", said("7", "f-e1", "有券吗", 0))
		r.serveEvents(r.eventWork(answering), 10*time.Second)
		runs, err := r.ledger.Runs(t.Context(), engine.RunFilter{})
		require.NoError(t, err)
		require.Len(t, runs, 2)
		for _, run := range runs {
			require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
			require.Equal(t, engine.TriggerEvent, run.Trigger)
		}
		require.Equal(t, []int{1, 0, 1}, []int{r.box.Delivered("7", "f-e1"), r.box.Delivered("7", "f-e2"), r.box.Delivered("7", "f-e3")})
		cursor, known, newest, err := r.ledger.EventCursor(t.Context())
		require.NoError(t, err)
		require.True(t, known)
		require.Equal(t, newest, cursor)
	})
}

// serveEvents has events acted on for a while.
func (r *rehearsal) serveEvents(work *engine.EventWork, length time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), length)
	defer cancel()
	require.NoError(r.t, work.Run(ctx))
}

// The echo of a message comes before its call fails, and settles it: the run succeeds after all. Without an echo, or with
// two calls that it could be of, it stays unknown.
func TestTheChatSettlesUnknownCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := sandbox.Config{Seed: 1, Clock: time.Now, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:lose")}}
		r := rehearse(t, t.TempDir(), "limits: {}", box, listening)
		defer func() { r.end() }()
		text := `
name: doubt
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "to ${{ who.friend }}" }
`
		id := r.start(text)
		time.Sleep(time.Millisecond)
		r.push("e1", "chat", said("1", "a", "to a", 1))
		run := r.until(id, time.Second, over)
		require.Equal(t, map[engine.Status]int{engine.StatusUnknown: 2}, run.Counts)
		r.push("e2", "chat", said("2", "b", "to b", 1)) // of another account
		r.push("e3", "chat", said("1", "b", "to b", 0)) // the customer says so
		r.push("e4", "chat", said("1", "b", "to b.", 1))
		work := r.eventWork()
		r.serveEvents(work, 20*time.Second)
		run = r.run(id)
		require.Equal(t, map[engine.Status]int{engine.StatusUnknown: 1, engine.StatusSucceeded: 1}, run.Counts)
		require.Equal(t, map[engine.CallState]int{engine.CallUnknown: 1, engine.CallSucceeded: 1}, run.Calls)
		require.Equal(t, engine.StatusPartial, run.Status)
		require.Equal(t, "settled as sent; what was to follow was left out", r.items(id)["a"].Reason)

		again := r.start(text) // two calls with one text
		r.until(again, time.Second, over)
		r.push("e5", "chat", said("1", "b", "to b", 1))
		r.serveEvents(work, 20*time.Second)
		require.Equal(t, 1, r.run(id).Counts[engine.StatusUnknown])
		require.Equal(t, 2, r.run(again).Counts[engine.StatusUnknown])
	})
}

// A device that is out of order holds its account once, for as long as one that fails.
func TestADeviceFaultHoldsItsAccount(t *testing.T) {
	eventful(t, func(t *testing.T, r *rehearsal) {
		_, err := r.ledger.AddEvent(t.Context(), events.Read(fmt.Appendf(nil, `{"Type":6,"MsgTime":%d,"Values":{"ad_wechat_id":7,"message":"no heartbeat"}}`, time.Now().Unix()), time.Now()))
		require.NoError(t, err)
		r.serveEvents(r.eventWork(), 5*time.Second)
		accounts, err := r.ledger.Accounts(t.Context())
		require.NoError(t, err)
		require.Len(t, accounts, 1)
		require.Equal(t, "7", accounts[0].Account)
		require.Equal(t, "the platform has reported a fault of its device: no heartbeat", accounts[0].Reason)
		require.Equal(t, time.Hour, since(accounts[0].Until))
	})
}
