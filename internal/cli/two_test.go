package cli_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aside is a second campaign of the same project, to other friends.
func (c *campaign) aside() {
	c.write("aside.yaml", `
name: aside
steps:
  - id: all
    foreach: { in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], as: n, key: string(n) }
    steps:
      - id: hold
        uses: takeover.apply
        with: { account: "77", friend: "f${{ n }}", reason: x }
      - uses: message.send
        with: { takeover: "${{ steps.hold.takeover }}", text: hello }
    finally:
      - uses: takeover.end
        with: { takeover: "${{ steps.hold.takeover }}" }
`)
}

func (c *campaign) run(workflow string) runJSON {
	c.t.Helper()
	for _, run := range c.runs() {
		if run.Workflow == workflow {
			return run
		}
	}
	return runJSON{}
}

// A second run on the same ledger is handed to the process that works on it, and is finished there.
func TestSecondProcessHandsItsRunOver(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	c := newCampaign(t, 5, box.url) // some 18 seconds of work
	c.aside()
	first := c.begin("run", "campaign.yaml")
	c.underway(first)
	second := c.begin("run", "aside.yaml")
	second.sees("handed to it")
	require.Zero(t, second.wait(soon), second.err)
	require.Equal(t, "succeeded", c.run("aside").Status)
	require.Equal(t, 10, c.run("aside").Counts.Succeeded)
	require.Equal(t, "running", c.run("double11").Status, "the first still works")
	require.Zero(t, first.wait(soon), first.err)
	require.Equal(t, 1500, c.run("double11").Counts.Succeeded)
	require.Zero(t, box.Stats().Duplicates)
	require.Zero(t, box.Stats().OpenTakeovers)
}

// When the process that does the work is killed, the one that watches takes over: it finishes its own run, and brings
// the dead one's to rest with nothing held.
func TestSecondProcessTakesOverFromADeadOne(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]string{"platform": nil, "sandbox": {"--sandbox", "--fault", "doSendPublicMes:slow=30ms"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := ""
			if options == nil {
				url = startPlatform(t, "--fault", "doSendPublicMes:slow=30ms").url
			}
			c := newCampaign(t, 400, url)
			c.aside()
			c.write("slow.yaml", "name: slow\nlimits: { account: { gap: 100ms } }\nsteps:\n"+
				"  - foreach: { in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], as: n, key: string(n) }\n    steps:\n"+
				"      - uses: message.send\n        with: { account: \"78\", friend: \"f${{ n }}\", text: hello }\n")
			first := c.begin(append([]string{"run", "campaign.yaml"}, options...)...)
			c.underway(first)
			second := c.begin(append([]string{"run", "slow.yaml"}, options...)...)
			second.sees("handed to it")
			require.True(t, first.kill(200*time.Millisecond))
			require.Contains(t, []int{0, 4}, second.wait(soon), second.err)

			mine, left := c.run("slow"), c.run("double11")
			require.Equal(t, 10, mine.Counts.Succeeded+mine.Counts.Unknown)
			require.LessOrEqual(t, mine.Counts.Unknown, 2)
			require.Equal(t, "paused", left.Status)
			require.Zero(t, left.Takeovers.Held, "nothing is held for a dead process")
			require.Zero(t, left.Takeovers.Stuck)
			require.NotZero(t, left.Counts.Pending)
			if options == nil {
				require.Zero(t, (platform{t, url}).Stats().OpenTakeovers)
			}

			last := c.begin("runs", "resume", left.ID)
			require.Contains(t, []int{0, 4}, last.wait(soon), last.err)
			require.Equal(t, 1500, c.run("double11").Counts.Succeeded+c.run("double11").Counts.Unknown)
		})
	}
}

// A run for the sandbox never reaches the platform, nor one for the platform the sandbox, whoever owns the ledger.
func TestSandboxAndPlatformAreKeptApart(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=30ms")
	c := newCampaign(t, 400, box.url)
	c.aside()
	sending := c.begin("run", "campaign.yaml")
	c.underway(sending)
	rehearsal := c.begin("run", "aside.yaml", "--sandbox")
	rehearsal.sees("this run in the sandbox waits")
	require.Zero(t, sending.wait(soon), sending.err)
	require.Zero(t, rehearsal.wait(soon), rehearsal.err)
	require.Equal(t, 10, c.run("aside").Counts.Succeeded)
	for _, delivery := range box.Deliveries() {
		require.NotEqual(t, "77", delivery.Account, "a rehearsal reached the platform")
	}
	require.EqualValues(t, 1800, box.Stats().Deliveries)
}

// A run that waits for a process of the other kind can be stopped.
func TestWaitingRunIsStopped(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=100ms")
	c := newCampaign(t, 400, box.url)
	c.aside()
	first := c.begin("run", "campaign.yaml")
	c.underway(first)
	waiting := c.begin("run", "aside.yaml", "--sandbox")
	waiting.sees("waits")
	require.NoError(t, waiting.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, waiting.wait(orderly), waiting.err)
	require.Contains(t, waiting.err.String(), "stopped; resume with")
	require.NotEqual(t, "succeeded", c.run("aside").Status)
}

// A daemon does not end by itself: a run of the other world is refused beside it, before anything is recorded.
func TestRunBesideADaemonOfTheOtherWorldIsRefused(t *testing.T) {
	t.Parallel()
	box := startPlatform(t)
	for name, world := range map[string]struct{ daemon, other []string }{
		"for real": {nil, []string{"--sandbox"}},
		"sandbox":  {[]string{"--sandbox"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, 1, box.url)
			require.NoError(t, os.Mkdir(filepath.Join(c.dir, "workflows"), 0o755))
			c.write("workflows/asks.yaml", "name: asks\ntriggers:\n  - schedule: \"0 9 1 1 *\"\n    overlap: allow\nsteps:\n  - approve: { text: \"Go on?\", for: 1h }\n")
			c.write("youmiflow.yaml", connectionTo(box.url)+apiKeys)
			run := append([]string{"run", "workflows/asks.yaml"}, world.other...)
			left := c.begin(run...)
			left.sees("the run waits for a person")
			require.NoError(t, left.command.Process.Signal(os.Interrupt))
			require.Equal(t, 5, left.wait(orderly), left.err)
			daemon := serve(t, c.dir, world.daemon...)

			for _, command := range [][]string{run, append([]string{"schedule", "trigger", "asks"}, world.other...),
				append([]string{"schedule", "trigger", "asks", "--detach"}, world.other...),
				append([]string{"schedule", "backfill", "asks", "--from", "2025-01-01", "--to", "2026-02-01", "--yes"}, world.other...), {"runs", "resume", "last"}, {"runs", "cancel", "last"}} {
				refused := c.begin(command...)
				require.Equal(t, 2, refused.wait(orderly), "%s: %s", command, refused.err)
				require.Contains(t, refused.err.String(), "the daemon that works on this project", command)
			}
			require.Len(t, c.runs(), 1, "nothing was recorded")
			require.Equal(t, "paused", c.runs()[0].Status)

			fit := c.begin(append([]string{"run", "workflows/asks.yaml"}, world.daemon...)...)
			fit.sees("handed to it")
			fit.sees("the run waits for a person")
			require.NoError(t, fit.command.Process.Signal(os.Interrupt))
			require.Equal(t, 5, fit.wait(orderly), fit.err)
			daemon.end()
			require.Equal(t, []string{"paused", "paused"}, []string{c.runs()[0].Status, c.runs()[1].Status})
		})
	}
}
