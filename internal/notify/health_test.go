package notify

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// records are what a handler wrote, a record each.
type records chan string

func (r records) Write(record []byte) (int, error) {
	r <- string(record)
	return len(record), nil
}

// The first failure of a channel is logged at once, and so is that it delivers again; whoever keeps how channels are hears of each
// failure.
func TestWhetherAChannelDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := make(records, 8)
		heard := make(chan string, 8)
		refused := &Refused{"no"}
		team := &recorder{fail: []error{errors.New("HTTP 503"), errors.New("HTTP 503"), nil, nil, refused}}
		n := New(t.Context(), Config{Channels: map[string]Channel{"team": team}, Rules: []Rule{{On: Ons(), To: []string{"team"}}},
			Logger: slog.New(slog.NewTextHandler(logged, nil)), Health: func(name string, err error) { heard <- fmt.Sprint(name, " ", err) }})
		n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: "1"})
		synctest.Wait()
		require.Len(t, heard, 1, "before it is tried again")
		require.Contains(t, <-logged, `msg="a channel does not deliver; until it does, people are not told through it" channel=team error="HTTP 503"`)
		time.Sleep(time.Minute)
		for _, run := range []string{"2", "3", "4"} {
			n.Tell(Occasion{On: RunFailed, Workflow: "a", Run: run})
			time.Sleep(time.Minute)
		}
		require.NoError(t, n.Close(t.Context()))
		for _, want := range []string{"team HTTP 503", "team HTTP 503", "team <nil>", "team refused: no", "team <nil>"} {
			require.Equal(t, want, <-heard)
		}
		require.Empty(t, heard)
		for _, want := range []string{"delivers again", "does not deliver", "was not delivered", "delivers again"} {
			require.Contains(t, <-logged, want)
		}
		require.Empty(t, logged)
	})
}
