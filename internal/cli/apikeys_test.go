package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An account of a connection that there is not makes no calls: to hold it would hold nobody.
func TestAnAccountOfNoConnectionIsNotHeld(t *testing.T) {
	t.Parallel()
	daemon := serve(t, servedCampaign(t, startPlatform(t).url).dir)
	status, text := daemon.ask(http.MethodPost, "/api/v1/accounts/135380/trip", map[string]any{"for": "1h", "connection": "nope"})
	require.Equal(t, http.StatusBadRequest, status, text)
	require.Contains(t, text, `there is no connection \"nope\": there are default`)
	status, text = daemon.ask(http.MethodPost, "/api/v1/accounts/135380/trip", map[string]any{"for": "1h"})
	require.Equal(t, http.StatusNoContent, status, text)
}

// A key is for one request of a workflow: whatever else is asked for with it is refused, and starts nothing.
func TestAKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, "workflows", "daily.yaml"), []byte(
		"triggers: [{ schedule: \"@hourly\" }, { schedule: \"0 9 * * *\" }]\nsteps: [{ id: sure, approve: \"Send it?\" }]\n"), 0o600))
	daemon := serve(t, c.dir, "--sandbox")
	start := func(path, key, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, daemon.url+"/api/v1"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+apiToken)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		answer, err := daemon.client.Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, answer.Body.Close()) }()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		var said struct{ ID, Detail string }
		require.NoError(t, json.Unmarshal(text, &said))
		return answer.StatusCode, said.ID + said.Detail
	}
	const path = "/schedules/daily/trigger"
	status, first := start(path, "k", `{"trigger":"@hourly"}`)
	require.Equal(t, http.StatusCreated, status, first)
	status, again := start(path, "k", `{"trigger":"@hourly"}`)
	require.Equal(t, []any{http.StatusCreated, first}, []any{status, again})
	for _, other := range [][]string{{path, `{"trigger":"0 9 * * *"}`}, {path, `{"trigger":"@hourly","overlap":"allow"}`}, {"/workflows/daily/runs", `{}`}} {
		status, said := start(other[0], "k", other[1])
		require.Equal(t, http.StatusConflict, status, "%v: %s", other, said)
		require.Contains(t, said, "Idempotency-Key: run "+first, "%v", other)
	}
	status, by := start("/workflows/daily/runs", "l", `{}`)
	require.Equal(t, http.StatusCreated, status, by)
	status, said := start(path, "l", `{"trigger":"@hourly","overlap":"allow"}`)
	require.Equal(t, http.StatusConflict, status, said)
	require.Contains(t, said, "Idempotency-Key: run "+by)
}
