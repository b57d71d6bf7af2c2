package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/ledger"
)

// The last failure of a channel is kept until it delivers.
func TestWhyChannelsDoNotDeliver(t *testing.T) {
	l := open(t, newPath(t))
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	note := func(channel, problem string) {
		t.Helper()
		require.NoError(t, l.NoteChannel(t.Context(), channel, at, problem))
		at = at.Add(time.Minute)
	}
	note("ops", "refused: no")
	note("boss", "HTTP 503")
	note("ops", "refused: never")
	note("well", "")
	failures, err := l.ChannelFailures(t.Context())
	require.NoError(t, err)
	require.Len(t, failures, 2)
	require.Equal(t, ledger.ChannelFailure{Channel: "boss", At: at.Add(-3 * time.Minute), Message: "HTTP 503"}, failures[0])
	require.Equal(t, ledger.ChannelFailure{Channel: "ops", At: at.Add(-2 * time.Minute), Message: "refused: never"}, failures[1])
	note("ops", "")
	failures, err = l.ChannelFailures(t.Context())
	require.NoError(t, err)
	require.Len(t, failures, 1)
}
