package cli

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever is told that a stop took too long is told what that means, not what the program waited for.
func TestAStopThatWasLate(t *testing.T) {
	late := inTime(fmt.Errorf("22 lanes are still being worked on: %w", context.DeadlineExceeded))
	require.ErrorIs(t, late, context.DeadlineExceeded)
	require.Equal(t, exitFailed, exitCode(late))
	other := fmt.Errorf("the disk is full")
	require.Equal(t, other, inTime(other))
	require.NoError(t, inTime(nil))

	for _, format := range []string{"json", "text"} {
		var said bytes.Buffer
		a := &app{Environment: Environment{Stderr: &said}, log: logFlags{format: format, level: "info"}}
		a.complain(late)
		require.Contains(t, said.String(), "the stop took longer than the 16s that it has")
		require.Contains(t, said.String(), "settled when the daemon is started again")
		require.NotContains(t, said.String(), "it cannot go on")
		require.NotContains(t, said.String(), "lanes")
		require.NotContains(t, said.String(), "deadline")
	}
}

func TestWhatIsHeldStillIsAWarning(t *testing.T) {
	var said bytes.Buffer
	a := &app{Environment: Environment{Stderr: &said}, log: logFlags{format: "json", level: "info"}}
	a.sayUnparted(0)
	require.Empty(t, said.String())
	a.sayUnparted(3)
	require.Contains(t, said.String(), `"level":"WARN","msg":"3 conversations could not be handed back in time`)
}
