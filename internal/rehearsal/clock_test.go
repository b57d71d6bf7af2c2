package rehearsal

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// start is when the tests of this package begin.
func start() time.Time {
	return time.Date(2026, 11, 11, 10, 0, 0, 0, time.FixedZone("+08:00", 8*60*60))
}

func TestSleepingTakesNoTimeOfThisMachine(t *testing.T) {
	clock := NewClock(start())
	require.NoError(t, clock.Sleep(t.Context(), time.Hour))
	require.Equal(t, start().Add(time.Hour), clock.Now())
	fired, _ := clock.Timer(24 * time.Hour)
	require.Equal(t, start().Add(25*time.Hour), <-fired)
	clock.Advance(start())
	require.Equal(t, start().Add(25*time.Hour), clock.Now(), "it never goes back")
}

// A context's time is up on this clock: whoever sleeps in it is woken then.
func TestATimeLimitEndsASleep(t *testing.T) {
	clock := NewClock(start())
	outer, cancel := clock.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	inner, cancel := clock.WithTimeout(outer, time.Minute)
	defer cancel()
	require.NoError(t, clock.Sleep(inner, 29*time.Second))
	require.ErrorIs(t, clock.Sleep(inner, time.Hour), context.DeadlineExceeded)
	require.Equal(t, start().Add(30*time.Second), clock.Now(), "the outer limit is the shorter one")
	require.ErrorIs(t, clock.Sleep(outer, 0), context.DeadlineExceeded)
	require.NoError(t, clock.Sleep(t.Context(), 0))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, clock.Sleep(gone, time.Hour), context.Canceled)
	require.Equal(t, start().Add(30*time.Second), clock.Now())
}

func lane(name string) engine.LaneKey { return engine.LaneKey{Run: "r", Step: "s", Lane: name} }

func wake(t *testing.T, lanes *Lanes, key engine.LaneKey, at time.Time) {
	t.Helper()
	committed, err := lanes.Wake(t.Context(), nil, []engine.Wake{{LaneKey: key, At: at}})
	require.NoError(t, err)
	committed()
}

func TestTheLaneThatIsDueFirstIsWorkedOnFirst(t *testing.T) {
	clock := NewClock(start())
	lanes := NewLanes(clock)
	wake(t, lanes, lane("late"), start().Add(time.Hour))
	wake(t, lanes, lane("b"), time.Time{})
	wake(t, lanes, lane("a"), start().Add(-time.Hour))
	wake(t, lanes, lane("late"), start().Add(time.Minute)) // earlier than it was
	wake(t, lanes, lane("late"), start().Add(2*time.Hour)) // no later than it was
	var order []string
	again := start().Add(time.Second)
	for {
		worked, err := lanes.Step(t.Context(), func(_ context.Context, key engine.LaneKey) (*time.Time, error) {
			order = append(order, key.Lane+" "+clock.Now().Sub(start()).String())
			if key.Lane == "a" && clock.Now().Equal(start()) {
				return &again, nil
			}
			return nil, nil
		})
		require.NoError(t, err)
		if !worked {
			break
		}
	}
	require.Equal(t, []string{"a 0s", "b 0s", "a 1s", "late 1m0s"}, order)
	_, due := lanes.Next()
	require.False(t, due)
}

func TestAFailingLaneEndsTheTest(t *testing.T) {
	lanes := NewLanes(NewClock(start()))
	wake(t, lanes, lane("a"), time.Time{})
	worked, err := lanes.Step(t.Context(), func(context.Context, engine.LaneKey) (*time.Time, error) { return nil, context.Canceled })
	require.True(t, worked)
	require.ErrorIs(t, err, context.Canceled)
}
