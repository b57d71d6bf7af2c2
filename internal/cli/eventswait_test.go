package cli_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
)

const waitingWorkflow = `
name: greet
triggers:
  - { event: chat, if: event.content == "never" }
  - { event: chat, if: event.from == "customer", max_runs: 1 }
steps: [{ wait: 5h }]
`

// Events wait for a run to end. The list of schedules counts them for their trigger, and who accepts a backup hears of
// them: none of them starts a run any more.
func TestABackupWithEventsThatWait(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{Seed: 1})
	require.NoError(t, err)
	platform := httptest.NewServer(box)
	defer func() { platform.Close(); require.NoError(t, box.Close()) }()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "workflows"), 0o755))
	for name, text := range map[string]string{
		"youmiflow.yaml": fmt.Sprintf("connections:\n  default: { base_url: %[1]q, token_url: \"%[1]s/connect/token\", client_id: id, client_secret: secret }\n"+
			"server: { events: %[2]q }\n", platform.URL, pathSecret),
		"workflows/greet.yaml": waitingWorkflow,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	address := freeAddress(t)
	daemon := begin(t, dir, "serve", "--listen", address)
	daemon.sees("serving ")
	client, err := youmi.New(youmi.Config{BaseURL: platform.URL, TokenURL: platform.URL + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	defer client.CloseIdle()
	_, err = client.Call(t.Context(), "subscribeEvent", map[string]any{"url": "http://" + address + "/events/" + pathSecret, "appId": "app", "messageTypes": []string{"chat"}})
	require.NoError(t, err)
	for _, friend := range []string{"a", "b", "c"} {
		_, err = box.Reply("9", friend, "hello")
		require.NoError(t, err)
	}
	list := func() string { return runOutput(t, dir, "schedule", "list", "--output", "csv") }
	require.Eventually(t, func() bool { return strings.Contains(list(), ",2\n") }, soon, 50*time.Millisecond, "%s", daemon.err)
	for line := range strings.Lines(list()) {
		require.Equal(t, strings.HasPrefix(line, "greet,chat (2),"), strings.HasSuffix(line, ",2\n"), line)
	}
	copied := filepath.Join(dir, "copy.db")
	runOutput(t, dir, "backup", copied)
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGKILL))
	<-daemon.done
	kept := filepath.Join(dir, ".youmiflow", "ledger.db")
	for _, end := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(kept+end))
	}
	require.NoError(t, os.Rename(copied, kept))

	command := exec.Command("youmiflow", "backup", "accept")
	command.Dir = dir
	said, err := command.CombinedOutput()
	require.ErrorContains(t, err, "exit status 3")
	require.Contains(t, string(said), "\n2 events waited for a run of greet\n")
	command = exec.Command("youmiflow", "backup", "accept", "--yes")
	command.Dir = dir
	said, err = command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "\nno run is started for 2 events that waited\n")
	require.NotContains(t, list(), ",2\n")
}
