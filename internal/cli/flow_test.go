package cli_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waitingJSON is what `runs show` says that a run waits for.
type waitingJSON struct {
	Run, Step, Kind, Text string
	Until                 *time.Time
}

type flowJSON struct {
	runJSON
	Parent  *struct{ Run, Step string }
	Outputs map[string]any
	Waiting []waitingJSON
}

func (c *campaign) show(id string) flowJSON {
	c.t.Helper()
	return read[flowJSON](c.t, "--project", c.dir, "runs", "show", id)
}

const asksFirst = `
name: asks
steps:
  - id: go
    approve: { text: "Send it?", for: 1h }
  - uses: message.send
    with: { account: "1", friend: a, text: "by ${{ steps.go.by }}" }
outputs: { note: "${{ steps.go.note }}" }
`

func TestAPersonDecidesAtAnotherTerminal(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := newCampaign(t, 400, box.url)
	c.write("asks.yaml", asksFirst)
	first := c.begin("run", "asks.yaml")
	first.sees("the run waits for a person: Send it? (until ")
	id := c.runs()[0].ID
	first.sees("youmiflow runs approve " + id + " go")
	shown := c.show("last")
	require.Equal(t, "running", shown.Status)
	require.Len(t, shown.Waiting, 1)
	require.Equal(t, "approve", shown.Waiting[0].Kind)
	require.Equal(t, "go", shown.Waiting[0].Step)
	require.Equal(t, "Send it?", shown.Waiting[0].Text)
	require.WithinDuration(t, time.Now().Add(time.Hour), *shown.Waiting[0].Until, time.Minute)

	began := time.Now()
	second := c.begin("runs", "approve", "last", "--note", "it is fine")
	require.Zero(t, second.wait(soon), second.err)
	second.sees("Send it?: approved by ")
	require.Zero(t, first.wait(soon), first.err)
	require.Less(t, time.Since(began), 4*time.Second, "it goes on before River would look by itself")
	require.Len(t, box.Deliveries(), 1)
	shown = c.show("last")
	require.Equal(t, map[string]any{"note": "it is fine"}, shown.Outputs)
	require.Empty(t, shown.Waiting)
	again := c.begin("runs", "reject", "last")
	require.Equal(t, 2, again.wait(soon))
	again.sees("is succeeded and asks nothing")
}

// A decision is kept also while no process works on the run, and counts when it goes on.
func TestADecisionWhileNobodyWorks(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := newCampaign(t, 400, box.url)
	c.write("asks.yaml", asksFirst)
	first := c.begin("run", "asks.yaml")
	first.sees("the run waits for a person")
	require.True(t, first.kill(0))
	second := c.begin("runs", "reject", "last", "--note", "not today")
	require.Zero(t, second.wait(soon), second.err)
	second.sees("no process works on run")
	second.sees(": go on with: youmiflow runs resume")
	third := c.begin("runs", "resume", "last")
	require.Equal(t, 1, third.wait(soon), third.err)
	shown := c.show("last")
	require.Equal(t, "rejected", shown.Error.Code)
	require.Contains(t, shown.Error.Message, "not today")
	require.Empty(t, box.Deliveries())
}

// Whatever of parallel branches, waits, called runs and questions a kill -9 hits: nothing happens twice, nothing is left
// out, and waits end when they would have.
func TestKilledInEveryKindOfStep(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("YOUMIFLOW_TEST_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("YOUMIFLOW_TEST_SEED=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	box := startPlatform(t)
	c := newCampaign(t, 400, box.url)
	c.write("child.yaml", `
name: child
params: { who: { required: true } }
steps:
  - wait: 2s
  - uses: message.send
    with: { account: "2", friend: "${{ params.who }}", text: "child ${{ params.who }}" }
outputs: { told: "${{ params.who }}!" }
`)
	c.write("flow.yaml", `
name: flow
steps:
  - id: begin
    set: { at: "${{ now() }}" }
  - parallel:
      waits:
        - uses: message.send
          with: { account: "1", friend: a, text: first }
        - wait: 4s
        - uses: message.send
          with: { account: "1", friend: a, text: second }
      calls:
        - id: sub
          call: child
          with: { who: x }
      each:
        - foreach: { in: [p, q, r], as: who, key: who }
          steps:
            - call: child
              with: { who: "${{ who }}" }
      asks:
        - id: go
          approve: { for: 6s, default: approve }
  - uses: message.send
    with: { account: "1", friend: a, text: "third ${{ steps.sub.told }} ${{ steps.go.decision }}" }
`)
	p := c.begin("run", "flow.yaml")
	p.sees("run 2")
	began := time.Now()
	killed := 0
	for killed < 5 && p.kill(time.Duration(300+random.IntN(900))*time.Millisecond) {
		killed++
		p = c.begin("runs", "resume", "last")
	}
	code := p.wait(soon)
	require.NotZero(t, killed)
	shown := c.show("last")
	doubts := shown.Calls.Unknown
	for _, run := range c.runs() {
		if run.ID != shown.ID {
			doubts += run.Calls.Unknown
			require.Contains(t, []string{"succeeded", "partial"}, run.Status)
		}
	}
	if doubts == 0 {
		require.Zero(t, code, p.err)
		require.GreaterOrEqual(t, time.Since(began), 5*time.Second)
		require.Len(t, c.runs(), 5)
		require.Equal(t, 3, shown.Counts.Succeeded)
		require.Len(t, box.Deliveries(), 7)
	}
	t.Logf("%d kills, %d messages in doubt", killed, doubts)
	seen := map[string]int{}
	for _, delivery := range box.Deliveries() {
		var body struct{ Text string }
		require.NoError(t, json.Unmarshal(delivery.Body, &body))
		seen[body.Text]++
	}
	for text, n := range seen {
		require.Equal(t, 1, n, text)
	}
	require.Zero(t, box.Stats().Duplicates)
}

func TestCalledRunsAreListedWithWhoCalledThem(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := newCampaign(t, 400, box.url)
	c.write("child.yaml", "name: child\nsteps:\n  - uses: log\n    with: { message: hello }\n")
	c.write("parent.yaml", "name: parent\nsteps:\n  - id: sub\n    call: child\n")
	p := c.begin("run", "parent.yaml")
	require.Zero(t, p.wait(soon), p.err)
	runs := read[[]flowJSON](t, "--project", c.dir, "runs", "list")
	require.Len(t, runs, 2)
	child, parent := runs[0], runs[1]
	require.Nil(t, parent.Parent)
	require.Equal(t, parent.ID, child.Parent.Run)
	require.Equal(t, "sub", child.Parent.Step)
	require.Equal(t, parent.ID, c.show("last").ID, "the last that somebody has started")
	table := invoke(t, "--project", c.dir, "runs", "list").out
	require.Contains(t, table, "child, called by "+parent.ID)
	require.Equal(t, parent.ID, c.show(parent.ID[:strings.LastIndex(parent.ID, "-")]).ID, "by the beginning that both have")
}
