package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

const branches = `
name: branches
steps:
  - id: before
    set: { word: hello }
  - id: both
    parallel:
      left:
        - id: one
          uses: message.send
          with: { account: "1", friend: a, text: "${{ steps.before.word }} 1" }
        - wait: 1h
        - id: two
          uses: message.send
          if: steps.one.succeeded
          with: { account: "1", friend: a, text: "${{ steps.before.word }} 2" }
      right:
        steps:
          - wait: 3h
          - id: three
            uses: message.send
            with: { account: "1", friend: b, text: "${{ steps.before.word }} 3" }
  - if: steps.two.succeeded && steps.three.succeeded && steps.both.succeeded
    uses: message.send
    with: { account: "1", friend: c, text: done }
`

func TestBranchesRunAtTheSameTime(t *testing.T) {
	v := steer(t)
	id := v.start(branches)
	v.pass(30 * time.Minute)
	require.Equal(t, []string{"hello 1"}, v.texts())
	v.crash()
	v.pass(time.Hour)
	require.Equal(t, []string{"hello 1", "hello 2"}, v.texts(), "one branch waits, the other goes on")
	v.crash()
	v.pass(2 * time.Hour)
	require.Equal(t, []string{"hello 1", "hello 2", "hello 3", "done"}, v.texts())
	run := v.run(id)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, 4, run.Calls[engine.CallSucceeded])
}

func TestABranchThatFailsLetsTheOthersEnd(t *testing.T) {
	v := steer(t)
	id := v.start(`
steps:
  - id: both
    parallel:
      bad:
        - id: no
          uses: assert
          with: { that: false, message: no }
        - uses: message.send
          with: { account: "1", friend: a, text: never }
      good:
        - wait: 1h
        - uses: message.send
          with: { account: "1", friend: a, text: all the same }
  - uses: message.send
    with: { account: "1", friend: a, text: never }
finally:
  - if: failure() && steps.both.failed && steps.no.failed
    uses: message.send
    with: { account: "1", friend: a, text: seen }
`)
	v.pass(2 * time.Hour)
	run := v.run(id)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Equal(t, []string{"all the same", "seen"}, v.texts())
}

// A question in one branch, a foreach in another, a wait in the third: each comes to its end.
func TestBranchesOfAllKinds(t *testing.T) {
	v := steer(t)
	v.file("people.csv", "account,friend,pause\n1,a,2h\n1,b,1h\n")
	id := v.start(`
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - parallel:
      ask:
        - id: go
          approve: Go on?
      reach:
        - id: reach
          foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
          steps:
            - wait: "${{ duration(who.pause) }}"
            - uses: message.send
              with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "${{ who.friend }}" }
      later:
        - wait: 90m
        - uses: message.send
          with: { account: "1", friend: c, text: later }
  - if: steps.go.succeeded && steps.reach.succeeded_count == 2
    uses: message.send
    with: { account: "1", friend: c, text: done }
`)
	v.pass(30 * time.Minute)
	v.crash()
	v.pass(24 * time.Hour)
	require.Equal(t, []string{"b", "later", "a"}, v.texts())
	require.Equal(t, engine.StatusRunning, v.run(id).Status)
	require.NoError(t, v.decide(id, workflows.DecisionApprove))
	v.pass(time.Second)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	require.Equal(t, []string{"b", "later", "a", "done"}, v.texts())
}

const manyBranches = `
name: many
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend, concurrency: 8 }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", reason: test }
      - id: both
        parallel:
          a:
            - uses: message.send
              with: { takeover: "${{ steps.hold.takeover }}", text: "a1 ${{ who.friend }}" }
            - uses: message.send
              with: { takeover: "${{ steps.hold.takeover }}", text: "a2 ${{ who.friend }}" }
          b:
            - uses: chat.read
              with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
            - uses: message.send
              with: { takeover: "${{ steps.hold.takeover }}", text: "b ${{ who.friend }}" }
          c:
            - uses: chat.read
              with: { account: "${{ who.account }}", friend: "${{ who.friend }}" }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`

// Branches of many items at once, for the race detector, and nothing of their progress is lost.
func TestBranchesOfManyItems(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3})
	h.file("people.csv", manyPeople(40, 4))
	run := h.wait(h.start(manyBranches), over)
	require.Equal(t, engine.StatusSucceeded, run.Status)
	require.Equal(t, 40, run.Counts[engine.StatusSucceeded])
	require.Equal(t, 40*7, run.Calls[engine.CallSucceeded])
	require.Len(t, h.box.Deliveries(), 120)
	require.Zero(t, h.box.Stats().OpenTakeovers)
	require.Zero(t, h.box.Stats().Duplicates)
}

// A process that dies while several branches are calling leaves several intents: each is settled, and none is sent twice.
func TestBranchesThatDied(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 3, Faults: faults(t, "doSendPublicMes:delay:2s:first=2")})
	h.file("people.csv", "account,friend,name,tier\n1,x,X,gold\n")
	id := h.start(manyBranches)
	h.wait(id, func(run engine.Run) bool {
		return run.Calls[engine.CallIntent] == 2 && run.Calls[engine.CallSucceeded] >= 3
	})
	again := engine.New(h.engine.Config)
	_, err := again.Work(t.Context(), engine.LaneKey{Run: id, Step: "reach", Lane: "1"})
	require.NoError(t, err)
	item := h.items(id)["x"]
	require.Equal(t, engine.StatusUnknown, item.Status)
	run := h.wait(id, over)
	require.Equal(t, engine.StatusPartial, run.Status)
	require.Equal(t, 2, run.Calls[engine.CallUnknown])
	require.Zero(t, h.box.Stats().Duplicates)
	require.Zero(t, h.box.Stats().OpenTakeovers)
}

// An item's branches that wait, the one long, the other short, and a restart in between.
func TestBranchesOfAnItemThatWait(t *testing.T) {
	v := steer(t)
	v.file("people.csv", "account,friend\n1,a\n1,b\n")
	id := v.start(`
steps:
  - id: people
    uses: audience.file
    with: { path: people.csv }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: who, key: who.friend }
    steps:
      - parallel:
          soon:
            - wait: 1h
            - uses: message.send
              with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "soon ${{ who.friend }}" }
          late:
            - wait: 30h
            - uses: message.send
              with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "late ${{ who.friend }}" }
`)
	v.pass(2 * time.Hour)
	require.Equal(t, []string{"soon a", "soon b"}, v.texts())
	require.Equal(t, 2, v.run(id).Counts[engine.StatusHeld])
	v.crash()
	v.pass(30 * time.Hour)
	require.Equal(t, engine.StatusSucceeded, v.run(id).Status)
	texts := v.texts()
	slices.Sort(texts)
	require.Equal(t, []string{"late a", "late b", "soon a", "soon b"}, texts)
}
