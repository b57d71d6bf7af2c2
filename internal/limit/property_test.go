package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	at      time.Time
	seed    uint64
	contact string
}

// world is several processes over one store, and the calls that are let out.
type world struct {
	now       time.Time
	skew      [2]time.Duration
	processes [2]*Limiter
	store     *MemoryStore
	shared    []*workflows.Limit
	slots     map[string][]granted
}

func (w *world) boot(process int) {
	w.processes[process] = New(Config{Store: w.store, Shared: w.shared, Now: func() time.Time { return w.now.Add(w.skew[process]) }})
}

// TestLimitsHoldOverRestarts drives several processes over one store: calls of some accounts to some customers, within
// windows and until deadlines, time that passes and steps back, clocks that differ, holds, processes that die and come
// back. Whatever happens, the instants that were given keep every limit.
func TestLimitsHoldOverRestarts(t *testing.T) {
	byAccount := program(t, "call.account", expression.String)
	byFriend := program(t, "call.friend", expression.String)
	rapid.Check(t, func(t *rapid.T) {
		w := &world{
			now:   start.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "offset"))),
			skew:  [2]time.Duration{0, time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "skew"))},
			store: NewMemoryStore(), slots: map[string][]granted{},
			shared: []*workflows.Limit{drawLimit(t, "tenant"), drawLimit(t, "account"), {
				Name: "customer", By: byFriend, Max: rapid.IntRange(1, 3).Draw(t, "max"),
				Per:  rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 7 * 24 * time.Hour}).Draw(t, "per"),
				Over: rapid.SampledFrom([]workflows.Over{workflows.OverHold, workflows.OverSkip}).Draw(t, "over"),
			}},
		}
		w.shared[1].By = byAccount
		w.boot(0)
		w.boot(1)
		for i := range rapid.IntRange(1, 120).Draw(t, "steps") {
			w.step(t, uint64(i))
		}
		for key, all := range w.slots {
			switch {
			case key == "tenant=":
				check(t, key, w.shared[0], all)
			case strings.HasPrefix(key, "account="):
				check(t, key, w.shared[1], all)
			default:
				checkContacts(t, key, w.shared[2], all)
			}
		}
	})
}

func (w *world) step(t *rapid.T, i uint64) {
	process := rapid.IntRange(0, 1).Draw(t, "process")
	call := engine.LimitedCall{
		Account: fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "account")), Friend: fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "friend")),
		Effect: workflows.EffectMessage, Seed: i, Contact: rapid.SampledFrom([]string{"", "a", "b", "c", "d"}).Draw(t, "contact"),
		Priority: rapid.IntRange(0, 1).Draw(t, "priority"),
	}
	now := w.now.Add(w.skew[process])
	switch rapid.IntRange(0, 12).Draw(t, "what") {
	case 0:
		w.boot(process)
	case 1, 2:
		w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "passes")))
	case 3:
		w.now = w.now.Add(-time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "back")))
	case 4:
		until := now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "hold")))
		require.NoError(t, w.processes[process].Hold(context.Background(), call, nil, until))
	case 5:
		w.now = w.now.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "days")))
	case 6, 7:
		call.Earliest = nights
		fallthrough
	case 8:
		if rapid.Bool().Draw(t, "deadline") {
			call.Until = now.Add(time.Duration(rapid.Int64Range(0, int64(26*time.Hour)).Draw(t, "until")))
		}
		fallthrough
	default:
		w.call(t, process, call)
	}
}

// call reserves, after it has asked without taking anything: that must not change the answer.
func (w *world) call(t *rapid.T, process int, call engine.LimitedCall) {
	now := w.now.Add(w.skew[process])
	peek := call
	peek.Peek = true
	want, wantErr := w.processes[process].Reserve(context.Background(), peek, nil)
	slot, err := w.processes[process].Reserve(context.Background(), call, nil)
	require.Equal(t, wantErr, err)
	require.Equal(t, want, slot)
	if late := (*engine.LateError)(nil); errors.As(err, &late) {
		require.True(t, late.At.After(call.Until))
		return
	}
	if capped := (*engine.CapError)(nil); errors.As(err, &capped) {
		require.True(t, capped.Until.After(now))
		require.Equal(t, workflows.OverSkip, w.shared[2].Over)
		return
	}
	require.NoError(t, err)
	require.False(t, slot.At.Before(now), "never in the past")
	require.True(t, call.Until.IsZero() || !slot.At.After(call.Until))
	require.True(t, call.Earliest == nil || call.Earliest(slot.At).Equal(slot.At))
	if slot.Cap {
		require.Equal(t, workflows.OverHold, w.shared[2].Over)
		return
	}
	for _, key := range []string{"tenant=", "account=" + call.Account, "customer=" + call.Friend} {
		w.slots[key] = append(w.slots[key], granted{slot.At, call.Seed, call.Contact})
	}
}

// checkContacts fails where a contact began within a span that was full: spans are told by their start.
func checkContacts(t *rapid.T, key string, limit *workflows.Limit, all []granted) {
	begun := map[string]bool{}
	for i, g := range all {
		name := cmp.Or(g.contact, fmt.Sprint("call ", i))
		if begun[name] {
			continue
		}
		begun[name] = true
		starts := []time.Time{g.at}
		for _, other := range all[:i] {
			if other.at.After(g.at.Add(-limit.Per)) && other.at.Before(g.at) {
				starts = append(starts, other.at)
			}
		}
		for _, from := range starts {
			others := map[string]bool{}
			for j, other := range all[:i] {
				if !other.at.Before(from) && other.at.Before(from.Add(limit.Per)) {
					others[cmp.Or(other.contact, fmt.Sprint("call ", j))] = true
				}
			}
			require.Less(t, len(others), limit.Max, "%s: call %d at %v, in the span from %v: %v", key, i, g.at, from, all)
		}
	}
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
	if rapid.IntRange(0, 3).Draw(t, "rests") == 0 {
		limit.RestAfter = rapid.IntRange(1, 5).Draw(t, "after")
		limit.RestMin = time.Duration(rapid.Int64Range(1, int64(10*time.Minute)).Draw(t, "rest min"))
		limit.RestMax = limit.RestMin + time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "rest more"))
	}
	if rapid.IntRange(0, 3).Draw(t, "warms") == 0 {
		limit.WarmUp = rapid.SliceOfN(rapid.IntRange(1, 9), 1, 3).Draw(t, "warm-up")
		slices.Sort(limit.WarmUp)
	}
	return limit
}

// check fails where the instants of one bucket break its limit.
func check(t *rapid.T, key string, limit *workflows.Limit, all []granted) {
	p := paceOf(limit)
	l := New(Config{Store: NewMemoryStore()})
	bucket := l.bucket(l.rule(limit), []byte(key))
	slices.SortFunc(all, func(a, b granted) int {
		// A gap may be nothing: of two calls at one instant, that one comes first.
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(p.gap(a.seed, bucket.hash), p.gap(b.seed, bucket.hash)))
	})
	hours, days := map[time.Time]int{}, map[time.Time]int{}
	arrival, spell := int64(0), 0
	for i, g := range all {
		at := g.at.UnixNano()
		require.GreaterOrEqual(t, at, arrival-p.credit, "%s: call %d of %v comes too early: %v", key, i, limit.Rate, all)
		arrival = max(arrival, at) + p.interval
		if i > 0 {
			least := time.Duration(p.gap(all[i-1].seed, bucket.hash))
			require.GreaterOrEqual(t, g.at.Sub(all[i-1].at), least, "%s: the gap before call %d", key, i)
		}
		if spell++; i > 0 && g.at.Sub(all[i-1].at) >= limit.RestMin {
			spell = 1
		}
		require.True(t, limit.RestAfter == 0 || spell <= limit.RestAfter, "%s: call %d comes without a rest: %v", key, i, all)
		hours[g.at.Truncate(time.Hour)]++
		days[g.at.Truncate(24*time.Hour)]++
	}
	for window, n := range hours {
		require.True(t, limit.Hourly == 0 || n <= limit.Hourly, "%s: %d calls in the hour of %v", key, n, window)
	}
	for window, n := range days {
		require.True(t, limit.Daily == 0 || n <= limit.Daily, "%s: %d calls on the day of %v", key, n, window)
	}
	used := slices.SortedFunc(maps.Keys(days), time.Time.Compare)
	for i, most := range limit.WarmUp {
		require.True(t, i >= len(used) || days[used[i]] <= most, "%s: day %d of use, %v", key, i+1, all)
	}
}
