package engine_test

import (
	"cmp"
	"context"
	"database/sql"
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
	o := &inOrder{steered: v, seen: map[engine.LaneKey]int{}}
	v.ledger.SetWake(o.woken)
	v.config.Orderly, v.config.Location = true, time.UTC
	v.others["other"] = other
	v.config.Timer = func(wait time.Duration) (<-chan time.Time, func() bool) { // a wait within a slice, of a millisecond at most
		v.mu.Lock()
		defer v.mu.Unlock()
		v.now = v.now.Add(wait)
		fired := make(chan time.Time, 1)
		fired <- v.now
		return fired, func() bool { return true }
	}
	checks, inexact := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		text := drawCampaign(t)
		from := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 3*24*60).Draw(t, "start")) * time.Minute)
		suppressed := rapid.SampledFrom([]string{"", "", "b0", "a1"}).Draw(t, "suppressed")
		v.config.Suppressed = func(_, friend string) bool { return friend == suppressed }
		v.restart()
		if length := rapid.SampledFrom([]time.Duration{0, 0, 40 * time.Minute, 26 * time.Hour}).Draw(t, "held"); length > 0 {
			require.NoError(t, v.engine.TripAccount(v.t.Context(), "default", "2", from.Add(length), "test", "test"))
			defer func() {
				_, err := v.engine.ClearAccount(v.t.Context(), "default", "2", "test")
				require.NoError(t, err)
			}()
		}
		checks++
		if !comparePlanAndRun(t, o, text, from) {
			inexact++
		}
	})
	require.LessOrEqual(t, inexact*100, 3*checks+200, "of %d", checks)
}

// usedSlots counts the slots that a run takes.
type usedSlots struct {
	engine.Limiter
	taken int
}

func (u *usedSlots) Reserve(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) (engine.Slot, error) {
	slot, err := u.Limiter.Reserve(ctx, call, own)
	if err == nil && !call.Peek && !slot.Cap {
		u.taken++
	}
	return slot, err
}

// other is a workflow that the drawn ones call.
const other = `
name: other
params: { friend: { type: string, required: true } }
limits:
  calls: { rate: 10/min }
steps:
  - id: hold
    uses: takeover.apply
    with: { account: "3", friend: "${{ params.friend }}", reason: test }
  - uses: message.send
    with: { takeover: "${{ steps.hold.takeover }}", text: other }
  - wait: 7m
  - uses: message.send
    with: { takeover: "${{ steps.hold.takeover }}", text: other }
`

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	require.TestingT
	Logf(format string, args ...any)
	Helper()
}

// comparePlanAndRun compares a plan with its run. They have to be alike, unless one of them has lost a slot: since it had to
// wait for another limit, or somebody of the same lane who had waited for longer was let go first. Mostly they are alike
// then too; it reports false when they are not.
func comparePlanAndRun(t tester, o *inOrder, text string, from time.Time) bool {
	t.Helper()
	v := o.steered
	clear(o.seen)
	v.now = from
	clear(v.due)
	workflow, problems := workflows.ParseIn("test.yaml", []byte(text), v.catalogue, v)
	require.NoError(t, problems.Err(), text)
	plan, planned, foreseen := planAt(t, v, workflow)

	slots := &usedSlots{Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: v.clock})}
	v.config.Limiter = slots
	v.restart()
	id := engine.NewRunID(from) + fmt.Sprint(time.Now().UnixNano())
	run, err := v.engine.Create(v.t.Context(), engine.Submission{ID: id, Workflow: workflow})
	require.NoError(t, err)
	drive(t, o, run.ID, text)
	made := callsOf(t, v, run.ID, text)
	lost := slots.taken > len(made) || foreseen > len(planned) // of calls without any limit there is none to lose
	if lost && !slices.Equal(lines(made), lines(planned)) {
		return false
	}
	require.Equal(t, lines(made), lines(planned), "the run's calls, and the plan's:\n%s", text)
	requireSame(t, v, run.ID, plan, text)
	return true
}

// planAt returns the plan, its calls, and how many slots it has taken for them.
func planAt(t tester, v *steered, workflow *workflows.Workflow) (*engine.Plan, []engine.TimedCall, int) {
	clock := &engine.VirtualClock{}
	config := v.config
	slots := &usedSlots{Limiter: limit.New(limit.Config{Store: limit.NewMemoryStore(), Now: clock.Now})}
	config.Limiter = slots
	plan, planned, err := engine.New(config).PlanCalls(v.t.Context(), engine.Submission{Workflow: workflow}, clock)
	require.NoError(t, err)
	return plan, planned, slots.taken
}

// inOrder has lanes that are due at the same instant worked on in the order in which they were first woken, as a plan does.
type inOrder struct {
	*steered
	seen map[engine.LaneKey]int
}

func (o *inOrder) woken(ctx context.Context, tx *sql.Tx, wakes []engine.Wake) (func(), error) {
	for _, wake := range wakes {
		if o.seen[wake.LaneKey] == 0 {
			o.seen[wake.LaneKey] = len(o.seen) + 1
		}
	}
	return o.steered.woken(ctx, tx, wakes)
}

func (o *inOrder) step(t tester) bool {
	var first engine.LaneKey
	for key, at := range o.due {
		if before := o.due[first]; first.Run == "" || at.Before(before) || at.Equal(before) && o.seen[key] < o.seen[first] {
			first = key
		}
	}
	at, ok := o.due[first]
	if !ok {
		return false
	}
	delete(o.due, first)
	if at.After(o.now) {
		o.now = at
	}
	again, err := o.engine.Work(o.t.Context(), first)
	require.NoError(t, err)
	if again != nil {
		o.at(first, *again)
	}
	return true
}

// drive works until the run is over, and approves whatever it asks.
func drive(t tester, v *inOrder, id, text string) {
	for n := 0; ; n++ {
		require.Less(t, n, 20_000, "the run does not end:\n%s", text)
		run, err := v.ledger.Run(v.t.Context(), id)
		require.NoError(t, err)
		called, err := v.ledger.Runs(v.t.Context(), engine.RunFilter{Parent: id, Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning}})
		require.NoError(t, err)
		if run.Status.Over() && len(called) == 0 {
			return
		}
		questions, err := engine.Questions(v.t.Context(), v.ledger, id)
		require.NoError(t, err)
		for _, q := range questions {
			require.NoError(t, v.engine.Decide(v.t.Context(), id, q.Step, workflows.DecisionApprove, "test", ""))
		}
		require.True(t, v.step(t), "nothing is due, and the run is %s:\n%s", run.Status, text)
	}
}

func callsOf(t tester, v *steered, id, text string) (made []engine.TimedCall) {
	children, err := v.ledger.Runs(v.t.Context(), engine.RunFilter{Parent: id})
	require.NoError(t, err)
	for _, run := range append(children, engine.Run{ID: id}) {
		for call, err := range v.ledger.Calls(v.t.Context(), engine.CallFilter{Run: run.ID}) {
			require.NoError(t, err)
			require.Equal(t, engine.CallSucceeded, call.State, "%s: %s\n%s", call.Operation, call.Message, text)
			made = append(made, engine.TimedCall{Account: call.Account, Friend: call.Friend, Operation: call.Operation, At: call.StartedAt.UTC()})
		}
	}
	return made
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
	variants := rapid.IntRange(0, 2).Draw(t, "variants") == 0
	if variants {
		b.WriteString("      variants: { a: 60, b: 40 }\n")
	}
	b.WriteString("    steps:\n" + drawBody(t, variants))
	drawRest(t, &b)
	return b.String()
}

// drawRest adds what a run does of its own, beside its items.
func drawRest(t *rapid.T, b *strings.Builder) {
	message := "uses: message.send\n%swith: { account: \"%d\", friend: c%d, text: own }\n"
	switch rapid.IntRange(0, 4).Draw(t, "rest") {
	case 0:
		fmt.Fprintf(b, "  - "+message, "    ", 1, 1)
	case 1:
		fmt.Fprintf(b, "  - parallel:\n      one:\n        - wait: 40m\n        - "+message, "          ", 1, 2)
		fmt.Fprintf(b, "      two:\n        - "+message, "          ", 2, 3)
	case 2:
		b.WriteString("  - id: again\n    foreach: { in: [{ account: \"1\", friend: d1 }, { account: \"2\", friend: d2 }], as: who, key: who.friend }\n" +
			"    steps:\n      - uses: message.send\n        with: { account: \"${{ who.account }}\", friend: \"${{ who.friend }}\", text: again }\n")
	case 3:
		b.WriteString("  - call: other\n    with: { friend: e1 }\n")
	}
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

func drawBody(t *rapid.T, variants bool) string {
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
		message := fmt.Sprintf("uses: message.send\n        with: { %s, text: \"%d\" }\n", to, i)
		if variants && i > 0 {
			message = "if: variant == \"a\"\n        " + message
		}
		b.WriteString("      - " + message)
	}
	switch rapid.IntRange(0, 5).Draw(t, "more") {
	case 0:
		b.WriteString("      - parallel:\n          one:\n            - wait: " + rapid.SampledFrom([]string{"10s", "2h"}).Draw(t, "wait") + "\n")
		fmt.Fprintf(&b, "            - uses: message.send\n              with: { %s, text: one }\n          two:\n", to)
		fmt.Fprintf(&b, "            - uses: message.send\n              with: { %s, text: two }\n", to)
	case 1:
		b.WriteString("      - call: other\n        with: { friend: \"${{ who.friend }}\" }\n")
	}
	if taken && rapid.Bool().Draw(t, "finally") {
		b.WriteString("    finally:\n      - uses: takeover.end\n        with: { takeover: \"${{ steps.hold.takeover }}\" }\n")
	}
	return b.String()
}
