package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// everyWay reaches people in every way that a workflow knows.
const everyWay = `
name: every-way
send_window: { from: "09:00", to: "10:00", timezone: UTC }
steps:
  - id: reach
    foreach:
      in: LIST
      as: who
      key: who.friend
      variants: { a: 90, b: 10 }
      waves: [1]
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
      - uses: message.batch
        with:
          takeover: ${{ steps.hold.takeover }}
          messages: [{ text: "for ${{ who.friend }} ${{ variant }}" }]
      - uses: message.forward
        with:
          takeover: ${{ steps.hold.takeover }}
          from: consultant
          flags: [{ flag: "flag:1", type: image, time: 1647865582, index: 1 }]
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: direct }
      - uses: todo.add
        with: { friend: "${{ who.friend }}", creator: "1", title: call, text: call, remind_at: "2030-01-01 00:00:00", account: "${{ who.account }}" }
      - uses: api.call
        with: { effect: message, path: /v2/Anything/Send, account: "${{ who.account }}", friend: "${{ who.friend }}", body: { to: "${{ who.friend }}" } }
      - uses: api.call
        with: { effect: idempotent, path: /v2/Anything/Change, account: "${{ who.account }}", friend: "${{ who.friend }}" }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

func TestATestSendReachesNobodyButItsRecipient(t *testing.T) {
	const limits = `limits: { customer: { by: call.account + "/" + call.friend, match: call.effect == "message", per: 7d, max: 1, over: skip } }`
	adjust := func(c *engine.Config) { c.Suppressed = func(_, friend string) bool { return friend == "me" } }
	bubble(t, limits, sandbox.Config{Seed: 1}, adjust, func(t *testing.T, r *rehearsal) {
		for range 2 { // outside the cap, and counted by nobody
			id := r.test(replaceList(everyWay, list("1", 500)), &engine.Test{Account: "9", Friend: "me", Rows: 4})
			run := r.until(id, time.Second, over)
			require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
			require.Equal(t, &engine.Test{Account: "9", Friend: "me", Rows: 4}, run.Test)
			require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 4}, run.Counts)
			variants := map[string]int{}
			for _, item := range r.items(id) {
				variants[item.Variant]++
				require.Contains(t, item.Reason, "todo.add reaches others than the test recipient")
				require.Contains(t, item.Reason, "api.call reaches others than the test recipient")
			}
			require.Len(t, variants, 2, "one row of each variant")
			for _, call := range r.calls(id) {
				require.Equal(t, "9/me", call.Account+"/"+call.Friend, "%+v", call)
			}
		}
		require.Less(t, since(time.Now()), time.Hour, "a test waits for no window")
		require.Len(t, r.box.Deliveries(), 2*4*3)
		for _, delivery := range r.box.Deliveries() {
			require.Equal(t, "9/me", delivery.Account+"/"+delivery.Friend)
		}
		require.Zero(t, r.box.Stats().OpenTakeovers)
	})
}

// Whatever the catalogue holds, and whatever it is given: it goes to the test recipient, or nowhere.
func TestNoStepOfTheCatalogueGoesAstray(t *testing.T) {
	bubble(t, "limits: {}", sandbox.Config{Seed: 1, SkipChecks: true}, nil, func(t *testing.T, r *rehearsal) {
		tried := 0
		for _, name := range r.catalogue.Names() {
			step, _ := r.catalogue.Lookup(name)
			if step.Effect == workflows.EffectLocal || step.Effect == workflows.EffectRead {
				continue
			}
			text := "name: example\nsteps:\n  - " + indent(step.Example)
			workflow, problems := workflows.Parse("test.yaml", []byte(text), r.catalogue)
			if workflow == nil || strings.Contains(text, "secrets.") {
				continue // it refers to what is not here
			}
			require.NoError(t, problems.Err(), name)
			tried++
			id := r.test(text, &engine.Test{Account: "9", Friend: "me"})
			r.until(id, time.Second, over)
			for _, call := range r.calls(id) {
				if call.Effect != workflows.EffectRead {
					require.Equal(t, "9/me", call.Account+"/"+call.Friend, "%s: %+v", name, call)
				}
			}
		}
		require.Greater(t, tried, 5)
		for _, delivery := range r.box.Deliveries() {
			require.Equal(t, "9/me", delivery.Account+"/"+delivery.Friend)
		}
	})
}

func replaceList(text, in string) string { return strings.ReplaceAll(text, "LIST", in) }

// indent fits an example of the catalogue into a list of steps.
func indent(example string) string {
	return strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    ")
}

// test starts a test send.
func (r *rehearsal) test(text string, to *engine.Test) string {
	r.t.Helper()
	workflow, problems := workflows.Parse("test.yaml", []byte(text), r.catalogue)
	require.NoError(r.t, problems.Err())
	run, err := r.engine.Create(r.t.Context(), engine.Submission{Workflow: workflow, Test: to})
	require.NoError(r.t, err)
	return run.ID
}

// The items of a test send take turns with its one recipient: that is no other run.
func TestATestSendSaysThatItsItemsTakeTurns(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:delay=5s")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		id := r.test(sending("", "", `[{ account: "1", friend: a }, { account: "2", friend: b }]`), &engine.Test{Account: "9", Friend: "me", Rows: 4})
		time.Sleep(time.Second)
		require.Equal(t, "the item before it speaks with the test recipient", r.engine.Waiting(id))
		require.Equal(t, engine.StatusSucceeded, r.until(id, time.Second, over).Status)
	})
}

// Two runs over one list wait for each other, and say so.
func TestARunSaysThatAnotherSpeaksWithTheCustomer(t *testing.T) {
	box := sandbox.Config{Seed: 1, Faults: []sandbox.Fault{fault(t, "doSendPublicMes:delay=5s")}}
	bubble(t, "limits: {}", box, nil, func(t *testing.T, r *rehearsal) {
		first := r.start(sending("", "", list("1", 1)))
		time.Sleep(time.Second)
		second := r.start(sending("", "", list("1", 1)))
		time.Sleep(time.Second)
		require.Equal(t, "another run speaks with the same customer", r.engine.Waiting(second))
		for _, id := range []string{first, second} {
			require.Equal(t, engine.StatusSucceeded, r.until(id, time.Second, over).Status)
		}
	})
}
