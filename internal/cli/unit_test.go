package cli_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// unit are the settings of the systemd unit that the docs give, by name.
func unit(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations/youmiflow.service")
	require.NoError(t, err)
	settings := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			settings[name] = value
		}
	}
	return settings
}

// What the unit says of starting again fits what the program does: what somebody has to mend first is left alone, and what passes
// by itself, a crash, and what the watchdog has ended is started again.
func TestTheUnitFitsTheExitCodes(t *testing.T) {
	t.Parallel()
	u := unit(t)
	require.Equal(t, "always", u["Restart"])
	prevented := strings.Fields(u["RestartPreventExitStatus"])
	stays := func(p *process) bool {
		t.Helper()
		code := p.wait(soon)
		for _, one := range prevented {
			if one == strconv.Itoa(code) {
				return true
			}
		}
		return false
	}
	start := strings.Fields(u["ExecStart"])
	require.Equal(t, []string{"/usr/local/bin/youmiflow", "serve", "--project", u["WorkingDirectory"]}, start[:4])
	c := servedCampaign(t, "")
	began := func(more ...string) *process {
		return c.begin(append(append([]string{"serve", "--project", c.dir, "--sandbox", "--listen", "127.0.0.1:0"}, start[4:]...), more...)...)
	}

	require.NoError(t, os.WriteFile(c.dir+"/.env", []byte("API_TOKEN="+apiToken+"\n"), 0o600))
	daemon := began()
	daemon.sees(`"msg":"serving"`)
	require.Equal(t, "/bin/kill -HUP $MAINPID", u["ExecReload"])
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the configuration was read again")
	require.NotEmpty(t, u["WatchdogSec"])
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGABRT)) // as the watchdog does
	require.False(t, stays(daemon))

	daemon = began()
	daemon.sees(`"msg":"serving"`)
	require.Equal(t, "SIGTERM", u["KillSignal"])
	within, err := strconv.Atoi(u["TimeoutStopSec"])
	require.NoError(t, err)
	require.Greater(t, time.Duration(within)*time.Second, 30*time.Second, "it may take 30 s")
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGTERM))
	require.Zero(t, daemon.wait(soon), daemon.err)

	require.False(t, stays(began("--git", "http://127.0.0.1:1/nobody.git")), "the network may not be there yet")
	c.write("youmiflow.yaml", "server: { listn: 127.0.0.1:1 }\n")
	require.True(t, stays(began()))
}
