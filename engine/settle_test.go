package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

const doubting = `
name: doubting
steps:
  - foreach: { in: [{ account: "1", friend: a }, { account: "1", friend: b }], as: who, key: who.friend }
    steps:
      - uses: message.send
        timeout: 20s
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "to ${{ who.friend }}" }
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: more }
`

// knowing has the number of the task be known although the answer was not whole.
type knowing struct {
	engine.Steps
	box func() *sandbox.Sandbox
}

func (k knowing) Step(name string) (engine.Step, bool) {
	step, ok := k.Steps.Step(name)
	return knowingStep{step, k.box}, ok
}

type knowingStep struct {
	engine.Step
	box func() *sandbox.Sandbox
}

func (k knowingStep) Prepare(input engine.Input) (engine.Action, error) {
	action, err := k.Step.Prepare(input)
	if err != nil || action.Request == nil {
		return action, err
	}
	perform, friend := action.Perform, action.Request.Friend
	action.Perform = func(ctx context.Context) engine.Outcome {
		outcome := perform(ctx)
		if outcome.State == engine.Unknown {
			outcome.TaskID = taskTo(k.box(), friend)
		}
		return outcome
	}
	return action, nil
}

// taskTo is the task of the one message that the sandbox has delivered to a customer.
func taskTo(box *sandbox.Sandbox, friend string) string {
	for _, d := range box.Deliveries() {
		if d.Friend == friend {
			return d.TaskID
		}
	}
	return ""
}

func result(task string, succeed any, more string) string {
	return fmt.Sprintf(`{"taskId":%q,"succeed":%v,"errdesc":"no such friend"%s}`, task, succeed, more)
}

// echo is the chat record of a message with its task.
func echo(friend, text, task string) string {
	return fmt.Sprintf(`{"ad_wechat_id":1,"ad_friend_wenober":%q,"ad_chatting_content":%q,"ad_chatting_issend":1,"taskId":%q}`, friend, text, task)
}

// The answer to both messages is lost. What is pushed about the one to a settles it, each as the case says; the other stays
// unknown. Whatever comes, and however often, nothing is sent again, and the counts add up.
func TestTheResultOfATaskSettlesAnUnknownCall(t *testing.T) {
	const toA = `,"ad_wechat_id":1,"ad_friend_wenober":"a"`
	type pushed struct{ id, kind, values string }
	for name, c := range map[string]struct {
		known  bool // the call's task is in the ledger
		pushes func(task string) []pushed
		want   engine.Status
		reason string
	}{
		"succeeded": {true, func(task string) []pushed { return []pushed{{"r", "rpaTaskResult", result(task, true, toA)}} },
			engine.StatusSucceeded, "settled as sent; what was to follow was left out"},
		"failed": {true, func(task string) []pushed { return []pushed{{"r", "rpaTaskResult", result(task, false, toA)}} },
			engine.StatusFailed, "no such friend (not-sent)"},
		"no customer named": {true, func(task string) []pushed { return []pushed{{"r", "rpaTaskResult", result(task, false, "")}} },
			engine.StatusFailed, "no such friend (not-sent)"},
		"another customer named": {true, func(task string) []pushed {
			return []pushed{{"r", "rpaTaskResult", result(task, true, `,"ad_wechat_id":1,"ad_friend_wenober":"c"`)}}
		}, engine.StatusUnknown, ""},
		"another account named": {true, func(task string) []pushed {
			return []pushed{{"r", "rpaTaskResult", result(task, true, `,"ad_wechat_id":2,"ad_friend_wenober":"a"`)}}
		}, engine.StatusUnknown, ""},
		"no word of how": {true, func(task string) []pushed { return []pushed{{"r", "rpaTaskResult", result(task, `"perhaps"`, toA)}} },
			engine.StatusUnknown, ""},
		"the latest counts": {true, func(task string) []pushed {
			return []pushed{{"r1", "rpaTaskResult", result(task, false, toA)}, {"r2", "rpaTaskResult", result(task, true, "")}}
		}, engine.StatusSucceeded, "settled as sent"},
		"a task of nobody's": {true, func(string) []pushed { return []pushed{{"r", "rpaTaskResult", result("4711", true, toA)}} },
			engine.StatusUnknown, ""},
		"the task is not known": {false, func(task string) []pushed { return []pushed{{"r", "rpaTaskResult", result(task, false, toA)}} },
			engine.StatusUnknown, ""},
		"the chat names the task": {false, func(task string) []pushed {
			return []pushed{{"r", "rpaTaskResult", result(task, false, "")}, {"e", "chat", echo("a", "to a", task)}}
		}, engine.StatusFailed, "no such friend (not-sent)"},
		"the chat alone": {false, func(task string) []pushed { return []pushed{{"e", "chat", echo("a", "to a", task)}} },
			engine.StatusSucceeded, "settled as sent"},
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/early=%t", name, early), func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					var r *rehearsal
					box := sandbox.Config{Seed: 1, Clock: time.Now, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:slow=1m")}}
					r = rehearse(t, dir, "limits: {}", box, func(config *engine.Config) {
						listening(config)
						if c.known {
							config.Steps = knowing{config.Steps, func() *sandbox.Sandbox { return r.box }}
						}
					})
					defer func() { r.end() }()
					id := r.start(doubting)
					if !early {
						require.Equal(t, 2, r.until(id, time.Second, over).Counts[engine.StatusUnknown])
					}
					time.Sleep(time.Second) // sent, and for the early ones not yet given up
					task := taskTo(r.box, "a")
					require.NotEmpty(t, task)
					for _, p := range c.pushes(task) {
						for range 3 {
							r.push(p.id, p.kind, p.values)
						}
						r.push(p.id+" in other words", p.kind, p.values)
						time.Sleep(time.Millisecond)
					}
					work := r.eventWork()
					r.serveEvents(work, 45*time.Second)
					require.True(t, over(r.run(id)))
					r.serveEvents(work, 15*time.Second)
					r.restart()
					r.serveEvents(r.eventWork(), 15*time.Second)

					run, items := r.run(id), r.items(id)
					require.Equal(t, c.want, items["a"].Status, items["a"].Reason)
					require.Contains(t, items["a"].Reason, c.reason)
					require.Equal(t, engine.StatusUnknown, items["b"].Status)
					states := map[engine.Status]engine.CallState{engine.StatusSucceeded: engine.CallSucceeded, engine.StatusFailed: engine.CallFailed,
						engine.StatusUnknown: engine.CallUnknown}
					counts, calls := map[engine.Status]int{engine.StatusUnknown: 1}, map[engine.CallState]int{engine.CallUnknown: 1}
					counts[c.want]++
					calls[states[c.want]]++
					require.Equal(t, counts, run.Counts)
					require.Equal(t, calls, run.Calls)
					require.Equal(t, engine.StatusPartial, run.Status)
					for _, call := range r.calls(id) {
						require.Equal(t, 1, call.Attempt)
						if call.Friend == "a" && c.want != engine.StatusUnknown {
							require.Equal(t, task, call.TaskID)
						}
					}
					require.Equal(t, []int{1, 1}, []int{r.box.Delivered("1", "a"), r.box.Delivered("1", "b")}, "nothing is sent again")
				})
			})
		}
	}
}
