package youmi

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePlatformsTime(t *testing.T) {
	const date = "Thu, 19 Dec 2024 09:22:24 GMT"
	halfPast := time.Date(2024, 12, 19, 9, 22, 24, 500_000_000, time.UTC)
	for _, test := range []struct {
		name, date, msgTime string
		want                time.Time // zero: unknown
	}{
		{"an offset is believed", date, "2024-12-19T17:00:00.5+08:00", time.Date(2024, 12, 19, 9, 0, 0, 500_000_000, time.UTC)},
		{"so is UTC", date, "2024-12-19T09:00:00Z", time.Date(2024, 12, 19, 9, 0, 0, 0, time.UTC)},
		{"without one the header is better", date, "2024-12-19T17:00:00", halfPast},
		{"nor does a date with hyphens have one", date, "2024-12-19 17:00:00", halfPast},
		{"braces", date, "{2018/5/11 14:47:48}", halfPast},
		{"an unreadable text", date, "string", halfPast},
		{"no header: taken to be +08:00", "", "2018/5/11 14:32:40", time.Date(2018, 5, 11, 6, 32, 40, 0, time.UTC)},
		{"an unreadable header", "yesterday", "2018/5/11 14:32:40", time.Date(2018, 5, 11, 6, 32, 40, 0, time.UTC)},
		{"nothing", "", "", time.Time{}},
	} {
		at, known := platformTime(test.date, test.msgTime)
		require.Equal(t, !test.want.IsZero(), known, test.name)
		require.True(t, test.want.Equal(at), "%s: %s", test.name, at)
	}
}

func TestTheSkewIsMeasuredFromTheMiddleOfACall(t *testing.T) {
	c := newClock(time.Now)
	sent := time.Date(2024, 12, 19, 9, 0, 0, 0, time.UTC)
	require.False(t, c.correct(0), "nothing is known yet")
	c.measure(http.Header{}, "", sent, sent)
	require.False(t, c.seen.Load())
	c.measure(http.Header{}, "2024-12-19T17:11:02+08:00", sent, sent.Add(4*time.Second))
	require.Equal(t, 11*time.Minute, time.Duration(c.skew.Load()))
	require.True(t, c.correct(0))
	_, offset := c.now()
	require.Equal(t, 11*time.Minute, offset)
	require.False(t, c.correct(offset), "it went by the platform's clock already")
	require.True(t, c.correct(0), "a call that began before the correction is made again all the same")
}
