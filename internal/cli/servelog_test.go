package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// logged is what a process has logged as JSON, all that it has said.
func (p *process) logged() (records []map[string]any) {
	p.t.Helper()
	for line := range strings.Lines(p.err.String()) {
		var one map[string]any
		require.NoError(p.t, json.Unmarshal([]byte(line), &one), line)
		require.NotEmpty(p.t, one["time"])
		require.NotEmpty(p.t, one["level"])
		records = append(records, one)
	}
	return records
}

// saying are the records with a message.
func saying(records []map[string]any, message string) (list []map[string]any) {
	for _, one := range records {
		if one["msg"] == message {
			list = append(list, one)
		}
	}
	return list
}

// With --log-format json everything that a daemon says is a record, and each run is told of once when it begins and once when it
// ends.
func TestAllThatADaemonSaysAreRecords(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	c.write("workflows/few.yaml", strings.Replace(slowly("few", "77"), "gap: 100ms", "gap: 1ms", 1))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, ".env"), []byte("API_TOKEN="+apiToken+"\n"), 0o600))
	p := begin(t, c.dir, "serve", "--sandbox", "--listen", "127.0.0.1:0", "--log-format", "json")
	p.sees(`"msg":"serving"`)
	serving := saying(p.logged(), "serving")
	require.Len(t, serving, 1)
	require.Equal(t, true, serving[0]["sandbox"])
	require.EqualValues(t, 2, serving[0]["workflows"])
	require.True(t, filepath.IsAbs(serving[0]["project"].(string)))

	daemon := &served{process: p, client: http.DefaultClient, url: serving[0]["url"].(string)}
	id := daemon.submit("few")
	daemon.until(id, func(run runJSON) bool { return run.Status == "succeeded" })
	daemon.sees(`"msg":"a run has ended"`)
	second := begin(t, c.dir, "serve", "--sandbox", "--listen", "127.0.0.1:0", "--log-format", "json", "--wait", "1ms")
	require.Equal(t, 1, second.wait(soon))
	require.EqualValues(t, 1, saying(second.logged(), "it cannot go on")[0]["exit"])

	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.Zero(t, p.wait(orderly), p.err)
	records := p.logged()
	require.Equal(t, []map[string]any{{"level": "INFO", "msg": "stopping", "project": serving[0]["project"], "sandbox": true}}, untimed(saying(records, "stopping")))
	stopped := untimed(records[len(records)-1:])
	require.NotEmpty(t, stopped[0]["took"])
	delete(stopped[0], "took")
	require.Equal(t, []map[string]any{{"level": "INFO", "msg": "stopped", "project": serving[0]["project"], "sandbox": true, "left": 0.0}}, stopped)
	require.Equal(t, []map[string]any{{"level": "INFO", "msg": "a run has begun", "run": id, "workflow": "few", "sandbox": true, "status": "running", "trigger": "manual"}},
		untimed(saying(records, "a run has begun")))
	ended := untimed(saying(records, "a run has ended"))
	require.Len(t, ended, 1)
	require.NotEmpty(t, ended[0]["took"])
	delete(ended[0], "took")
	require.Equal(t, map[string]any{"level": "INFO", "msg": "a run has ended", "run": id, "workflow": "few", "sandbox": true, "status": "succeeded",
		"succeeded": 10.0, "failed": 0.0, "unknown": 0.0, "skipped": 0.0, "cancelled": 0.0}, ended[0])

	c.write("youmiflow.yaml", "server: { listn: 127.0.0.1:1 }\n")
	broken := begin(t, c.dir, "serve", "--sandbox", "--log-format", "json")
	require.Equal(t, 3, broken.wait(soon))
	require.Equal(t, "youmiflow.yaml", filepath.Base(broken.logged()[0]["file"].(string)))
}

// untimed are records without their time.
func untimed(records []map[string]any) []map[string]any {
	for _, one := range records {
		delete(one, "time")
	}
	return records
}
