package steps

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/notify"
)

// A channel that fails is told in the outputs, and fails nothing.
func TestNotifySendNeverFails(t *testing.T) {
	var got []string
	config := Config{Channels: []string{"team", "ops"}, Notify: func(_ context.Context, channel string, message notify.Message) error {
		got = append(got, channel+": "+message.Text)
		if channel == "ops" {
			return errors.New("channel ops: HTTP 503")
		}
		return nil
	}}
	catalogue, err := New(config)
	require.NoError(t, err)
	outcome := act(t, catalogue, "notify.send", map[string]any{"to": []any{"team", "ops"}, "text": "done"})
	require.Equal(t, engine.Succeeded, outcome.State)
	require.Equal(t, map[string]any{"delivered": false, "problem": "channel ops: HTTP 503"}, outcome.Outputs)
	require.Equal(t, []string{"team: done", "ops: done"}, got)

	outcome = act(t, catalogue, "notify.send", map[string]any{"to": "team", "text": "done"})
	require.Equal(t, true, outcome.Outputs["delivered"])

	_, err = prepare(t, catalogue, "notify.send", map[string]any{"to": "taem", "text": "done"})
	require.ErrorContains(t, err, `no channel "taem"`)

	config.Rehearsal, got = true, nil
	catalogue, err = New(config)
	require.NoError(t, err)
	require.Equal(t, engine.Succeeded, act(t, catalogue, "notify.send", map[string]any{"to": "team", "text": "x"}).State)
	require.Empty(t, got, "a rehearsal tells nobody")
}
