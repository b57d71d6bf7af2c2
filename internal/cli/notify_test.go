package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// told is a webhook that keeps what it gets.
type told struct {
	mu  sync.Mutex
	got []map[string]any
}

func (r *told) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	text, _ := io.ReadAll(request.Body)
	var body map[string]any
	if json.Unmarshal(text, &body) == nil {
		r.mu.Lock()
		r.got = append(r.got, body)
		r.mu.Unlock()
	}
}

func (r *told) titles() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, one := range r.got {
		list = append(list, one["title"].(string))
	}
	return list
}

// A run for real (against a simulator that it takes for the platform) tells the team of its end, and in its finally; the
// key of the webhook is nowhere in what the command says or keeps; a rehearsal tells nobody.
func TestPeopleAreTold(t *testing.T) {
	receiver := &told{}
	server := httptest.NewServer(receiver)
	defer server.Close()
	platform := startPlatform(t, "--fault", "doSendPublicMes:code=100021")

	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(".env", "HOOK="+server.URL+"/?key=canary-8472-key\nID=sandbox\nSECRET=sandbox\n")
	write("youmiflow.yaml", `connections:
  default: { base_url: "`+platform.url+`", token_url: "`+platform.url+`/connect/token", client_id: "${ID}", client_secret: "${SECRET}" }
notify:
  channels: { team: { webhook: "${HOOK}" } }
  rules: [{ on: [run-failed], to: [team] }]
limits: { account: { rate: 100/s } }
`)
	write("workflows/w.yaml", `steps:
  - id: reach
    foreach: { in: "${{ [{'account': '135380', 'friend': 'wxid_demo_0001'}] }}", as: c, key: c.friend }
    steps:
      - uses: message.send
        with: { account: "${{ c.account }}", friend: "${{ c.friend }}", text: a customer's text }
finally:
  - uses: notify.send
    with: { to: team, title: from the workflow, text: "${{ steps.reach.failed_count }} failed" }
`)
	run := func(code int, arguments ...string) string {
		p := begin(t, dir, arguments...)
		require.Equal(t, code, p.wait(soon), p.err)
		return p.out.String() + p.err.String()
	}
	all := run(4, "run", "workflows/w.yaml")
	require.Equal(t, []string{"from the workflow", "运行失败：w"}, receiver.titles())
	for _, body := range receiver.got {
		require.NotContains(t, body["text"], "wxid_demo")
		require.NotContains(t, body["text"], "a customer's text")
	}
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, ".youmiflow"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			text, readErr := os.ReadFile(path)
			all, err = all+string(text), readErr
		}
		return err
	}))
	require.NotContains(t, all, "canary-8472-key")

	run(4, "run", "workflows/w.yaml", "--sandbox", "--fault", "doSendPublicMes:code=100021")
	require.Len(t, receiver.titles(), 2, "a rehearsal tells nobody")

	run(0, "notify", "test", "team")
	require.Len(t, receiver.titles(), 3)
	require.NotContains(t, run(3, "notify", "test", "taem"), "panic")
}
