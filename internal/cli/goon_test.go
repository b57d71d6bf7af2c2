package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowly is a workflow that sends to ten people, one each tenth of a second.
func slowly(name, account string) string {
	return fmt.Sprintf("name: %s\nlimits: { account: { gap: 100ms } }\nsteps:\n"+
		"  - foreach: { in: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], as: n, key: string(n) }\n    steps:\n"+
		"      - uses: message.send\n        with: { account: %q, friend: \"%s ${{ n }}\", text: hello }\n", name, account, name)
}

// at gives the campaign a trigger that fires once, when a daemon sees it.
func (c *campaign) at(instant time.Time) {
	path := filepath.Join(c.dir, "workflows", "double11.yaml")
	text, err := os.ReadFile(path)
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(path, append(text, fmt.Sprintf("\ntriggers: [{ at: %q }]\n", instant.Format(time.RFC3339))...), 0o600))
}

// A daemon ends in the middle of a scheduled run, and of one that was handed to it, and another command becomes the owner of the
// ledger. The next daemon goes on with both, however the first one has ended, and nobody gets anything twice. What a person has
// paused, or was left by a command that was killed, stays paused.
func TestADaemonGoesOnWithWhatAnotherOneLeft(t *testing.T) {
	t.Parallel()
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		goesOn(t, 2*inFlight, func(daemon *served) { require.True(t, daemon.kill(0)) })
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		goesOn(t, 0, func(daemon *served) { daemon.end() })
	})
}

func goesOn(t *testing.T, inDoubt int, end func(*served)) {
	t.Helper()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := servedCampaign(t, box.url)
	c.at(time.Now())
	for i, name := range []string{"handed", "held", "alone"} {
		c.write("workflows/"+name+".yaml", slowly(name, fmt.Sprint(77+i)))
		for n := range 10 {
			c.most[fmt.Sprintf("%s %d", name, n+1)] = 1
		}
	}
	c.write("workflows/handed.yaml", strings.Replace(slowly("handed", "77"), "gap: 100ms", "gap: 1s", 1)) // not over before its daemon is
	c.write("hello.yaml", "name: hello\nsteps: [{ uses: log, with: { message: hi } }]\n")

	daemon := serve(t, c.dir)
	held, handed := daemon.submit("held"), daemon.submit("handed")
	status, text := daemon.ask(http.MethodPost, "/api/v1/runs/"+held+"/pause", nil)
	require.Less(t, status, 300, text)
	daemon.until(held, func(run runJSON) bool { return run.Status == "paused" })
	require.Eventually(t, func() bool { return c.run("double11").ID != "" }, soon, 50*time.Millisecond)
	scheduled := c.run("double11")
	daemon.until(scheduled.ID, func(run runJSON) bool { return run.Counts.Succeeded > 100 })
	end(daemon)

	hello := c.begin("run", "hello.yaml", "--sandbox")
	require.Zero(t, hello.wait(soon), hello.err)
	require.NotContains(t, hello.err.String(), "was left by", "rehearsals are none of the daemon's business")
	hello = c.begin("run", "hello.yaml")
	require.Zero(t, hello.wait(soon), hello.err)
	require.Contains(t, hello.err.String(), "run "+scheduled.ID+" was left by a process that has ended: what it holds is handed back, then it is paused; when the daemon is started, or go on with: youmiflow runs resume")
	for _, name := range []string{"double11", "handed"} {
		left := c.run(name)
		require.Equal(t, "paused", left.Status, name)
		require.Zero(t, left.Takeovers.Held+left.Takeovers.Stuck, "nothing is held for a dead process")
		require.NotNil(t, left.Error)
		require.Equal(t, "interrupted", left.Error.Code)
	}
	alone := c.begin("run", "workflows/alone.yaml")
	alone.sees("run ")
	require.Eventually(t, func() bool { return c.run("alone").Counts.Succeeded > 0 }, soon, 50*time.Millisecond)
	require.True(t, alone.kill(0))
	hello = c.begin("run", "hello.yaml")
	require.Zero(t, hello.wait(soon), hello.err)

	daemon = serve(t, c.dir)
	run := daemon.until(scheduled.ID, func(run runJSON) bool { return run.Status != "running" && run.Status != "paused" })
	c.kept(box, run, inDoubt)
	last := daemon.until(handed, func(run runJSON) bool { return run.Status != "running" && run.Status != "paused" })
	require.Equal(t, 10, last.Counts.Succeeded+last.Counts.Unknown)
	require.Equal(t, "paused", daemon.run(held).Status, "a person has paused it")
	require.Nil(t, daemon.run(held).Error)
	require.Equal(t, "paused", c.run("alone").Status, "it was not the daemon's")
	daemon.end()
}

// submit runs a workflow and waits until it has begun.
func (s *served) submit(workflow string) string {
	s.t.Helper()
	status, text := s.ask(http.MethodPost, "/api/v1/workflows/"+workflow+"/runs", nil)
	require.Equal(s.t, http.StatusCreated, status, text)
	var run runJSON
	require.NoError(s.t, json.Unmarshal([]byte(text), &run))
	s.until(run.ID, func(run runJSON) bool { return run.Counts.Succeeded > 0 })
	return run.ID
}
