package engine_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
	"youmiflow/internal/limit"
	"youmiflow/workflows"
)

// A plan's calls are those of the run, each at the same instant, whatever rules the workflow has.
func TestAPlanIsTheRun(t *testing.T) {
	v := steer(t)
	v.config.Orderly, v.config.Location = true, time.UTC
	v.config.Timer = func(wait time.Duration) (<-chan time.Time, func() bool) { // a wait within a slice, of a millisecond at most
		v.mu.Lock()
		defer v.mu.Unlock()
		v.now = v.now.Add(wait)
		fired := make(chan time.Time, 1)
		fired <- v.now
		return fired, func() bool { return true }
	}
	checks, late := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawCampaign(t)
		from := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "start")) * time.Minute)
		checks++
		if !comparePlanAndRun(t, v, text, from) {
			late++
		}
	})
	require.LessOrEqual(t, late, checks/5, "of %d", checks)
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	require.TestingT
	Logf(format string, args ...any)
	Helper()
}

// comparePlanAndRun reports false when the run lost a slot that it had, since somebody of the same lane who had waited for
// longer was let go first: then it takes another after a pause that is left to chance.
func comparePlanAndRun(t tester, v *steered, text string, from time.Time) bool {
	t.Helper()
	v.now = from
	clear(v.due)
	workflow, problems := workflows.ParseIn("test.yaml", []byte(text), v.catalogue, v)
	require.NoError(t, problems.Err(), text)
	plan, planned := planAt(t, v, workflow)

	v.config.Limiter = limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: v.clock})
	v.restart()
	id := engine.NewRunID(from) + fmt.Sprint(time.Now().UnixNano())
	run, err := v.engine.Create(v.t.Context(), engine.Submission{ID: id, Workflow: workflow})
	require.NoError(t, err)
	drive(t, v, run.ID, text)
	made, exact := callsOf(t, v, run.ID, text)
	if exact {
		require.Equal(t, lines(made), lines(planned), "the run's calls, and the plan's:\n%s", text)
		requireSame(t, v, run.ID, plan, text)
	}
	return exact
}

func planAt(t tester, v *steered, workflow *workflows.Workflow) (*engine.Plan, []engine.TimedCall) {
	clock := &engine.VirtualClock{}
	config := v.config
	config.Limiter = limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})
	plan, planned, err := engine.New(config).PlanCalls(v.t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	return plan, planned
}

// drive works until the run is over, and approves whatever it asks.
func drive(t tester, v *steered, id, text string) {
	for n := 0; ; n++ {
		require.Less(t, n, 20_000, "the run does not end:\n%s", text)
		run, err := v.ledger.Run(v.t.Context(), id)
		require.NoError(t, err)
		if run.Status.Over() {
			return
		}
		questions, err := engine.Questions(v.t.Context(), v.ledger, id)
		require.NoError(t, err)
		for _, q := range questions {
			require.NoError(t, v.engine.Decide(v.t.Context(), id, q.Step, workflows.DecisionApprove, "test", ""))
		}
		require.True(t, v.step(v.now.Add(400*24*time.Hour)), "nothing is due, and the run is %s:\n%s", run.Status, text)
	}
}

func callsOf(t tester, v *steered, id, text string) (made []engine.TimedCall, exact bool) {
	exact = true
	for call, err := range v.ledger.Calls(v.t.Context(), engine.CallFilter{Run: id}) {
		require.NoError(t, err)
		if call.Code == "late" || call.Code == "deadline" || call.Code == "capped" {
			exact = false
			continue
		}
		require.Equal(t, engine.CallSucceeded, call.State, "%s: %s\n%s", call.Operation, call.Message, text)
		made = append(made, engine.TimedCall{Account: call.Account, Friend: call.Friend, Operation: call.Operation, At: call.StartedAt.UTC()})
	}
	return made, exact
}

func requireSame(t tester, v *steered, id string, plan *engine.Plan, text string) {
	skipped, selected := map[string]int{}, 0
	for item, err := range v.ledger.Items(v.t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(t, err)
		if item.Status != engine.StatusSkipped {
			selected++
			continue
		}
		reason, _, _ := strings.Cut(item.Reason, " lets nothing more pass")
		skipped[reason]++
	}
	foreseen := map[string]int{}
	for reason, n := range plan.Items.Skipped {
		foreseen[strings.TrimSuffix(reason, " is reached")] += n
	}
	require.Equal(t, skipped, foreseen, text)
	require.Equal(t, selected, plan.Items.Selected, text)
}

func lines(calls []engine.TimedCall) []string {
	slices.SortFunc(calls, func(a, b engine.TimedCall) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Friend, b.Friend), cmp.Compare(a.Operation, b.Operation))
	})
	text := make([]string, len(calls))
	for i, call := range calls {
		text[i] = fmt.Sprintf("%s %s/%s %s", call.At.Format("01-02T15:04:05.000000"), call.Account, call.Friend, call.Operation)
	}
	return text
}

// drawCampaign writes a workflow with random rules and customers.
func drawCampaign(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("name: drawn\n")
	if rapid.Bool().Draw(t, "window") {
		days := rapid.SampledFrom([]string{"MON-SUN", "MON-FRI", "TUE,THU"}).Draw(t, "days")
		from, to := rapid.IntRange(0, 23).Draw(t, "opens"), rapid.IntRange(0, 23).Draw(t, "closes")
		fmt.Fprintf(&b, "send_window: { from: \"%02d:00\", to: \"%02d:30\", days: %q }\n", from, to, days)
	}
	if rapid.IntRange(0, 3).Draw(t, "deadline") == 0 {
		fmt.Fprintf(&b, "deadline: %s\n", rapid.SampledFrom([]string{"90s", "45m", "7h", "3d"}).Draw(t, "deadline"))
	}
	b.WriteString(drawLimits(t))
	b.WriteString("steps:\n")
	if rapid.IntRange(0, 3).Draw(t, "first") == 0 {
		b.WriteString("  - wait: 90m\n")
	}
	fmt.Fprintf(&b, "  - id: reach\n    foreach:\n      in: [%s]\n      as: who\n      key: who.friend\n", drawCustomers(t))
	if rapid.IntRange(0, 2).Draw(t, "waves") == 0 {
		b.WriteString("      waves: " + rapid.SampledFrom([]string{"[1, 50%]", "[{ size: 2, pause: 30m }, 100%]",
			"{ sizes: [1, 2], pause: 3h }", "{ sizes: [34%], approve: true }"}).Draw(t, "waves") + "\n")
	}
	b.WriteString("    steps:\n" + drawBody(t))
	return b.String()
}

func drawLimits(t *rapid.T) string {
	var b strings.Builder
	if rapid.IntRange(0, 4).Draw(t, "account limit") > 0 {
		fmt.Fprintf(&b, "  account: { by: call.account, match: call.effect == \"message\", %s }\n", drawPace(t))
	}
	if rapid.IntRange(0, 3).Draw(t, "tenant limit") == 0 {
		b.WriteString("  tenant: { rate: " + rapid.SampledFrom([]string{"20/min", "1/s", "100/h"}).Draw(t, "tenant") + " }\n")
	}
	if rapid.IntRange(0, 2).Draw(t, "cap") == 0 {
		fmt.Fprintf(&b, "  customer: { by: call.account, match: call.effect == \"message\", per: %s, max: %d, over: %s }\n",
			rapid.SampledFrom([]string{"10m", "6h", "2d"}).Draw(t, "per"), rapid.IntRange(1, 3).Draw(t, "max"),
			rapid.SampledFrom([]string{"hold", "skip"}).Draw(t, "over"))
	}
	if b.Len() == 0 {
		return ""
	}
	return "limits:\n" + b.String()
}

func drawPace(t *rapid.T) string {
	parts := []string{"rate: " + rapid.SampledFrom([]string{"20/min", "6/h", "2/min", "1/s"}).Draw(t, "rate")}
	for _, part := range []string{"burst: 3", "gap: 2s..9s", "gap: 3m..8m", "hourly: 2", "daily: 3", "rest: { after: 2, for: 2m..20m }", "warm_up: [1, 2]"} {
		if rapid.IntRange(0, 3).Draw(t, part) == 0 && (!strings.HasPrefix(part, "gap") || !strings.Contains(strings.Join(parts, " "), "gap")) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

func drawCustomers(t *rapid.T) string {
	rows := []string{`{ account: "1", friend: a0 }`, `{ account: "2", friend: a1 }`}
	for i := range rapid.IntRange(0, 6).Draw(t, "rows") {
		rows = append(rows, fmt.Sprintf(`{ account: "%d", friend: b%d }`, rapid.IntRange(1, 2).Draw(t, "account"), rapid.IntRange(0, i).Draw(t, "friend")))
	}
	return strings.Join(rows, ", ")
}

func drawBody(t *rapid.T) string {
	var b strings.Builder
	taken := rapid.Bool().Draw(t, "takeover")
	to := `account: "${{ who.account }}", friend: "${{ who.friend }}"`
	if taken {
		b.WriteString("      - id: hold\n        uses: takeover.apply\n        with: { " + to + ", reason: test }\n")
		to = `takeover: "${{ steps.hold.takeover }}"`
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "messages") {
		if i > 0 && rapid.IntRange(0, 2).Draw(t, "pause") == 0 {
			b.WriteString("      - wait: " + rapid.SampledFrom([]string{"20s", "150s", "3h", "2d"}).Draw(t, "wait") + "\n")
		}
		fmt.Fprintf(&b, "      - uses: message.send\n        with: { %s, text: \"%d\" }\n", to, i)
	}
	if taken && rapid.Bool().Draw(t, "finally") {
		b.WriteString("    finally:\n      - uses: takeover.end\n        with: { takeover: \"${{ steps.hold.takeover }}\" }\n")
	}
	return b.String()
}
