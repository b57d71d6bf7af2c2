package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A service of River that fails ten times a second, for an hour, takes sixty lines of the log, which say how often it was.
func TestALogIsNotFilledByWhatGoesOnFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		river := slog.New(newWarnings(slog.NewTextHandler(&log, nil)))
		for range 36000 {
			river.With("service", "producer").Error("Error fetching jobs", "error", errors.New("disk is full"))
			river.Info("nobody wants to know")
			time.Sleep(100 * time.Millisecond)
		}
		river.Warn("Something else")
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 61)
		require.NotContains(t, lines[0], "repeated")
		for _, line := range lines[1:60] {
			require.Contains(t, line, `msg="Error fetching jobs" service=producer error="disk is full" repeated=599`)
		}
		require.Contains(t, lines[60], `msg="Something else"`)
	})
}

// However many messages there are, those that are known stay bounded.
func TestMessagesThatAreKnownAreBounded(t *testing.T) {
	known := &said{last: map[string]*once{}}
	for i := range 10 * mostSaid {
		_, pass := known.pass(fmt.Sprint(i), time.Now())
		require.True(t, pass)
		require.LessOrEqual(t, len(known.last), mostSaid)
	}
}
