package cli_test

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"youmiflow/internal/sandbox"
)

// bad is one bad input. Everything else of the project is good.
type bad struct {
	name  string
	files map[string]string // instead of the good ones; a nil text removes the file
	run   []string          // instead of run campaign.yaml
	code  int
	says  []string // all of it in the sentence
}

// project is a good one, against the platform at the URL.
func goodFiles(url string) map[string]string {
	return map[string]string{
		"youmiflow.yaml": connectionTo(url) + "limits: { account: { rate: 1000/s } }\n",
		"campaign.yaml": `
params:
  audience: { type: file, default: list.csv }
  count: { type: integer, default: 3 }
steps:
  - id: list
    uses: audience.file
    with: { path: "${{ params.audience }}", columns: { require: [account, friend, name] } }
  - foreach: { in: "${{ steps.list.rows }}", as: row, key: row.friend }
    steps:
      - uses: message.send
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}", text: "${{ row.name }}" }
`,
		"required.yaml": "params: { who: { type: string, required: true } }\nsteps: [{ uses: log, with: { message: \"${{ params.who }}\" } }]\n",
		"list.csv":      "account,friend,name\n135380,wxid_1,李雨桐\n135381,wxid_2,王思远\n",
	}
}

func badInputs() []bad {
	rows := strings.Repeat("135380,wxid_1,李雨桐\n", 1)
	return []bad{
		{name: "no such file", run: []string{"run", "nowhere.yaml"}, code: 2, says: []string{"nowhere.yaml: there is no such file"}},
		{name: "a folder", run: []string{"run", "."}, code: 2, says: []string{". is a folder", "name a workflow file"}},
		{name: "not YAML", files: map[string]string{"campaign.yaml": "steps: [\n"}, code: 3, says: []string{"campaign.yaml:1:", "yaml-syntax"}},
		{name: "no text at all", files: map[string]string{"campaign.yaml": "\x00\x01\x02\xff"}, code: 3, says: []string{"campaign.yaml:1:"}},
		{name: "2 MB", files: map[string]string{"campaign.yaml": "# " + strings.Repeat("x", 2<<20)}, code: 3, says: []string{"campaign.yaml", "1 MiB"}},
		{name: "no such list", files: map[string]string{"list.csv": ""}, run: []string{"run", "campaign.yaml", "--param", "audience=nolist.csv"}, code: 3, says: []string{"nolist.csv"}},
		{name: "an empty list", files: map[string]string{"list.csv": ""}, code: 3, says: []string{"list.csv"}},
		{name: "a missing column", files: map[string]string{"list.csv": "account,freind,name\n135380,wxid_1,李雨桐\n"}, code: 3, says: []string{"list.csv", "friend"}},
		{name: "a ragged row", files: map[string]string{"list.csv": "account,friend,name\n" + rows + "135381,wxid_2\n"}, code: 3, says: []string{"list.csv", "3"}},
		{name: "a broken quote", files: map[string]string{"list.csv": "account,friend,name\n" + rows + "135381,wxid_2,\"王思远\n"}, code: 3, says: []string{"list.csv", "3", "quote"}},
		{name: "a quote within", files: map[string]string{"list.csv": "account,friend,name\n" + rows + "135381,wxid_2,王\"思远\n"}, code: 3, says: []string{"list.csv", "3", "quote"}},
		{name: "neither UTF-8 nor GB18030", files: map[string]string{"list.csv": "account,friend,name\n135380,wxid_1,\xff\xfe\xff\n"}, code: 3, says: []string{"list.csv", "UTF-8", "GB18030"}},
		{name: "a param of the wrong type", run: []string{"run", "campaign.yaml", "--param", "count=many"}, code: 2, says: []string{"count", "many"}},
		{name: "an unknown param", run: []string{"run", "campaign.yaml", "--param", "cuont=3"}, code: 2, says: []string{"cuont", `"count"`}},
		{name: "a missing param", run: []string{"run", "required.yaml"}, code: 2, says: []string{"who", "--param"}},
		{name: "no base_url", files: map[string]string{"youmiflow.yaml": "connections: { default: { token_url: \"http://127.0.0.1:1\", client_id: a, client_secret: b } }"},
			code: 3, says: []string{"youmiflow.yaml:1:", "has no base_url", "YOUMIFLOW_CONNECTIONS_DEFAULT_BASE_URL"}},
		{name: "no settings at all", files: map[string]string{"youmiflow.yaml": "connections: { default: {} }"},
			code: 3, says: []string{"no base_url", "no client_id", "no client_secret", "3 errors"}},
		{name: "variables that are not filled in", files: map[string]string{
			"youmiflow.yaml": "connections:\n  default:\n    base_url: \"\"\n    client_id: ${YOUMI_CLIENT_ID}\n    client_secret: ${YOUMI_CLIENT_SECRET}\n",
			".env":           "YOUMI_CLIENT_ID=\nYOUMI_CLIENT_SECRET=\n"},
			code: 3, says: []string{"has no base_url", "empty client_id: fill in YOUMI_CLIENT_ID in .env", "empty client_secret: fill in YOUMI_CLIENT_SECRET in .env", "3 errors"}},
		{name: "half of version 1", files: map[string]string{"youmiflow.yaml": "connections: { default: { base_url: \"http://127.0.0.1:1\", client_id: a, client_secret: b, v1: { appid: \"1\" } } }"},
			code: 3, says: []string{"v1 is configured in part"}},
		{name: "no connection", files: map[string]string{"youmiflow.yaml": "timezone: Asia/Shanghai"}, code: 3, says: []string{`no connection "default"`, "--sandbox"}},
		{name: "settings with an error", files: map[string]string{"youmiflow.yaml": "databse: x"}, code: 3, says: []string{"youmiflow.yaml:1:1", `did you mean "database"`}},
		{name: "no such time zone", files: map[string]string{"youmiflow.yaml": "timezone: Asia/Shanghia"}, code: 3, says: []string{"youmiflow.yaml:1:", "Asia/Shanghia"}},
	}
}

// Every bad input ends in a sentence that names what is wrong, with exit code 2 or 3; nothing is sent, and no call is
// kept.
func TestBadInput(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, box.Close()) })
	for _, one := range badInputs() {
		t.Run(one.name, func(t *testing.T) { refused(t, box, url, one) })
	}
	require.Zero(t, box.Stats().Deliveries)
}

func refused(t *testing.T, box *sandbox.Sandbox, url string, one bad) {
	t.Helper()
	dir := t.TempDir()
	files := goodFiles(url)
	for name, text := range one.files {
		files[name] = text
	}
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	t.Chdir(dir)
	arguments := one.run
	if arguments == nil {
		arguments = []string{"run", "campaign.yaml"}
	}
	before := box.Stats()
	r := invoke(t, arguments...)
	require.Equal(t, one.code, r.code, "%s%s", r.out, r.err)
	for _, words := range one.says {
		require.Contains(t, r.out+r.err, words)
	}
	require.NotContains(t, r.out+r.err, "goroutine")
	require.Equal(t, before.Deliveries, box.Stats().Deliveries)
	if _, err := os.Stat(".youmiflow"); err != nil {
		return // not even a ledger was made
	}
	for _, run := range read[[]runJSON](t, "runs", "list") {
		require.Empty(t, read[[]map[string]any](t, "runs", "calls", run.ID))
		require.Equal(t, "failed", run.Status)
	}
}

// A list in GB18030 is as good as one in UTF-8.
func TestGB18030IsRead(t *testing.T) {
	list, err := simplifiedchinese.GB18030.NewEncoder().String("account,friend,name\n135380,wxid_1,李雨桐\n")
	require.NoError(t, err)
	dir := t.TempDir()
	files := goodFiles("")
	files["list.csv"] = list
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	t.Chdir(dir)
	r := invoke(t, "run", "campaign.yaml", "--sandbox")
	require.Zero(t, r.code, r.err)
	journal, err := os.ReadFile(filepath.Join(dir, ".youmiflow", "sandbox.jsonl"))
	require.NoError(t, err)
	require.Contains(t, string(journal), "李雨桐")
}

// A refused client secret and an address at which nobody listens are told apart, and neither the secret nor anything
// else is given away.
func TestUnusableConnections(t *testing.T) {
	box, err := sandbox.New(sandbox.Config{Credentials: []sandbox.Credentials{{ClientID: "right", ClientSecret: "very-right"}}})
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, box.Close()) })
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + silent.Addr().String()
	require.NoError(t, silent.Close())

	settings := func(base, token, secret string) map[string]string {
		return map[string]string{"youmiflow.yaml": fmt.Sprintf(
			"connections: { default: { base_url: %q, token_url: %q, client_id: right, client_secret: %q } }", base, token+"/connect/token", secret)}
	}
	for _, one := range []bad{
		{name: "refused secret", files: settings(url, url, "wrong-secret"), says: []string{"client_id", "client_secret"}},
		{name: "nobody at token_url", files: settings(url, nobody, "very-right"), says: []string{"token_url", silent.Addr().String()}},
		{name: "nobody at base_url", files: settings(nobody, url, "very-right"), says: []string{"base_url", nobody, "check the address"}},
	} {
		one.code = 3
		t.Run(one.name, func(t *testing.T) {
			refused(t, box, url, one)
			r := invoke(t, "run", "campaign.yaml")
			require.NotContains(t, r.out+r.err, "wrong-secret")
			require.NotContains(t, r.out+r.err, "very-right")
			require.NoDirExists(t, ".youmiflow", "it was found out before anything was made")
		})
	}
}

// What cannot be the ledger is named, and left as it is.
func TestUnusableLedgers(t *testing.T) {
	cases := []struct {
		name, database string
		make           func(t *testing.T)
		says           []string
	}{
		{"newer", "sqlite://ledger.db", func(t *testing.T) {
			t.Helper()
			made := invoke(t, "run", "campaign.yaml", "--sandbox", "--quiet")
			require.Zero(t, made.code, made.err)
			db, err := sql.Open("sqlite", "ledger.db")
			require.NoError(t, err)
			_, err = db.Exec("PRAGMA user_version = 9999")
			require.NoError(t, err)
			require.NoError(t, db.Close())
		}, []string{"made by a newer youmiflow", "ledger.db", "9999"}},
		{"no database", "sqlite://ledger.db", func(t *testing.T) {
			t.Helper()
			require.NoError(t, os.WriteFile("ledger.db", []byte("dear diary, today I was not a database at all"), 0o600))
		}, []string{"ledger.db", "is not a SQLite database"}},
		{"a folder", "sqlite://ledger.db", func(t *testing.T) {
			t.Helper()
			require.NoError(t, os.Mkdir("ledger.db", 0o700))
		}, []string{"ledger.db", "folder"}},
		{"below a file", "sqlite://list.csv/ledger.db", func(*testing.T) {}, []string{"list.csv", "lies below a file"}},
		{"a read-only folder", "sqlite://fixed/ledger.db", func(t *testing.T) {
			t.Helper()
			if os.Getuid() == 0 {
				t.Skip("permissions do not bind root")
			}
			require.NoError(t, os.Mkdir("fixed", 0o500))
		}, []string{"fixed", "cannot be written", "make the file and its folder writable"}},
		{"postgres", "postgres://user:pa55word@127.0.0.1/x", func(*testing.T) {}, []string{"postgres", "sqlite://"}},
	}
	for _, one := range cases {
		t.Run(one.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			files := goodFiles("")
			files["youmiflow.yaml"] = "database: " + one.database + "\n"
			for name, text := range files {
				require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
			}
			one.make(t)
			r := invoke(t, "run", "campaign.yaml", "--sandbox")
			require.Equal(t, 3, r.code, r.err)
			for _, words := range one.says {
				require.Contains(t, r.err, words)
			}
			require.NotContains(t, r.err, "pa55word")
			require.Equal(t, 1, strings.Count(strings.TrimSpace(r.err), "\n")+1, "one sentence: %s", r.err)
			if one.name == "newer" || one.name == "no database" {
				require.Equal(t, 3, invoke(t, "runs", "list").code)
			}
		})
	}
}
