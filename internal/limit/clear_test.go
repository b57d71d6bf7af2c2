package limit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

func TestAClockThatRanAheadIsForgotten(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	limits := []*workflows.Limit{{Name: "account", Rate: workflows.Rate{Count: 1, Per: time.Second}, Burst: 1}}
	l := New(Config{Store: NewMemoryStore(), Shared: limits, Now: func() time.Time { return now }})
	now = now.AddDate(0, 1, 0)
	_, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
	require.NoError(t, err)
	require.NoError(t, l.Hold(t.Context(), engine.LimitedCall{}, nil, now.Add(time.Hour)))
	now = now.AddDate(0, -1, 0)
	slot, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
	require.NoError(t, err)
	require.Greater(t, slot.At.Sub(now), 24*time.Hour, "what was passed over is not given again")
	require.NoError(t, l.Clear(t.Context(), engine.LimitedCall{}, nil))
	slot, err = l.Reserve(t.Context(), engine.LimitedCall{}, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, slot.At.Sub(now), 2*time.Second)
}
