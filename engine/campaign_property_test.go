package engine_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/calendar"
	"youmiflow/internal/sandbox"
)

// promise is a random campaign, and what happens to it.
type promise struct {
	accounts, customers, runs int
	window                    *calendar.Window
	deadline                  time.Duration
	waves, tolerate           string
	variants                  bool
	max                       int
	per                       time.Duration
	over                      string
	perMinute, daily          int
	pause                     time.Duration // between an item's two messages; 0: one message
	faults                    []string
	restarts                  []time.Duration
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func randomCampaign(r *rand.Rand) promise {
	c := promise{
		accounts: 1 + r.IntN(3), customers: 1 + r.IntN(25), runs: 1 + r.IntN(2), variants: r.IntN(2) == 0,
		deadline:  pick(r, 0, 0, 2*time.Hour, 13*time.Hour, 50*time.Hour),
		waves:     pick(r, "", "", "[3, 50%]", "[{ size: 20%, pause: 90m }, { size: 4, pause: 9h }]", "[1, 100%]"),
		tolerate:  pick(r, "", "", "2", "10%"),
		max:       pick(r, 0, 0, 1, 2),
		per:       pick(r, 20*time.Hour, 72*time.Hour),
		over:      pick(r, "hold", "skip"),
		perMinute: pick(r, 0, 1, 10, 60),
		daily:     pick(r, 0, 0, 7),
		pause:     pick(r, 0, 0, 3*time.Second, 5*time.Hour),
	}
	if r.IntN(2) == 0 {
		c.window = &calendar.Window{From: calendar.Clock(60 * r.IntN(24)), Days: calendar.EveryDay, Location: time.UTC}
		c.window.To = (c.window.From + calendar.Clock(60*(1+r.IntN(20)))) % (24 * 60)
	}
	for _, fault := range []string{"doSendPublicMes:lose:15%", "doSendPublicMes:code=200013:20%", "doSendPublicMes:code=200014:10%",
		"applyTakeOver:code=200011:10%", "endTakeOver:http=502:10%", "doSendPublicMes:http=429,retry_after=600:count=3"} {
		if r.IntN(4) == 0 {
			c.faults = append(c.faults, fault)
		}
	}
	for range r.IntN(4) {
		c.restarts = append(c.restarts, time.Duration(r.Int64N(int64(36*time.Hour))))
	}
	slices.Sort(c.restarts)
	return c
}

// config is the youmiflow.yaml.
func (c promise) config() string {
	var limits []string
	if c.max > 0 {
		limits = append(limits, fmt.Sprintf(`customer: { by: call.account + "/" + call.friend, per: %s, max: %d, over: %s }`, c.per, c.max, c.over))
	}
	if c.perMinute > 0 {
		daily := ""
		if c.daily > 0 {
			daily = fmt.Sprintf(", daily: %d", c.daily)
		}
		limits = append(limits, fmt.Sprintf("account: { rate: %d/min%s }", c.perMinute, daily))
	}
	return "limits: { " + strings.Join(limits, ", ") + " }"
}

func (c promise) workflow() string {
	keys, foreach, second := "", "", ""
	if c.window != nil {
		keys += fmt.Sprintf("send_window: { from: %q, to: %q, timezone: UTC }\n", c.window.From, c.window.To)
	}
	if c.deadline > 0 {
		keys += fmt.Sprintf("deadline: %s\n", c.deadline)
	}
	if c.waves != "" {
		foreach += "      waves: " + c.waves + "\n"
	}
	if c.tolerate != "" {
		foreach += "      tolerate: " + c.tolerate + "\n"
	}
	if c.variants {
		foreach += "      variants: { a: 1, b: 1 }\n"
	}
	if c.pause > 0 {
		second = fmt.Sprintf(`      - wait: %s
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: "second to ${{ who.friend }} of ${{ run.id }}" }
`, c.pause)
	}
	var rows strings.Builder
	for i := range c.customers {
		fmt.Fprintf(&rows, `{ account: "%d", friend: f%d }, `, i%c.accounts, i)
		if i%7 == 6 {
			fmt.Fprintf(&rows, `{ account: "%d", friend: f%d }, `, i%c.accounts, i) // a duplicate
		}
	}
	text := sending(keys, foreach, "["+strings.TrimSuffix(rows.String(), ", ")+"]")
	return strings.Replace(text, "text: hello }", `text: "first to ${{ who.friend }} of ${{ run.id }}" }`, 1) + second
}

// Whatever a campaign asks for, and whatever goes wrong: every customer ends in one way, nobody gets a message twice, none
// leaves out of hours or after the deadline, no customer hears more often than the cap lets through, and no conversation
// stays taken over.
func TestCampaignsKeepTheirPromises(t *testing.T) {
	eachSeed(t, 12, keepsPromises)
}

func keepsPromises(t *testing.T, seed uint64) {
	c := randomCampaign(rand.New(rand.NewPCG(seed, 0)))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		t.Logf("%+v", c)
		box := sandbox.Config{Seed: seed + 1, Clock: time.Now}
		for _, text := range c.faults {
			box.Faults = append(box.Faults, fault(t, text))
		}
		r := rehearse(t, dir, c.config(), box, func(e *engine.Config) { e.TripAfter, e.TripFor = 3, 5*time.Hour })
		var ids []string
		for range c.runs {
			ids = append(ids, r.start(c.workflow()))
		}
		for _, at := range c.restarts {
			time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(at)))
			r.restart()
		}
		for _, id := range ids {
			run := r.until(id, 5*time.Minute, func(run engine.Run) bool {
				if run.Status == engine.StatusPaused {
					require.Equal(t, "tolerate", run.Error.Code)
					require.NoError(t, r.engine.Resume(t.Context(), id))
				}
				return run.Status.Over()
			})
			c.check(t, r, run)
		}
		c.checkCap(t, r, ids)
		require.Zero(t, r.box.Stats().Duplicates)
		require.Zero(t, r.box.Stats().OpenTakeovers)
		r.end()
	})
}

// check looks at one run that is over.
func (c promise) check(t *testing.T, r *rehearsal, run engine.Run) {
	t.Helper()
	require.Contains(t, []engine.Status{engine.StatusSucceeded, engine.StatusPartial}, run.Status, "%+v", run.Error)
	total := 0
	for status, n := range run.Counts {
		require.True(t, status.Over(), status)
		total += n
	}
	require.Equal(t, c.customers+c.customers/7, total)
	for _, item := range r.items(run.ID) {
		require.Equal(t, c.variants, item.Variant != "")
		if item.Status != engine.StatusSucceeded {
			require.NotEmpty(t, item.Reason, "%+v", item)
		}
	}
	for _, call := range r.calls(run.ID) {
		if call.Operation == "endTakeOver" {
			continue
		}
		if c.window != nil {
			require.True(t, c.window.Open(call.StartedAt), "%s at %s", call.Operation, call.StartedAt)
		}
		if c.deadline > 0 {
			require.True(t, call.StartedAt.Before(run.StartedAt.Add(c.deadline)), "%s at %s", call.Operation, call.StartedAt)
		}
	}
}

// checkCap looks at the contacts of each customer over all runs: an item is one, however many messages it gets.
func (c promise) checkCap(t *testing.T, r *rehearsal, ids []string) {
	t.Helper()
	if c.max == 0 {
		return
	}
	contacts := map[string][]engine.Call{}
	for _, id := range ids {
		seen := map[int64]bool{}
		for _, message := range r.messages(id) {
			if !seen[message.Item] {
				contacts[message.Account+"/"+message.Friend] = append(contacts[message.Account+"/"+message.Friend], message)
				seen[message.Item] = true
			}
		}
	}
	for customer, list := range contacts {
		slices.SortFunc(list, func(a, b engine.Call) int { return cmp.Compare(a.StartedAt.UnixNano(), b.StartedAt.UnixNano()) })
		for i := c.max; i < len(list); i++ {
			require.GreaterOrEqual(t, list[i].StartedAt.Sub(list[i-c.max].StartedAt), c.per, "%s: %v", customer, list)
		}
	}
}
