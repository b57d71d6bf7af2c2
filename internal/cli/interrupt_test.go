package cli_test

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// orderly is how long a process may take to stop in order.
const orderly = 15 * time.Second

// resume reads the command by which the process says that it can be resumed.
func (p *process) resume() []string {
	p.t.Helper()
	found := regexp.MustCompile(`resume with: youmiflow (.*)`).FindStringSubmatch(p.err.String())
	require.NotNil(p.t, found, p.err)
	return strings.Fields(found[1])
}

// underway waits until the first items of a run have been worked on.
func (c *campaign) underway(p *process) {
	c.t.Helper()
	p.sees("run 2")
	limit := time.Now().Add(soon)
	for c.runs()[0].Counts.Succeeded == 0 {
		select {
		case <-p.done:
			require.Fail(c.t, "the run ended early", p.err.String())
		case <-time.After(10 * time.Millisecond):
			require.True(c.t, time.Now().Before(limit), p.err.String())
		}
	}
}

// Ctrl-C once: what is in flight is finished and handed back, so that nothing is in doubt; the printed command resumes.
func TestInterruptedOnce(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]os.Signal{"Ctrl-C": os.Interrupt, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := startPlatform(t, "--fault", "doSendPublicMes:slow=30ms")
			c := newCampaign(t, 400, box.url)
			p := c.begin("run", "campaign.yaml", "--output", "json")
			c.underway(p)
			require.NoError(t, p.command.Process.Signal(stop))
			require.Equal(t, 5, p.wait(orderly), p.err)

			run := c.runs()[0]
			require.Equal(t, "paused", run.Status)
			require.Contains(t, p.out.String(), `"status": "paused"`)
			require.NotZero(t, run.Counts.Pending, "it was stopped before the end")
			require.Zero(t, run.Counts.Unknown)
			require.Zero(t, run.Takeovers.Held)
			require.Zero(t, box.Stats().OpenTakeovers)

			last := c.begin(p.resume()...)
			require.Zero(t, last.wait(soon), last.err)
			c.kept(box, c.runs()[0], 0)
		})
	}
}

// Ctrl-C twice leaves at once, as a crash would; a resume loses nothing then either.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=60ms")
	c := newCampaign(t, 400, box.url)
	p := c.begin("run", "campaign.yaml")
	c.underway(p)
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	p.sees("once more leaves at once")
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, p.wait(time.Second), p.err)

	box.faults()
	last := c.begin(p.resume()...)
	code := last.wait(soon)
	run := c.runs()[0]
	require.Equal(t, map[string]int{"succeeded": 0, "partial": 4}[run.Status], code, last.err)
	c.kept(box, run, 2*inFlight)
}
