package limit

import (
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

func TestRestAfterSoManyCalls(t *testing.T) {
	limit := &workflows.Limit{Name: "account", Rate: perMinute(60), RestAfter: 3, RestMin: time.Minute, RestMax: time.Minute}
	l, c := fixture(limit)
	s, m := time.Second, time.Minute
	require.Equal(t, []time.Duration{0, s, 2 * s, m + 2*s, m + 3*s, m + 4*s, 2*m + 4*s}, reserve(t, l, "a", 7))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	c.add(2*m + 6*s)
	require.Equal(t, []time.Duration{2*m + 6*s, 2*m + 7*s, 3*m + 7*s}, reserve(t, again, "a", 3), "a restart goes on counting")
	c.add(3 * m)
	require.Equal(t, []time.Duration{5*m + 6*s, 5*m + 7*s, 5*m + 8*s, 6*m + 8*s}, reserve(t, again, "a", 4), "a pause that came by itself is one")
	require.Equal(t, []time.Duration{6*m + 9*s, 6*m + 10*s, 7*m + 10*s}, reserve(t, l, "a", 3), "all processes together")
}

func TestRestIsDrawnAndTheSameEverywhere(t *testing.T) {
	limit := &workflows.Limit{Name: "account", RestAfter: 1, RestMin: 2 * time.Minute, RestMax: 5 * time.Minute}
	l, _ := fixture(limit)
	offsets := reserve(t, l, "a", 200)
	shortest, longest := time.Hour, time.Duration(0)
	for i, at := range offsets[1:] {
		pause := at - offsets[i]
		shortest, longest = min(shortest, pause), max(longest, pause)
	}
	require.GreaterOrEqual(t, shortest, 2*time.Minute)
	require.Less(t, shortest, 2*time.Minute+10*time.Second, "drawn evenly")
	require.LessOrEqual(t, longest, 5*time.Minute+time.Millisecond)
	require.Greater(t, longest, 5*time.Minute-10*time.Second, "drawn evenly")
	again, _ := fixture(limit)
	require.Equal(t, offsets, reserve(t, again, "a", 200))
}

func TestRestOfCallsThatDoNotComeInOrder(t *testing.T) {
	limit := &workflows.Limit{Name: "account", RestAfter: 2, RestMin: time.Minute, RestMax: time.Minute}
	l, c := fixture(limit)
	at := func(d time.Duration) string {
		return ask(t, l, engine.LimitedCall{Earliest: func(at time.Time) time.Time {
			if earliest := start.Add(d); at.Before(earliest) {
				return earliest
			}
			return at
		}})
	}
	require.Equal(t, "1h0m0s", at(hour))
	require.Equal(t, "1h0m30s", at(hour+30*time.Second))
	require.Equal(t, "0s", at(0))
	require.Equal(t, "10s", at(10*time.Second))
	require.Equal(t, "account puts off to 1m10s", at(20*time.Second))
	require.Equal(t, "1h2m20s", at(hour+140*time.Second))
	require.Equal(t, "1h1m30s", at(hour-10*time.Second), "close to a row that is full it has to rest")
	c.add(2 * hour)
	require.Equal(t, "2h0m0s", at(0))
}

// A process whose clock is ahead forgets what is over for it. For one that is behind it is not.
func TestWhatIsForgottenStillHoldsForClocksThatAreBehind(t *testing.T) {
	r := rest{after: 1, least: 60_000 * grain, longer: 60_000 * grain}
	var s spells
	r.add(&s, 0, 0, 60_000*grain)
	r.add(&s, 100_000*grain, 100_000*grain, 60_000*grain)
	require.Len(t, s.list, 1)
	at, _, _ := r.admit(&s, 30_000*grain)
	require.Equal(t, 160_000*grain, at)
	s.list = nil
	at, _, _ = r.admit(&s, 30_000*grain)
	require.Equal(t, 60_000*grain, at)
}

func TestManySpellsAreMergedToTheSafeSide(t *testing.T) {
	r := rest{after: 5, least: 100 * grain, longer: 200 * grain}
	var s spells
	for i := range int64(100) {
		r.add(&s, i*1000*grain, 0, 150*grain)
	}
	require.Len(t, s.list, mostSpells)
	text := s.append(nil)
	require.Less(t, len(text), 16*mostSpells)
	var again spells
	require.NoError(t, again.read(text))
	require.Equal(t, s, again)
	require.Equal(t, 5, s.list[0].calls)
	at, _, _ := r.admit(&s, 500*grain)
	require.Greater(t, at, s.list[0].to, "within what was merged there is no room")
}

func TestWarmUpCapsTheFirstDaysOfUse(t *testing.T) {
	shanghai := time.FixedZone("Asia/Shanghai", 8*3600) // start is 18:00:30 there
	c := &clock{at: start}
	l := New(Config{Store: NewMemoryStore(), Location: shanghai, Now: c.now, Shared: []*workflows.Limit{
		{Name: "account", By: program(t, "call.account", expression.String), WarmUp: []int{1, 2, 9}, Daily: 4},
	}})
	midnight := 6*hour - 30*time.Second
	require.Equal(t, []time.Duration{0, midnight, midnight, midnight + day, midnight + day, midnight + day, midnight + day, midnight + 2*day},
		reserve(t, l, "a", 8), "one, two, then no more than daily allows")
	c.add(5 * day)
	require.Equal(t, []time.Duration{5 * day, midnight + 5*day, midnight + 5*day, midnight + 6*day}, reserve(t, l, "b", 4), "each account has its own days")
	again := New(Config{Store: l.config.Store, Location: shanghai, Shared: l.config.Shared, Now: c.now})
	c.add(3 * day)
	require.Equal(t, []time.Duration{8 * day, 8 * day, 8 * day, 8 * day, midnight + 8*day}, reserve(t, again, "b", 5), "days without use do not count, and a restart forgets none")
}

func TestWarmUpEndsWhereNothingElseLimitsTheDay(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "account", WarmUp: []int{1}})
	midnight := 14*hour - 30*time.Second
	require.Equal(t, []time.Duration{0, midnight, midnight, midnight}, reserve(t, l, "a", 4))
}

// A day is used by a call that leaves on it: one that was only tried does not warm anything up.
func TestWarmUpDoesNotCountADayOnWhichNothingLeft(t *testing.T) {
	c := &clock{at: start.Truncate(day).Add(day - 30*time.Second)}
	byAccount := program(t, "call.account", expression.String)
	l := New(Config{Store: NewMemoryStore(), Now: c.now, Shared: []*workflows.Limit{
		{Name: "account", By: byAccount, WarmUp: []int{1, 2}},
		{Name: "tenant", Rate: perMinute(1)},
	}})
	reserve(t, l, "b", 1)
	require.Equal(t, "tenant puts off to 14h0m0s", ask(t, l, engine.LimitedCall{Account: "a"}))
	require.Equal(t, []int64{20261112}, l.buckets["account=a"].warm.days)
}

func TestPeekTakesNothing(t *testing.T) {
	store := &countingStore{MemoryStore: NewMemoryStore()}
	l := New(Config{Store: store, Now: func() time.Time { return start }, Shared: []*workflows.Limit{
		{Name: "account", Rate: perMinute(1), GapMin: time.Second, GapMax: 2 * time.Second, Hourly: 2, Daily: 3, WarmUp: []int{3}, RestAfter: 2, RestMin: time.Hour, RestMax: time.Hour},
		{Name: "tenant", Rate: perSecond(1)},
		customers(t, 2, 7*day, workflows.OverSkip),
	}})
	for i, want := range []string{"0s", "account puts off to 1m0s", "customer skips until 168h0m0s"} {
		call := message("x", fmt.Sprint(i))
		call.Peek = true
		for range 3 {
			require.Equal(t, want, ask(t, l, call))
		}
		before := store.updates
		require.Equal(t, want, ask(t, l, call))
		require.Equal(t, before, store.updates, "nor is anything written")
		call.Peek = false
		require.Equal(t, want, ask(t, l, call))
	}
	call := message("y", "")
	call.Peek = true
	require.Equal(t, "account puts off to 1h1m0s", ask(t, l, call))
}

// In Berlin 2026-03-29 has 23 hours and 2026-10-25 has 25, of which the one from 2 to 3 comes twice.
func TestDaysAndHoursOnWhichTheClockChanges(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(now time.Time, limit *workflows.Limit, n int) []string {
		l := New(Config{Store: NewMemoryStore(), Location: berlin, Shared: []*workflows.Limit{limit}, Now: func() time.Time { return now }})
		var got []string
		for range n {
			slot, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
			require.NoError(t, err)
			got = append(got, slot.At.In(berlin).Format("02 15:04 MST"))
		}
		return got
	}
	daily, hourly := &workflows.Limit{Name: "day", Daily: 1}, &workflows.Limit{Name: "hour", Hourly: 1}
	spring, autumn := time.Date(2026, 3, 28, 22, 30, 0, 0, berlin), time.Date(2026, 10, 24, 22, 30, 0, 0, berlin)
	require.Equal(t, []string{"28 22:30 CET", "29 00:00 CET", "30 00:00 CEST"}, at(spring, daily, 3))
	require.Equal(t, []string{"24 22:30 CEST", "25 00:00 CEST", "26 00:00 CET"}, at(autumn, daily, 3))
	require.Equal(t, []string{"28 22:30 CET", "28 23:00 CET", "29 00:00 CET", "29 01:00 CET", "29 03:00 CEST", "29 04:00 CEST"}, at(spring, hourly, 6))
	require.Equal(t, []string{"24 22:30 CEST", "24 23:00 CEST", "25 00:00 CEST", "25 01:00 CEST", "25 02:00 CEST", "25 02:00 CET", "25 03:00 CET"}, at(autumn, hourly, 7))
}

// Calls come in any order, far apart and close together, and what is merged stays on the safe side.
func TestRestKeepsRowsShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rest{after: rapid.IntRange(1, 4).Draw(t, "after"), least: 60 * grain, longer: rapid.Int64Range(60, 120).Draw(t, "longer") * grain}
		var s spells
		var all []int64
		span := rapid.SampledFrom([]int64{1000, 10_000, 100_000}).Draw(t, "span")
		for range rapid.IntRange(1, 150).Draw(t, "calls") {
			at, _, _ := r.admit(&s, rapid.Int64Range(0, span).Draw(t, "at")*grain)
			r.add(&s, at, 0, rapid.Int64Range(r.least/grain, r.longer/grain).Draw(t, "pause")*grain)
			all = append(all, at)
			var again spells
			require.NoError(t, again.read(s.append(nil)))
			require.Equal(t, s, again)
		}
		slices.Sort(all)
		row := 0
		for i, at := range all {
			if row++; i > 0 && at-all[i-1] >= r.least {
				row = 1
			}
			require.LessOrEqual(t, row, r.after, "call %d of %v", i, all)
		}
	})
}
