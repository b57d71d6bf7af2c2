package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	found "youmiflow/internal/web/result"
)

// A webhook that refuses is in the log at once, and in what doctor finds, until it takes something.
func TestAWebhookThatRefusesIsSaid(t *testing.T) {
	t.Parallel()
	var takes atomic.Bool
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !takes.Load() {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer hook.Close()
	box := startPlatform(t)
	c := servedCampaign(t, box.url)
	c.write("youmiflow.yaml", connectionTo(box.url)+apiKeys+"notify:\n  channels: { team: { webhook: \""+hook.URL+"/canary-8472-key\" } }\n  rules: [{ on: [account-tripped], to: [team] }]\n")
	daemon := serve(t, c.dir)
	trip := func(account string) {
		t.Helper()
		status, text := daemon.ask(http.MethodPost, "/api/v1/accounts/"+account+"/trip", map[string]any{"reason": "why"})
		require.Less(t, status, 300, text)
	}
	// finds waits until both doctors, that on the spot and the daemon's, say so.
	finds := func(status found.Health, text string) {
		t.Helper()
		says := func(answer string) bool {
			var list []found.Finding
			require.NoError(t, json.Unmarshal([]byte(answer), &list), answer)
			require.NotContains(t, answer, "canary-8472-key")
			at := slices.IndexFunc(list, func(one found.Finding) bool { return one.Name == "notify" })
			require.GreaterOrEqual(t, at, 0, answer)
			return list[at].Status == status && strings.HasPrefix(list[at].Found, text)
		}
		require.Eventually(t, func() bool { _, answer := daemon.ask(http.MethodGet, "/api/v1/doctor", nil); return says(answer) }, soon, 100*time.Millisecond)
		p := c.begin("doctor", "--output", "json")
		p.wait(soon)
		require.True(t, says(p.out.String()), p.out)
	}
	finds(found.Healthy, "1 channel, none of which has failed")
	trip("135380")
	daemon.sees("a channel does not deliver")
	finds(found.Uneasy, "the channel team has delivered nothing since a failure at ")
	takes.Store(true)
	trip("135381")
	daemon.sees("a channel delivers again")
	finds(found.Healthy, "1 channel, none of which has failed")
	daemon.end()
	require.NotContains(t, daemon.err.String(), "canary-8472-key")
}

// A daemon starts nothing that tells a channel which there is not, by the channels that are in force now.
func TestADaemonKnowsItsChannels(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	settings := func(channels string) {
		c.write("youmiflow.yaml", connectionTo("")+apiKeys+"notify: { channels: { "+channels+" } }\n")
	}
	const ops = `ops: { slack: "${NO_HOOK_ANYWHERE}" }`
	settings(ops)
	const told = "steps:\n  - { uses: notify.send, with: { to: team, text: hi } }\n"
	c.write("workflows/told.yaml", told)
	daemon := serve(t, c.dir, "--sandbox")
	const none = `there is no channel \"team\" under notify.channels`
	check := func() string {
		status, text := daemon.ask(http.MethodPost, "/api/v1/validate", map[string]any{"source": told})
		require.Equal(t, http.StatusOK, status, text)
		return text
	}
	start := func() (int, string) { return daemon.ask(http.MethodPost, "/api/v1/workflows/told/runs", nil) }
	require.Contains(t, check(), none)
	status, text := start()
	require.Equal(t, http.StatusUnprocessableEntity, status, text)
	require.Contains(t, text, none)

	settings(ops + `, team: { slack: "${NO_HOOK_ANYWHERE}" }`)
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the configuration was read again")
	require.NotContains(t, check(), none)
	status, text = start()
	require.Equal(t, http.StatusCreated, status, text)
	var run runJSON
	require.NoError(t, json.Unmarshal([]byte(text), &run))
	daemon.until(run.ID, func(run runJSON) bool { return run.Status == "succeeded" })
	daemon.end()
}
