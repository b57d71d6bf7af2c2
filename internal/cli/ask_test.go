//go:build unix

package cli_test

import (
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// seated starts the command at a terminal of its own, where a person sits: what that shows is in err.
func (c *campaign) seated(arguments ...string) (*process, *os.File) {
	c.t.Helper()
	p := &process{t: c.t, command: exec.Command("youmiflow", arguments...), out: newBuffer(), err: newBuffer(), done: make(chan struct{})}
	p.command.Dir, p.command.Env = c.dir, append(os.Environ(), "NO_PROXY=*")
	terminal, err := pty.Start(p.command)
	require.NoError(c.t, err)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		_, _ = io.Copy(p.err, terminal) // it ends with an error when the process lets go of the terminal
	}()
	go func() {
		defer close(p.done)
		_ = p.command.Wait() // the exit code is looked at by whoever waits
	}()
	c.t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.done
		_ = terminal.Close()
		<-shown
	})
	return p, terminal
}

func types(t *testing.T, terminal *os.File, text string) {
	t.Helper()
	_, err := terminal.WriteString(text)
	require.NoError(t, err)
}

// Whoever starts a run at a terminal is asked right there, and is on record.
func TestAPersonIsAskedAtTheTerminal(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := newCampaign(t, 400, box.url)
	c.write("asks.yaml", asksFirst)
	p, terminal := c.seated("run", "asks.yaml")
	p.sees("the run waits for a person: Send it? (until ")
	p.sees("then it counts as rejected)")
	p.sees("approve? type y or n")
	types(t, terminal, "perhaps\n")
	p.sees(`"perhaps" is neither y nor n`)
	types(t, terminal, "Y\n")
	p.sees("Send it?: approved by ")
	require.Zero(t, p.wait(soon), p.err)
	require.EqualValues(t, 1, box.Stats().Deliveries)
	require.Equal(t, "succeeded", c.show("last").Status)
}

func TestAPersonSaysNoAtTheTerminal(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, 400, startPlatform(t).url)
	c.write("asks.yaml", asksFirst)
	p, terminal := c.seated("run", "asks.yaml")
	p.sees("approve? type y or n")
	types(t, terminal, "no\n")
	p.sees("Send it?: rejected by ")
	require.Equal(t, 1, p.wait(soon), p.err)
}

// Ctrl-C leaves the question open, also for another terminal; and so does the end of the input.
func TestAQuestionOutlivesTheTerminal(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, 400, startPlatform(t).url)
	c.write("asks.yaml", asksFirst)
	p, terminal := c.seated("run", "asks.yaml")
	p.sees("approve? type y or n")
	types(t, terminal, "\x03")
	require.Equal(t, 5, p.wait(soon), p.err)
	id := c.runs()[0].ID
	require.Equal(t, "paused", c.show(id).Status)

	p, terminal = c.seated("runs", "resume", id)
	p.sees("approve? type y or n")
	types(t, terminal, "\x04")
	p.sees("yes: youmiflow runs approve " + id + " go")
	decides := c.begin("runs", "approve", id, "--note", "by the way")
	require.Zero(t, decides.wait(soon), decides.err)
	require.Zero(t, p.wait(soon), p.err)
	require.Equal(t, "by the way", c.show(id).Outputs["note"])
}

// One that is answered elsewhere is not waited for here.
func TestAQuestionIsAnsweredElsewhere(t *testing.T) {
	t.Parallel()
	c := newCampaign(t, 400, startPlatform(t).url)
	c.write("asks.yaml", `
steps:
  - id: one
    approve: First?
  - id: two
    approve: Second?
`)
	p, terminal := c.seated("run", "asks.yaml")
	p.sees("a person: First?")
	decides := c.begin("runs", "approve", "last")
	require.Zero(t, decides.wait(soon), decides.err)
	p.sees("First?: this was decided meanwhile")
	p.sees("a person: Second?")
	types(t, terminal, "y\n")
	p.sees("Second?: approved by ")
	require.Zero(t, p.wait(soon), p.err)
}

// Whoever starts a run at a daemon elsewhere is asked at the terminal all the same.
func TestAPersonIsAskedAboutARunElsewhere(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	daemon.workflow(c, "asks", asksFirst)
	elsewhere := &campaign{t: t, dir: deskOf(t, daemon, apiToken).dir}
	p, terminal := elsewhere.seated("run", "asks", "--server", daemon.url)
	p.sees("the run waits for a person: Send it? (until ")
	p.sees("approve? type y or n (or answer later: youmiflow runs approve|reject key-")
	types(t, terminal, "y\n")
	p.sees("Send it?: approved")
	require.Zero(t, p.wait(soon), p.err)
	require.Equal(t, "succeeded", c.show("last").Status)
	daemon.end()
}
