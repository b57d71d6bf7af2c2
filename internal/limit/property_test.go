package limit

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// granted is a slot that was given to a call.
type granted struct {
	at   time.Time
	seed uint64
}

// TestLimitsHoldOverRestarts drives several processes over one store: calls of some accounts, time that passes and
// steps back, clocks that differ, processes that die and come back. Whatever happens, the instants that were given keep every limit.
func TestLimitsHoldOverRestarts(t *testing.T) {
	byAccount := program(t, "call.account", expression.String)
	rapid.Check(t, func(t *rapid.T) {
		now := start.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "offset")))
		shared := []*workflows.Limit{drawLimit(t, "tenant"), drawLimit(t, "account")}
		shared[1].By = byAccount
		store := NewMemoryStore()
		skew := []time.Duration{0, time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "skew"))}
		boot := func(process int) *Limiter {
			return New(Config{Store: store, Shared: shared, Now: func() time.Time { return now.Add(skew[process]) }})
		}
		processes := []*Limiter{boot(0), boot(1)}
		slots := map[string][]granted{}
		for i := range rapid.IntRange(1, 120).Draw(t, "steps") {
			process := rapid.IntRange(0, 1).Draw(t, "process")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				processes[process] = boot(process)
			case 1, 2:
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "passes")))
			case 3:
				now = now.Add(-time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "back")))
			default:
				call := engine.LimitedCall{Account: fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "account")), Seed: uint64(i)}
				slot, err := processes[process].Reserve(context.Background(), call, nil)
				at := slot.At
				require.NoError(t, err)
				require.False(t, at.Before(now.Add(skew[process])), "never in the past")
				slots["tenant="] = append(slots["tenant="], granted{at, call.Seed})
				slots["account="+call.Account] = append(slots["account="+call.Account], granted{at, call.Seed})
			}
		}
		for key, all := range slots {
			limit := shared[0]
			if key != "tenant=" {
				limit = shared[1]
			}
			check(t, key, limit, all)
		}
	})
}

func drawLimit(t *rapid.T, name string) *workflows.Limit {
	limit := &workflows.Limit{Name: name, Burst: rapid.IntRange(1, 6).Draw(t, "burst")}
	if rapid.Bool().Draw(t, "paced") {
		limit.Rate = workflows.Rate{
			Count: rapid.IntRange(1, 50).Draw(t, "count"),
			Per:   rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "per"),
		}
	}
	if rapid.IntRange(0, 2).Draw(t, "gapped") == 0 {
		limit.GapMin = time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "min"))
		limit.GapMax = limit.GapMin + time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "more"))
	}
	if rapid.IntRange(0, 3).Draw(t, "capped") == 0 {
		limit.Hourly = rapid.IntRange(1, 20).Draw(t, "hourly")
		limit.Daily = rapid.IntRange(1, 40).Draw(t, "daily")
	}
	return limit
}

// check fails where the instants of one bucket break its limit.
func check(t *rapid.T, key string, limit *workflows.Limit, all []granted) {
	p := paceOf(limit)
	l := New(Config{Store: NewMemoryStore()})
	bucket := l.bucket(l.rule(limit), key)
	slices.SortFunc(all, func(a, b granted) int {
		// A gap may be nothing: of two calls at one instant, that one comes first.
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(p.gap(a.seed, bucket.hash), p.gap(b.seed, bucket.hash)))
	})
	hours, days := map[time.Time]int{}, map[time.Time]int{}
	arrival := int64(0)
	for i, g := range all {
		at := g.at.UnixNano()
		require.GreaterOrEqual(t, at, arrival-p.credit, "%s: call %d of %v comes too early: %v", key, i, limit.Rate, all)
		arrival = max(arrival, at) + p.interval
		if i > 0 {
			least := time.Duration(p.gap(all[i-1].seed, bucket.hash))
			require.GreaterOrEqual(t, g.at.Sub(all[i-1].at), least, "%s: the gap before call %d", key, i)
		}
		hours[g.at.Truncate(time.Hour)]++
		days[g.at.Truncate(24*time.Hour)]++
	}
	for window, n := range hours {
		require.True(t, limit.Hourly == 0 || n <= limit.Hourly, "%s: %d calls in the hour of %v", key, n, window)
	}
	for window, n := range days {
		require.True(t, limit.Daily == 0 || n <= limit.Daily, "%s: %d calls on the day of %v", key, n, window)
	}
}
