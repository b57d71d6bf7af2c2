package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A run that was stopped with Ctrl-C has not been left by anybody. One whose process died has, and that is said once.
func TestOnlyWhatWasLeftIsSaidToBe(t *testing.T) {
	t.Parallel()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	c.write("youmiflow.yaml", connectionTo(""))
	require.NoError(t, os.Mkdir(filepath.Join(c.dir, "workflows"), 0o700))
	for _, name := range []string{"stopped", "left"} {
		c.write(filepath.Join("workflows", name+".yaml"), slowly(name, "135380"))
	}
	c.write("hello.yaml", "name: hello\nsteps: [{ uses: log, with: { message: hi } }]\n")
	begun := func(name string) *process {
		p := c.begin("run", filepath.Join("workflows", name+".yaml"), "--sandbox")
		require.Eventually(t, func() bool { return c.run(name).Counts.Succeeded > 0 }, soon, 20*time.Millisecond)
		return p
	}
	said := func() int {
		p := c.begin("run", "hello.yaml", "--sandbox")
		require.Zero(t, p.wait(soon), p.err)
		return strings.Count(p.err.String(), "was left by a process that has ended")
	}

	p := begun("stopped")
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, p.wait(orderly), p.err)
	require.Equal(t, "paused", c.run("stopped").Status)
	require.Zero(t, said(), "it was stopped in order")

	require.True(t, begun("left").kill(0))
	require.Equal(t, []int{1, 0}, []int{said(), said()})
	require.Equal(t, "paused", c.run("left").Status)
}
