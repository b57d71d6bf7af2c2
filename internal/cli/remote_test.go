package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// desk is a folder somewhere else, with a token for a daemon.
type desk struct {
	t   *testing.T
	dir string
	url string
}

func deskOf(t *testing.T, daemon *served, token string) desk {
	t.Helper()
	d := desk{t, t.TempDir(), daemon.url}
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, ".env"), []byte("YOUMIFLOW_TOKEN="+token+"\n"), 0o600))
	return d
}

// do runs a command about the daemon and returns its exit code.
func (d desk) do(arguments ...string) (code int, out, stderr string) {
	d.t.Helper()
	p := begin(d.t, d.dir, append(arguments, "--server", d.url)...)
	code = p.wait(soon)
	return code, p.out.String(), p.err.String()
}

// Commands about a daemon elsewhere answer and end as those on its own machine.
func TestCommandsAtADaemonElsewhere(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "workflows", "daily.yaml"), []byte(
		"triggers: [{ schedule: \"0 3 * * *\" }]\nsteps: [{ id: sure, approve: \"Send it?\" }]\n"), 0o600))
	daemon := serve(t, c.dir, "--sandbox")
	d := deskOf(t, daemon, apiToken)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", map[string]any{"test_to": map[string]any{"account": "135380", "friend": "me", "rows": 2}})
	require.Equal(t, http.StatusCreated, status, text)
	daemon.until("last", func(run runJSON) bool { return run.Status == "succeeded" })

	// The same words as on the spot.
	for _, command := range [][]string{{"runs", "list"}, {"runs", "show", "last"}, {"runs", "items", "last", "--status", "succeeded"}, {"runs", "calls", "last"},
		{"schedule", "list"}, {"schedule", "next", "--count", "3", "--from", "2026-12-01T00:00:00+08:00"}} {
		code, there, stderr := d.do(append(command, "--output", "json")...)
		require.Zero(t, code, "%v: %s", command, stderr)
		here := invoke(t, append([]string{"--project", c.dir}, append(command, "--output", "json")...)...)
		require.Zero(t, here.code, here.err)
		require.JSONEq(t, here.out, there, "%v", command)
	}
	explained := func(text string) string { _, after, _ := strings.Cut(text, "\nitems "); return after }
	code, out, stderr := d.do("runs", "show", "last")
	require.Zero(t, code, stderr)
	require.Contains(t, explained(out), "sent for   row ")
	require.Equal(t, explained(invoke(t, "--project", c.dir, "runs", "show", "last").out), explained(out))
	code, out, stderr = d.do("runs", "list")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "TEST to 135380:me")

	// A run is started, asks, is decided, and says so with its exit code.
	code, out, stderr = d.do("schedule", "trigger", "daily", "--detach")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "daily")
	daemon.until("last", func(run runJSON) bool { return run.Status == "running" })
	require.Eventually(t, func() bool { _, out, _ := d.do("runs", "show", "last"); return strings.Contains(out, "Send it?") }, soon, 100*time.Millisecond)
	code, _, stderr = d.do("runs", "pause", "last")
	require.Zero(t, code, stderr)
	watching := begin(t, d.dir, "runs", "resume", "last", "--server", d.url)
	watching.sees("run ")
	daemon.until("last", func(run runJSON) bool { return run.Status == "running" })
	code, _, stderr = d.do("runs", "reject", "last", "--note", "not today")
	require.Zero(t, code, stderr)
	require.Equal(t, 1, watching.wait(soon), "the run fails: %s", watching.err)
	code, _, stderr = d.do("runs", "approve", "last")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, "asks nothing")
	code, _, stderr = d.do("runs", "cancel", "last")
	require.Equal(t, 2, code, stderr)

	code, _, stderr = d.do("schedule", "pause", "daily")
	require.Zero(t, code, stderr)
	_, out, _ = d.do("schedule", "list")
	require.Contains(t, out, "paused")
	code, _, stderr = d.do("schedule", "resume", "daily")
	require.Zero(t, code, stderr)
	code, _, stderr = d.do("schedule", "pause", "dayly")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, `did you mean "daily"?`)
	code, out, stderr = d.do("schedule", "backfill", "daily", "--from", "2026-11-01T00:00:00+08:00", "--to", "2026-11-02T00:00:00+08:00", "--yes")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "2026-11-01")

	code, _, stderr = d.do("accounts", "trip", "135380", "--for", "2h", "--reason", "resting")
	require.Zero(t, code, stderr)
	_, out, _ = d.do("accounts")
	require.Contains(t, out, "resting")
	code, _, stderr = d.do("accounts", "clear", "135380")
	require.Zero(t, code, stderr)
	_, out, _ = d.do("accounts")
	require.NotContains(t, out, "resting")

	code, out, stderr = d.do("doctor", "--output", "csv")
	require.Zero(t, code, stderr)
	for _, check := range []string{"ledger,ok", "engine,ok", "workflows,ok", "takeovers,ok", "accounts,ok", "connection,ok", "limits,warn"} {
		require.Contains(t, out, check)
	}
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "workflows", "daily.yaml"), []byte("steps: [{ uses: lgo }]\n"), 0o600))
	require.Eventually(t, func() bool { code, out, _ = d.do("doctor"); return code == 3 }, soon, 100*time.Millisecond)
	require.Contains(t, out, "workflows/daily.yaml")
}

// What a daemon elsewhere does not know of its calls is settled there.
func TestSettlingAtADaemonElsewhere(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:lose:first=2")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	d := deskOf(t, daemon, apiToken)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", map[string]any{"test_to": map[string]any{"account": "135380", "friend": "me", "rows": 3}})
	require.Equal(t, http.StatusCreated, status, text)
	daemon.until("last", func(run runJSON) bool { return run.Status == "partial" })
	code, _, stderr := d.do("runs", "settle", "last", "--item", "nobody", "--as", "sent")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, "no unknown item nobody")
	_, out, _ := d.do("runs", "items", "last", "--status", "unknown", "--output", "json")
	var items []struct{ Key string }
	require.NoError(t, json.Unmarshal([]byte(out), &items))
	require.Len(t, items, 2)
	code, _, stderr = d.do("runs", "settle", "last", "--item", items[0].Key, "--as", "not-sent")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "1 settled, 1 left")
	code, _, stderr = d.do("runs", "settle", "last", "--all", "--as", "sent")
	require.Equal(t, 2, code, stderr)
	require.Contains(t, stderr, "has 1 unknown item: settle all of them as sent? [y/N]")
	code, _, stderr = d.do("runs", "settle", "last", "--all", "--as", "sent", "--yes")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "1 settled, 0 left")
	code, out, stderr = d.do("runs", "settle", "last")
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, "settled, ")
	require.Contains(t, out, "double11")

	// The platform is asked when somebody looks, and its end is told as what it is.
	code, out, stderr = d.do("doctor", "--output", "csv")
	require.Zero(t, code, stderr)
	require.Contains(t, out, "takes the credentials")
	daemon.end()
}

func TestCommandsThatCannotReachADaemon(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir, "--sandbox")
	for _, one := range []struct {
		token, arguments string
		code             int
		says             string
	}{
		{apiToken, "runs show nothing", 2, "there is no run nothing"},
		{apiToken, "runs show last", 2, "nothing was run yet"},
		{apiToken, "runs settle last", 2, "nothing was run yet"},
		{apiToken, "doctor --connection other", 2, "all of its connections"},
		{apiToken, "accounts --sandbox", 0, "no account was used yet"},
		{apiToken, "schedule list --sandbox", 0, "no workflow there has a trigger"},
		{apiToken, "runs show last --sandbox", 2, "there is no rehearsal there"},
		{apiToken, "schedule next --from 2026-12-01", 2, "with its zone"},
		{apiToken, "schedule backfill double11 --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z", 2, "add --yes"},
		{"wrong-0123456789", "runs list", 3, "send a token of the daemon"},
		{"", "runs list", 3, "YOUMIFLOW_TOKEN is not set"},
	} {
		code, _, stderr := deskOf(t, daemon, one.token).do(strings.Fields(one.arguments)...)
		require.Equal(t, one.code, code, "%s: %s", one.arguments, stderr)
		require.Contains(t, stderr, one.says)
		require.NotContains(t, stderr, "wrong-0123456789")
	}
	gone := desk{t, c.dir, "http://127.0.0.1:1"}
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, ".env"), []byte("YOUMIFLOW_TOKEN="+apiToken+"\n"), 0o600))
	code, _, stderr := gone.do("runs", "list")
	require.Equal(t, 3, code)
	require.Contains(t, stderr, "the daemon at 127.0.0.1:1 cannot be reached")
	code, _, stderr = desk{t, c.dir, "campaigns.example.com"}.do("runs", "list")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "is no address of a daemon")
	daemon.end()
}

// A platform that is away is told as that, and nothing is begun.
func TestAPlatformThatIsAwayElsewhere(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "http://127.0.0.1:1")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "workflows", "daily.yaml"), []byte(
		"triggers: [{ schedule: \"0 3 * * *\" }]\nsteps: [{ uses: log, with: { message: hi } }]\n"), 0o600))
	daemon := serve(t, c.dir)
	d := deskOf(t, daemon, apiToken)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/daily/runs", nil)
	require.Equal(t, http.StatusBadGateway, status, text)
	require.Contains(t, text, "urn:youmiflow:problem:platform")
	code, _, stderr := d.do("schedule", "trigger", "daily")
	require.Equal(t, 3, code, stderr)
	code, out, _ := d.do("doctor", "--output", "csv")
	require.Equal(t, 3, code)
	require.Contains(t, out, "connection,fail")
	_, out, _ = d.do("runs", "list", "--output", "json")
	require.JSONEq(t, "[]", out)
	daemon.end()
}

// Whoever watches a run through a daemon is told of its end also when the daemon was started again meanwhile.
func TestWatchingOutlivesADaemon(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := servedCampaign(t, box.url)
	address := freeAddress(t)
	daemon := serve(t, c.dir, "--listen", address)
	status, text := daemon.ask(http.MethodPost, "/api/v1/workflows/double11/runs", nil)
	require.Equal(t, http.StatusCreated, status, text)
	d := deskOf(t, daemon, apiToken)
	daemon.until("last", func(run runJSON) bool { return run.Counts.Succeeded > 50 })
	code, _, stderr := d.do("runs", "pause", "last")
	require.Zero(t, code, stderr)
	watching := begin(t, d.dir, "runs", "resume", "last", "--server", d.url)
	daemon.until("last", func(run runJSON) bool { return run.Counts.Succeeded > 200 })
	daemon.end()
	daemon = serve(t, c.dir, "--listen", address)
	require.Zero(t, watching.wait(soon), watching.err)
	require.Contains(t, watching.out.String(), "1500 succeeded")
	daemon.end()
}
