package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The wait stays within its bounds, fills the whole span between them, and doubles its ceiling.
func TestFullJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policy{min: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "min"))}
		p.max = p.min + time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "more"))
		attempts := rapid.IntRange(1, 100).Draw(t, "attempts")
		now := time.Unix(0, 0)
		at, again := p.next(now, attempts, rand.Int64N)
		require.True(t, again)
		require.GreaterOrEqual(t, at.Sub(now), p.min)
		require.LessOrEqual(t, at.Sub(now), p.max)
	})
	p, now := policy{attempts: 5, min: time.Second, max: 30 * time.Second}, time.Unix(0, 0)
	for attempts, ceiling := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second} {
		least, most := time.Hour, time.Duration(0)
		for range 2000 { // the chance that a tenth of the span is never hit is below 1 in 10^90
			at, _ := p.next(now, attempts, rand.Int64N)
			least, most = min(least, at.Sub(now)), max(most, at.Sub(now))
		}
		span := ceiling - p.min
		require.Less(t, least, p.min+span/10, "also the first repetition")
		require.Greater(t, most, ceiling-span/10)
		require.LessOrEqual(t, most, ceiling)
	}
	_, again := p.next(now, 5, rand.Int64N)
	require.False(t, again)
}
