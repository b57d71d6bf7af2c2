package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
)

const toTwoAccounts = `
name: two
triggers: [{ event: chat, if: event.content == "go" }]
steps:
  - foreach:
      in: [{ account: "1", friend: a }, { account: "1", friend: b }, { account: "2", friend: c }]
      as: who
      key: who.friend
    steps:
      - uses: message.send
        with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: one }
`

// A platform pushes to a daemon that the device of an account is out of order, over HTTP and twice: its calls are held, also
// by the daemon that comes after one that is killed, and those of the others are not. Once a person clears it, they leave.
func TestADeviceThatFailsHoldsItsAccountUntilItIsCleared(t *testing.T) {
	twice, err := sandbox.ParseFault("event:duplicate")
	require.NoError(t, err)
	box, err := sandbox.New(sandbox.Config{Seed: 1, Faults: []sandbox.Fault{twice}})
	require.NoError(t, err)
	platform := httptest.NewServer(box)
	defer func() { platform.Close(); require.NoError(t, box.Close()) }()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "workflows"), 0o755))
	for name, text := range map[string]string{
		"youmiflow.yaml": fmt.Sprintf("connections:\n  default: { base_url: %[1]q, token_url: %[2]q, client_id: id, client_secret: \"${SECRET}\" }\n"+
			"server: { events: \"${EVENTS}\" }\n", platform.URL, platform.URL+"/connect/token"),
		".env":               "SECRET=secret\nEVENTS=" + pathSecret + "\n",
		"workflows/two.yaml": toTwoAccounts,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	address := freeAddress(t)
	daemon := begin(t, dir, "serve", "--listen", address)
	daemon.sees("serving ")
	client, err := youmi.New(youmi.Config{BaseURL: platform.URL, TokenURL: platform.URL + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	defer client.CloseIdle()
	callback := "http://" + address + "/events/" + pathSecret
	_, err = client.Call(t.Context(), "registerCallbackUrl", map[string]any{"url": callback, "type": 100})
	require.NoError(t, err)
	_, err = client.Call(t.Context(), "subscribeEvent", map[string]any{"url": callback, "appId": "app", "messageTypes": []string{"chat"}})
	require.NoError(t, err)

	held := func() bool {
		var accounts []struct{ Account, State, Reason string }
		require.NoError(t, json.Unmarshal([]byte(runOutput(t, dir, "accounts", "--output", "json")), &accounts))
		for _, one := range accounts {
			if one.State == "held" {
				require.Equal(t, "1", one.Account)
				require.Equal(t, "the platform has reported a fault of its device: no heartbeat", one.Reason)
				return true
			}
		}
		return false
	}
	require.NoError(t, box.DeviceFault("1", "no heartbeat"))
	require.Eventually(t, held, soon, 100*time.Millisecond, daemon.err)
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGKILL))
	<-daemon.done
	daemon = begin(t, dir, "serve", "--listen", address)
	daemon.sees("serving ")

	_, err = box.Reply("9", "starter", "go")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return box.Delivered("2", "c") == 1 }, soon, 10*time.Millisecond, daemon.err)
	require.True(t, held())
	require.Zero(t, box.Delivered("1", "a")+box.Delivered("1", "b"))
	runOutput(t, dir, "accounts", "clear", "1")
	require.Eventually(t, func() bool { return box.Delivered("1", "a")+box.Delivered("1", "b") == 2 }, soon, 10*time.Millisecond, daemon.err)
	require.False(t, held())
	require.NoError(t, daemon.command.Process.Signal(os.Interrupt))
	require.Zero(t, daemon.wait(soon), daemon.err)
}
