package rehearsal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimesAreAsExactAsTheyAreWritten(t *testing.T) {
	at := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04:05.000 -07:00", text+" +08:00")
		require.NoError(t, err)
		return at
	}
	for _, test := range []struct {
		text string
		yes  []string
		not  []string
	}{
		{"10:00:02", []string{"2026-11-11 10:00:02.000", "2026-11-11 10:00:02.999"}, []string{"2026-11-11 10:00:01.999", "2026-11-11 10:00:03.000", "2026-11-12 10:00:02.000"}},
		{"10:00", []string{"2026-11-11 10:00:00.000", "2026-11-11 10:00:59.999"}, []string{"2026-11-11 10:01:00.000"}},
		{"10:00:02.5", []string{"2026-11-11 10:00:02.500"}, []string{"2026-11-11 10:00:02.501", "2026-11-11 10:00:02.499"}},
		{"09:00", []string{"2026-11-12 09:00:30.000"}, []string{"2026-11-11 09:00:30.000"}}, // the next one
		{"90s", []string{"2026-11-11 10:01:30.100"}, []string{"2026-11-11 10:01:31.000"}},
		{"+2d", []string{"2026-11-13 10:00:00.000"}, []string{"2026-11-11 10:00:00.000"}},
		{"1500ms", []string{"2026-11-11 10:00:01.500"}, []string{"2026-11-11 10:00:01.502"}},
		{"2026-11-12 09:00", []string{"2026-11-12 09:00:59.000"}, []string{"2026-11-12 09:01:00.000"}},
		{"2026-11-12T01:00:00Z", []string{"2026-11-12 09:00:00.400"}, []string{"2026-11-12 01:00:00.000"}},
		{"10:00:02 .. 10:00:10", []string{"2026-11-11 10:00:02.000", "2026-11-11 10:00:10.999"}, []string{"2026-11-11 10:00:11.000"}},
		{"2s..1m", []string{"2026-11-11 10:01:00.000"}, []string{"2026-11-11 10:00:01.000"}},
	} {
		w, err := parseWhen(test.text, start())
		require.NoError(t, err, test.text)
		for _, yes := range test.yes {
			require.True(t, w.agrees(at(yes)), "%s is %s", yes, test.text)
		}
		for _, not := range test.not {
			require.False(t, w.agrees(at(not)), "%s is not %s", not, test.text)
		}
	}
	for _, text := range []string{"10:05..10:01", "noon", "", "10:00..", "25:00", "-2h"} {
		_, err := parseWhen(text, start())
		require.Error(t, err, text)
	}
}

// Where the project's zone has the offset that a clock was written with, it is that zone: clock changes count then.
func TestAClockIsInTheProjectsZone(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	for text, zone := range map[string]string{"2026-11-11T10:00:00+08:00": "Asia/Shanghai", "2026-11-11 10:00": "Asia/Shanghai", "2026-11-11T10:00:00+01:00": ""} {
		at, _, err := parseClock(text, shanghai)
		require.NoError(t, err)
		require.Equal(t, zone, at.Location().String(), text)
	}
}
