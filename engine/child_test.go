package engine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

const greet = `
name: greet
params:
  who: { type: string, required: true }
  at: { type: time, required: true }
  pause: { type: duration, default: 1h }
steps:
  - id: one
    uses: message.send
    with: { account: "1", friend: "${{ params.who }}", text: "1 ${{ params.who }}" }
  - wait: ${{ params.pause }}
  - uses: message.send
    with: { account: "1", friend: "${{ params.who }}", text: "2 ${{ params.who }}" }
outputs:
  task: ${{ steps.one.task_id }}
  later: ${{ params.at + duration("1h") }}
  count: ${{ 2 }}
`

const callsGreet = `
name: parent
steps:
  - id: greeting
    call: greet
    with: { who: a, at: "2026-11-02T10:00:00Z", pause: 2h }
  - uses: message.send
    with:
      account: "1"
      friend: z
      text: '${{ steps.greeting.count + 1 }} ${{ steps.greeting.later == date("2026-11-02T11:00:00Z") }} ${{ steps.greeting.task != "" }}'
outputs:
  all: ${{ steps.greeting.count }}
`

func TestAWorkflowCallsAnother(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Hour)
	children := v.children(id)
	require.Len(t, children, 1)
	require.Equal(t, id, children[0].Parent.Run)
	require.Equal(t, "greeting", children[0].Parent.Step)
	v.crash()
	v.pass(10 * time.Hour)
	require.Equal(t, []string{"1 a", "2 a", "3 true true"}, v.texts())
	run := v.run(id)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
	require.JSONEq(t, `{"all": 2}`, string(run.Outputs))
	child := v.run(children[0].ID)
	require.Equal(t, engine.StatusSucceeded, child.Status)
	var outputs map[string]any
	require.NoError(t, json.Unmarshal(child.Outputs, &outputs))
	require.Equal(t, "2026-11-02T11:00:00Z", outputs["later"])
	require.Len(t, v.children(id), 1, "made once")
}

// The parent goes on with the texts that it was started with, whatever has become of the files.
func TestACalledWorkflowIsTheOneOfTheStart(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start("name: late\nsteps:\n  - wait: 1h\n" + strings.SplitN(callsGreet, "steps:\n", 2)[1])
	delete(v.others, "greet")
	v.crash()
	v.pass(10 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Equal(t, []string{"1 a", "2 a", "3 true true"}, v.texts())
}

func TestACalledRunThatFails(t *testing.T) {
	v := steer(t)
	v.others["bad"] = `
name: bad
steps:
  - uses: assert
    with: { that: false, message: it is closed }
`
	id := v.start(`
steps:
  - id: sub
    call: bad
finally:
  - uses: message.send
    with: { account: "1", friend: a, text: "${{ steps.sub.error.code }}" }
`)
	v.pass(time.Minute)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "child-failed", run.Error.Code)
	require.Contains(t, run.Error.Message, "it is closed")
	require.Contains(t, run.Error.Message, v.children(id)[0].ID)
	require.Equal(t, []string{"child-failed"}, v.texts())
}

func TestACalledRunStopsAndGoesOnWithItsParent(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	v.others["between"] = "name: between\nsteps:\n  - call: greet\n    with: { who: a, at: \"2026-11-02T10:00:00Z\" }\n"
	id := v.start("steps:\n  - call: between\n")
	v.pass(time.Minute)
	between := v.children(id)[0].ID
	child := v.children(between)[0].ID
	statuses := func() []engine.Status {
		return []engine.Status{v.run(id).Status, v.run(between).Status, v.run(child).Status}
	}
	all := func(status engine.Status) []engine.Status { return []engine.Status{status, status, status} }
	require.NoError(t, v.engine.Pause(t.Context(), id))
	v.pass(24 * time.Hour)
	require.Equal(t, all(engine.StatusPaused), statuses())
	v.crash()
	v.pass(time.Hour)
	require.Equal(t, all(engine.StatusPaused), statuses())
	require.NoError(t, v.engine.Resume(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, all(engine.StatusSucceeded), statuses())
	require.Equal(t, []string{"1 a", "2 a"}, v.texts())
}

func TestACalledRunIsCancelledWithItsParent(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusCancelled, v.run(id).Status)
	require.Equal(t, engine.StatusCancelled, v.children(id)[0].Status)
	require.Equal(t, []string{"1 a"}, v.texts())
}

// What an earlier process left is paused as a whole when nobody waits for it.
func TestACalledRunIsLeftAloneWithItsParent(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Minute)
	v.mu.Lock()
	clear(v.due)
	v.mu.Unlock()
	v.restart()
	asked := []string{}
	require.NoError(t, v.engine.Recover(t.Context(), func(run engine.Run) engine.Recovery {
		asked = append(asked, run.ID)
		return engine.Suspend
	}))
	require.Equal(t, []string{id}, asked)
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	require.Equal(t, engine.StatusPaused, v.children(id)[0].Status)
	require.Equal(t, []string{"1 a"}, v.texts())
}

const callsPerItem = `
name: each
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - id: sub
        call: greet
        with: { who: "${{ who.friend }}", at: "2026-11-02T10:00:00Z", pause: "${{ duration(who.pause) }}" }
      - uses: message.send
        with: { account: "1", friend: "${{ who.friend }}", text: "${{ steps.sub.count + 1 }} ${{ who.friend }}" }
`

func TestItemsCallAWorkflow(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	v.file("people.csv", "account,friend,pause\n1,a,3h\n1,b,1s\n2,c,1h\n")
	id := v.start(callsPerItem)
	v.pass(time.Minute)
	require.Equal(t, map[engine.Status]int{engine.StatusHeld: 2, engine.StatusSucceeded: 1}, v.run(id).Counts)
	v.crash()
	v.pass(2 * time.Hour)
	v.crash()
	v.pass(10 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3}, v.run(id).Counts)
	texts := v.texts()
	require.Len(t, texts, 9)
	for _, who := range []string{"a", "b", "c"} {
		for n := 1; n <= 3; n++ {
			require.Contains(t, texts, fmt.Sprintf("%d %s", n, who))
		}
	}
	require.Len(t, v.children(id), 3)
}

// Wherever a process dies, nothing happens twice and nothing is left out.
func TestCrashesBetweenSlices(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, seed))
			v := steer(t)
			v.others["greet"] = greet
			v.file("people.csv", "account,friend,pause\n1,a,3h\n1,b,1s\n2,c,1h\n")
			id := v.start(callsPerItem)
			end := v.clock().Add(24 * time.Hour)
			for !v.run(id).Status.Over() {
				for range 1 + random.IntN(20) {
					v.step(end)
				}
				v.crash()
			}
			require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
			require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 3}, v.run(id).Counts)
			require.Len(t, v.texts(), 9)
			require.Len(t, v.children(id), 3)
			require.Zero(t, v.box.Stats().Duplicates)
		})
	}
}

func TestItemsWhoseRunsAreCancelled(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	v.file("people.csv", "account,friend,pause\n1,a,3h\n1,b,2h\n")
	id := v.start(callsPerItem)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Cancel(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusCancelled, v.run(id).Status)
	require.Equal(t, map[engine.Status]int{engine.StatusCancelled: 2}, v.run(id).Counts)
	for _, child := range v.children(id) {
		require.Equal(t, engine.StatusCancelled, child.Status)
	}
}

// A path that a workflow passes on is no path given from outside, or it could read any file.
func TestACallOpensNoFile(t *testing.T) {
	v := steer(t)
	v.others["reads"] = `
name: reads
params: { list: { type: file, required: true } }
steps:
  - id: rows
    uses: audience.file
    with: { path: "${{ params.list }}" }
  - foreach: { in: "${{ steps.rows.rows }}", as: row, key: row.friend }
    steps:
      - uses: log
        with: { message: "${{ row.friend }}" }
`
	v.file("people.csv", "account,friend\n1,a\n")
	given := map[string][]string{}
	v.resolved = func(path string, files []string) { given[path] = files }
	run, err := v.engine.Create(t.Context(), engine.Submission{
		Workflow: v.parse(`
params: { mine: { type: file, required: true } }
steps:
  - call: reads
    with: { list: "${{ params.mine }}" }
  - call: reads
    with: { list: ./people.csv }
`), Params: map[string]any{"mine": "people.csv"}})
	require.NoError(t, err)
	v.pass(time.Minute)
	require.Equal(t, engine.StatusSucceeded, v.run(run.ID).Status, "%+v", v.run(run.ID).Error)
	require.Equal(t, map[string][]string{"people.csv": {"people.csv"}, "./people.csv": {}}, given)
}

func TestAPlanWalksWhatIsCalled(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	plan, err := v.engine.Plan(t.Context(), engine.Submission{Workflow: v.parse(callsGreet)}, &engine.VirtualClock{})
	require.NoError(t, err)
	require.Equal(t, 3, plan.Calls.Total)
	require.Empty(t, v.texts())
}

func TestOutputsThatCannotBeMade(t *testing.T) {
	v := steer(t)
	id := v.start(`
params: { list: { type: list, default: [] } }
steps:
  - id: some
    set: { one: 1 }
outputs:
  first: ${{ params.list[0] }}
  fine: ${{ 1 }}
`)
	v.pass(time.Minute)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "outputs", run.Error.Code)
	require.JSONEq(t, `{"first": null, "fine": 1}`, string(run.Outputs))
}

func TestAnApprovalWithinACalledRun(t *testing.T) {
	v := steer(t)
	v.others["asking"] = asking
	id := v.start("steps:\n  - call: asking\n")
	v.pass(time.Minute)
	child := v.children(id)[0].ID
	require.Equal(t, "go", v.question(child).Step)
	require.NoError(t, v.decide(child, workflows.DecisionApprove))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
}

func TestItemsWhoseRunsArePaused(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	v.file("people.csv", "account,friend,pause\n1,a,3h\n1,b,2h\n")
	id := v.start(callsPerItem)
	v.pass(time.Minute)
	require.NoError(t, v.engine.Pause(t.Context(), id))
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusPaused, v.run(id).Status)
	require.Equal(t, map[engine.Status]int{engine.StatusHeld: 2}, v.run(id).Counts)
	require.Len(t, v.texts(), 2)
	require.NoError(t, v.engine.Resume(t.Context(), id))
	v.pass(time.Minute)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Len(t, v.texts(), 6)
}

func TestACalledRunThatSomebodyCancels(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Minute)
	child := v.children(id)[0].ID
	require.NoError(t, v.engine.Pause(t.Context(), child))
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusRunning, v.run(id).Status, "its caller waits for it")
	require.NoError(t, v.engine.Cancel(t.Context(), child))
	v.pass(time.Minute)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, "child-cancelled", run.Error.Code)
}

// Nothing that a run has called outlives it: here its deadline leaves the items out that wait.
func TestACalledRunEndsWithItsCallersDeadline(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	v.file("people.csv", "account,friend,pause\n1,a,30h\n")
	id := v.start("deadline: 2h\n" + callsPerItem)
	v.pass(48 * time.Hour)
	require.True(t, v.run(id).Status.Over())
	require.Equal(t, engine.StatusCancelled, v.children(id)[0].Status)
	require.Equal(t, []string{"1 a"}, v.texts())
	require.Equal(t, v.clock().Add(-46*time.Hour).Unix(), v.run(id).FinishedAt.Unix())
}

// A called run without a window of its own keeps its caller's.
func TestACalledRunKeepsItsCallersWindow(t *testing.T) {
	for name, window := range map[string]string{"none": "", "its own": "send_window: { from: \"00:00\", to: \"23:59\" }\n"} {
		t.Run(name, func(t *testing.T) {
			v := steer(t)
			v.others["sends"] = window + "name: sends\nsteps:\n  - uses: message.send\n    with: { account: \"1\", friend: a, text: x }\n"
			id := v.start("send_window: { from: \"12:00\", to: \"13:00\" }\nsteps:\n  - call: sends\n")
			v.pass(time.Hour)
			v.crash()
			v.pass(time.Hour)
			if window == "" {
				require.Empty(t, v.texts())
				v.until(time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC))
			}
			require.Equal(t, []string{"x"}, v.texts())
			require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
		})
	}
}

// A called run may be over before its item is known to wait for it: nobody waits for ever.
func TestItemsWhoseRunsEndAtOnce(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", manyPeople(40, 4))
	folder := &steered{others: map[string]string{"quick": "name: quick\nsteps:\n  - uses: log\n    with: { message: hello }\n"}}
	workflow, problems := workflows.ParseIn("test.yaml", []byte(`
name: many
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - parallel:
          one:
            - call: quick
          two:
            - call: quick
`), h.catalogue, folder)
	require.NoError(t, problems.Err())
	created, err := h.engine.Create(t.Context(), engine.Submission{Workflow: workflow})
	require.NoError(t, err)
	run := h.wait(created.ID, over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, 40, run.Counts[engine.StatusSucceeded])
	children, err := h.ledger.Runs(t.Context(), engine.RunFilter{Parent: run.ID})
	require.NoError(t, err)
	require.Len(t, children, 80)
}

// It may also be over while another branch of its item still works.
func TestAnItemWhoseRunEndsBeforeItIsHeld(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "GetChat:delay:500ms")})
	h.file("people.csv", "account,friend\n1,a\n")
	folder := &steered{others: map[string]string{"quick": "name: quick\nsteps:\n  - uses: log\n    with: { message: hello }\n"}}
	workflow, problems := workflows.ParseIn("test.yaml", []byte(`
name: one
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - parallel:
          calls:
            - call: quick
            - uses: message.send
              with: { account: "1", friend: a, text: at once }
          works:
            - uses: chat.read
              with: { account: "1", friend: a }
            - wait: 1h
`), h.catalogue, folder)
	require.NoError(t, problems.Err())
	created, err := h.engine.Create(t.Context(), engine.Submission{Workflow: workflow})
	require.NoError(t, err)
	h.wait(created.ID, func(engine.Run) bool { return len(h.box.Deliveries()) == 1 })
	require.NoError(t, h.engine.Cancel(t.Context(), created.ID))
	h.wait(created.ID, over)
}

// Progress that was lost does not make a second run.
func TestACalledRunIsMadeOnce(t *testing.T) {
	v := steer(t)
	v.others["greet"] = greet
	id := v.start(callsGreet)
	v.pass(time.Minute)
	for item, err := range v.ledger.Items(t.Context(), engine.ItemFilter{Run: id, Root: true}) {
		require.NoError(t, err)
		lost := engine.SetItem{ID: item.ID, Run: id, From: item.Status, To: item.Status, Progress: json.RawMessage(`{}`)}
		require.NoError(t, v.ledger.Append(t.Context(), engine.Entry{Changes: []engine.Change{lost}}).Wait(t.Context()))
	}
	v.crash()
	v.pass(24 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Len(t, v.children(id), 1)
	require.Equal(t, []string{"1 a", "2 a", "3 true true"}, v.texts())
}
