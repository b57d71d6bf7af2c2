package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// share lets lanes of some priorities ask in turn, each for its next slot when its last has come, for so long, and counts
// the slots of each.
func share(t *testing.T, l *Limiter, c *clock, priorities []int, span time.Duration) []int {
	t.Helper()
	next, got := make([]time.Time, len(priorities)), make([]int, len(priorities))
	end := c.now().Add(span)
	for i := range next {
		next[i] = c.now()
	}
	for {
		soonest := 0
		for i := range next {
			if next[i].Before(next[soonest]) {
				soonest = i
			}
		}
		if !next[soonest].Before(end) {
			c.add(end.Sub(c.now()))
			return got
		}
		c.add(next[soonest].Sub(c.now()))
		slot, err := l.Reserve(t.Context(), engine.LimitedCall{Priority: priorities[soonest], Seed: uint64(c.now().UnixNano())}, nil)
		require.NoError(t, err)
		next[soonest] = slot.At.Add(time.Millisecond)
		got[soonest]++
	}
}

func TestHigherPriorityGoesFirst(t *testing.T) {
	for _, limit := range []*workflows.Limit{
		{Name: "account", Rate: perMinute(60)},
		{Name: "account", Rate: perMinute(60), GapMin: 100 * time.Millisecond, GapMax: 900 * time.Millisecond},
	} {
		l, c := fixture(limit)
		got := share(t, l, c, append([]int{5}, make([]int, 20)...), 10*time.Minute)
		all := 0
		for _, n := range got {
			all += n
		}
		require.InDelta(t, 480, got[0], 25, "four of five, of 600: %v", got)
		require.Greater(t, all, 560, "and little is wasted")

		c.add(2 * time.Minute) // until what the others have by then is over
		got = share(t, l, c, []int{0, 0}, 10*time.Minute)
		require.Greater(t, got[0]+got[1], 590, "once it is over, the others have it all: %v", got)
		require.InDelta(t, got[0], got[1], 10)
	}
}

func TestHigherPriorityThatIsFarAwayKeepsNobodyWaiting(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "account", Rate: perMinute(60)})
	require.Equal(t, "24h0m0s", ask(t, l, engine.LimitedCall{Priority: 1, Earliest: func(time.Time) time.Time { return start.Add(day) }}))
	require.Equal(t, "0s", ask(t, l, engine.LimitedCall{}))
}
