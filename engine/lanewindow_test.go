package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever a lane hears: it has at least one item open and at most its width, grows only behind items that hardly waited, and
// has one open once each would wait for an hour.
func TestALaneHasAsManyOpenAsItMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		o := opening{size: 1, width: rapid.IntRange(1, 64).Draw(t, "width")}
		for range rapid.IntRange(0, 60).Draw(t, "items") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "later")))
			item := lap{
				began:  now.Add(-time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "age"))),
				busy:   time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "busy")),
				waited: time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "waited")),
			}
			before := o
			if rapid.Bool().Draw(t, "ends") {
				o.ended(item)
				require.GreaterOrEqual(t, o.size, before.size)
				if item.waited > hardly {
					require.Equal(t, before.size, o.size)
				}
				if before.limited {
					require.LessOrEqual(t, o.size, before.size+max(1, before.size/4))
				}
			} else {
				o.waits(now, rapid.IntRange(1, 64).Draw(t, "open"), item)
				require.LessOrEqual(t, o.size, before.size)
				if item.waited <= hardly {
					require.Equal(t, before, o)
				}
			}
			require.Positive(t, o.size)
			require.LessOrEqual(t, o.size, o.width)
		}
		o.waits(now, o.size, lap{began: now.Add(-time.Minute), busy: time.Second, waited: time.Hour})
		require.Equal(t, 1, o.size)
	})
}

// A lane remembers between its slices what its limits let through, and nothing where none binds.
func TestALaneRemembersWhatItMayHaveOpen(t *testing.T) {
	active := &activeRun{}
	lane := LaneKey{Run: "r", Step: "s", Lane: "1"}
	active.keepOpening(lane, opening{size: 16, width: 32})
	require.Equal(t, opening{size: 1, width: 32}, active.openingOf(lane, 32))
	active.keepOpening(lane, opening{size: 4, width: 32, limited: true, calm: 3, busy: time.Second})
	require.Equal(t, opening{size: 4, width: 32, limited: true, busy: time.Second}, active.openingOf(lane, 32))
	active.keepOpening(lane, opening{size: 1, width: 32, limited: true})
	require.Empty(t, active.openings)
}
