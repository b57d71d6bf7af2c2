package cli_test

import (
	"fmt"
	"net"
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

const pathSecret = "0123456789abcdefghijKLMN"

const dripping = `
name: dripping
triggers:
  - event: chat
    if: event.from == "customer" && event.content == "go"
steps:
  - foreach:
      in: [{ account: "1", friend: a }, { account: "1", friend: b }]
      as: who
      key: who.friend
      stop_when: { event: chat, if: event.from == "customer" }
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: one }
      - wait: { until: "now() > now()", every: 200ms, for: 3s }
        continue_on_error: true
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: two }
`

// A platform pushes to a daemon that is killed and started again: the run begins once, and the customer who answers gets
// nothing more.
func TestServeActsOnEvents(t *testing.T) {
	twice, err := sandbox.ParseFault("event:duplicate:50%")
	require.NoError(t, err)
	box, err := sandbox.New(sandbox.Config{Seed: 1, Faults: []sandbox.Fault{twice}})
	require.NoError(t, err)
	platform := httptest.NewServer(box)
	defer func() { platform.Close(); require.NoError(t, box.Close()) }()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("youmiflow.yaml", fmt.Sprintf("connections:\n  default: { base_url: %[1]q, token_url: %[2]q, client_id: id, client_secret: \"${SECRET}\" }\n"+
		"server: { events: \"${EVENTS}\" }\n", platform.URL, platform.URL+"/connect/token"))
	write(".env", "SECRET=secret\nEVENTS="+pathSecret+"\n")
	write("workflows/dripping.yaml", dripping)
	address := freeAddress(t)
	daemon := begin(t, dir, "serve", "--listen", address)
	daemon.sees("serving ")

	client, err := youmi.New(youmi.Config{BaseURL: platform.URL, TokenURL: platform.URL + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	defer client.CloseIdle()
	_, err = client.Call(t.Context(), "subscribeEvent", map[string]any{"url": "http://" + address + "/events/" + pathSecret, "appId": "app", "messageTypes": []string{"chat"}})
	require.NoError(t, err)
	_, err = box.Reply("9", "starter", "go")
	require.NoError(t, err)
	sent := func(friend string, n int) func() bool {
		return func() bool { return box.Delivered("1", friend) >= n }
	}
	require.Eventually(t, sent("a", 1), soon, 10*time.Millisecond, daemon.err)
	_, err = box.Reply("1", "a", "please stop")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return box.Stats().Events.Waiting == 0 }, soon, 10*time.Millisecond)
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGKILL))
	<-daemon.done

	daemon = begin(t, dir, "serve", "--listen", address)
	daemon.sees("serving ")
	require.Eventually(t, sent("b", 2), soon, 10*time.Millisecond, daemon.err)
	require.Eventually(t, func() bool {
		return strings.Contains(runOutput(t, dir, "runs", "list"), "succeeded")
	}, soon, 100*time.Millisecond)
	require.Equal(t, 1, box.Delivered("1", "a"))
	require.Equal(t, 2, box.Delivered("1", "b"))
	list := runOutput(t, dir, "runs", "list", "--output", "json")
	require.Equal(t, 1, strings.Count(list, `"id"`), list)
	require.Contains(t, runOutput(t, dir, "runs", "items", "last", "--output", "json"), "stopped: the customer answered")
	require.NotContains(t, daemon.err.String(), pathSecret)
	require.NoError(t, daemon.command.Process.Signal(os.Interrupt))
	require.Zero(t, daemon.wait(soon), daemon.err)
}

// freeAddress is one of this machine at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}

// runOutput runs the command in a folder and returns what it prints.
func runOutput(t *testing.T, dir string, arguments ...string) string {
	t.Helper()
	command := exec.Command("youmiflow", arguments...)
	command.Dir = dir
	out, err := command.Output()
	require.NoError(t, err, "%v", arguments)
	return string(out)
}
