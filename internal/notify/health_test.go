package notify

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

// The first failure of a channel is logged at once, and so is that it delivers again; whoever keeps how channels are hears of each
// failure.
func TestWhetherAChannelDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var heard []string
		refused := &Refused{"no"}
		team := &recorder{fail: []error{errors.New("HTTP 503"), errors.New("HTTP 503"), nil, nil, refused}}
		n := New(t.Context(), Config{Channels: map[string]Channel{"team": team}, Rules: []Rule{{On: Ons(), To: []string{"team"}}},
			Logger: slog.New(slog.NewTextHandler(&log, nil)), Health: func(name string, err error) { heard = append(heard, fmt.Sprint(name, " ", err)) }})
		n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: "1"})
		synctest.Wait()
		require.Equal(t, []string{"team HTTP 503"}, heard, "before it is tried again")
		require.Contains(t, log.String(), `msg="a channel does not deliver; until it does, people are not told through it" channel=team error="HTTP 503"`)
		time.Sleep(time.Minute)
		for _, run := range []string{"2", "3", "4"} {
			n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: run})
			time.Sleep(time.Minute)
		}
		require.NoError(t, n.Close(t.Context()))
		require.Equal(t, []string{"team HTTP 503", "team HTTP 503", "team <nil>", "team refused: no", "team <nil>"}, heard)
		require.Equal(t, 2, strings.Count(log.String(), "does not deliver"))
		require.Equal(t, 2, strings.Count(log.String(), "delivers again"))
	})
}
