package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
)

// canary is a secret of which every part is easily told from everything else.
const canary = `c4nary "<sings>&友 loudly`

const canaryWorkflow = `
steps:
  - id: who
    uses: http.request
    with: { url: "%[1]s/echo?t=1", headers: { Authorization: "Bearer ${{ secrets.crm_token }}" } }
  - id: members
    uses: audience.http
    with:
      url: "%[1]s/members"
      method: POST
      headers: { Authorization: "Basic ${{ toBase64('u:' + secrets.crm_token) }}" }
      body: { token: "${{ secrets.crm_token }}" }
      rows: rows
  - id: reach
    foreach:
      in: ${{ steps.members.rows }}
      as: m
      key: m.friend
    steps:
      - uses: api.call
        with:
          effect: message
          path: /v2/ChatMess/doSendPublicMes
          account: "135380"
          friend: ${{ m.friend }}
          body:
            WechatId: "135380"
            ToUserName: ${{ m.friend }}
            RelationType: 0
            MsgType: text
            Text: "${{ m.name }} ${{ secrets.crm_token }}"
      - uses: log
        with: { message: "sent with ${{ secrets.crm_token }}", level: warning }
      - uses: http.request
        with: { method: POST, url: "%[1]s/${{ m.name }}", json: { token: "${{ secrets.crm_token }}", length: "${{ len(secrets.crm_token) }}" } }
      - uses: assert
        if: m.name == "assert"
        with: { that: "${{ false }}", message: "not with ${{ secrets.crm_token }}" }
  - uses: report.write
    with: { path: reports/all.csv, of: reach }
  - uses: assert
    with: { that: "${{ steps.who.json.got == 'Bearer ***' }}" }
`

// crmServer knows the secret, repeats it wherever it can, and remembers what it got.
type crmServer struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

func startCRM(t *testing.T) *crmServer {
	c := &crmServer{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.got = append(c.got, r.Header.Get("Authorization")+string(body))
		c.mu.Unlock()
		switch r.URL.Path {
		case "/echo":
			fmt.Fprintf(w, `{"got":%s}`, quoted(r.Header.Get("Authorization")))
		case "/members":
			fmt.Fprint(w, `{"rows":[{"friend":"f1","name":"fine"},{"friend":"f2","name":"refuse"},{"friend":"f3","name":"assert"},{"friend":"f4","name":"break"}]}`)
		case "/refuse":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(body)
		case "/break":
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, canary)
		default:
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// TestSecretsAreSeenByNobodyElse runs a workflow that puts a secret wherever it can: it reaches whom it is meant for, and
// stands in no file that is kept and in nothing that is printed.
func TestSecretsAreSeenByNobodyElse(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, box.Close()) })
	crm := startCRM(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		".env": "CRM_TOKEN='" + canary + "'\n",
		"youmiflow.yaml": connectionTo(url) + "\nsecrets: { crm_token: \"${CRM_TOKEN}\" }\nhttp: { hosts: [\"" + crm.URL + "\"], allow_private: true }\n" +
			"limits: { account: { by: call.account, rate: 1000/s } }\n",
		"flow.yaml": fmt.Sprintf(canaryWorkflow, crm.URL),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	t.Chdir(dir)
	said := ""
	command := func(code int, arguments ...string) {
		t.Helper()
		r := invoke(t, arguments...)
		require.Equal(t, code, r.code, "%s%s", r.out, r.err)
		said += r.out + r.err
	}
	command(0, "plan", "flow.yaml")
	command(0, "plan", "flow.yaml", "--output", "json")
	command(4, "run", "flow.yaml", "--verbose")
	runs := read[[]runJSON](t, "runs", "list")
	require.Len(t, runs, 1)
	require.Equal(t, 1, runs[0].Counts.Succeeded)
	require.Equal(t, 2, runs[0].Counts.Failed)
	require.Equal(t, 1, runs[0].Counts.Unknown)
	for _, arguments := range [][]string{{"runs", "show"}, {"runs", "items"}, {"runs", "calls"}} {
		command(0, append(arguments, runs[0].ID, "--output", "json")...)
	}
	require.Contains(t, said, "***")
	silent(t, "what is printed", said)

	kept := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".env" {
			return err
		}
		text, err := os.ReadFile(path)
		kept++
		silent(t, path, string(text))
		return err
	}))
	require.GreaterOrEqual(t, kept, 4, "the ledger and the report are among them")
	report, err := os.ReadFile(filepath.Join(dir, "reports", "all.csv"))
	require.NoError(t, err)
	require.Contains(t, string(report), "not with ***")

	deliveries := box.Deliveries()
	require.Len(t, deliveries, 4)
	for _, delivery := range deliveries {
		var body map[string]any
		require.NoError(t, json.Unmarshal(delivery.Body, &body))
		require.Contains(t, body["Text"], canary, "whoever is meant gets it")
	}
	crm.mu.Lock()
	defer crm.mu.Unlock()
	require.Contains(t, crm.got[0], "Bearer "+canary)
	require.Contains(t, strings.Join(crm.got, "\n"), base64.StdEncoding.EncodeToString([]byte("u:"+canary)))
}

// silent fails when any form of the canary stands in a text.
func silent(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{"c4nary", "loudly", "sings", "YzRuYXJ5", "M0bmFyeS", "NG5hcnk"} {
		if i := strings.Index(text, form); i >= 0 {
			t.Errorf("%s holds the secret: …%q…", where, text[max(0, i-80):min(len(text), i+80)])
		}
	}
}

func TestSecretsThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("youmiflow.yaml", "secrets: { crm_token: \"${CRM_TOKEN}\", other: \"${OTHER}\" }\nhttp: { hosts: [crm.example.com] }\n")
	step := "steps:\n  - uses: http.request\n    with: { url: \"https://crm.example.com/\", headers: { X: \"${{ %s }}\" } }\n"
	t.Chdir(dir)
	for _, test := range []struct{ env, expression, want string }{
		{"", "secrets.crm_token", "the environment variable CRM_TOKEN is not set"},
		{"CRM_TOKEN=abc", "secrets.crm_token", "too few to be hidden"},
		{"CRM_TOKEN=abcdefgh", "secrets.crm_tokem", "crm_token"},
		{"CRM_TOKEN=abcdefgh", "toJSON(secrets)", "[unnamed-secret]"},
	} {
		write(".env", test.env+"\n")
		write("flow.yaml", fmt.Sprintf(step, test.expression))
		r := invoke(t, "run", "flow.yaml", "--sandbox")
		require.Equal(t, 3, r.code, "%s%s", r.out, r.err)
		require.Contains(t, r.err, test.want)
		require.NotContains(t, r.err, "abc")
		require.NoDirExists(t, ".youmiflow", "nothing is begun")
	}
	write("flow.yaml", fmt.Sprintf(step, "secrets.crm_token")+"  - id: a\n    set: { b: \"${{ secrets.other }}\" }\n")
	r := invoke(t, "validate", "flow.yaml")
	require.Equal(t, 3, r.code)
	require.Contains(t, r.out, "[kept-secret]")
}
