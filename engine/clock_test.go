package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// What is less than an hour away has its seconds, and nothing is told as earlier than it is.
func TestInstantsAreToldAsShortAsTheyAreClear(t *testing.T) {
	china := time.FixedZone("", 8*60*60)
	now := time.Date(2026, 11, 11, 1, 45, 8, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"09:45:10":         now.Add(2 * time.Second),
		"09:45:11":         now.Add(2*time.Second + time.Millisecond),
		"09:46":            now.Add(52 * time.Second),
		"10:45:07":         now.Add(time.Hour - time.Second),
		"10:46":            now.Add(time.Hour),
		"2026-11-12 01:46": now.Add(16 * time.Hour),
		"09:45:08":         now,
	} {
		require.Equal(t, want, engine.ClockText(now, at, china))
	}
	midnight := time.Date(2026, 11, 11, 15, 59, 58, 0, time.UTC)
	require.Equal(t, "2026-11-12 00:00:03", engine.ClockText(midnight, midnight.Add(5*time.Second), china))
}
