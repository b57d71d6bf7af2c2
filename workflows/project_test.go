package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

// projectIn writes a project's files and loads it.
func projectIn(t testing.TB, files, environment map[string]string) (*Project, diagnostic.List) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return LoadProject(dir, func(name string) (string, bool) { value, ok := environment[name]; return value, ok })
}

const fullProject = `connections:
  default:
    base_url: https://api.example.com/
    token_url: https://sso.yunshouzhi.net/connect/token
    client_id: ${YOUMI_CLIENT_ID}
    client_secret: ${YOUMI_CLIENT_SECRET}
    tenant_id: ""
    v1: { base_url: "", appid: "", appkey: "" }
    operations:
      endTakeOver: { path: /v2/ChatMess/endTakeOver, confirmed: true }
database: postgres://me:${PASSWORD}@db/x
workflows: flows
timezone: Asia/Shanghai
limits:
  tenant: { rate: 20/s, burst: 5 }
  account:
    by: call.account
    match: call.effect == "message"
    rate: 20/min
    gap: 2s..6s
    hourly: 200
    daily: 500
`

func TestAProjectWithItsVariables(t *testing.T) {
	p, problems := projectIn(t, map[string]string{
		"youmiflow.yaml": fullProject,
		".env":           "# secrets\nYOUMI_CLIENT_ID=file\nexport YOUMI_CLIENT_SECRET='a # b' # comment\nPASSWORD=\"geheim\"\n",
	}, map[string]string{"YOUMI_CLIENT_ID": "from-environment", "YOUMIFLOW_LIMITS_ACCOUNT_DAILY": "7", "YOUMIFLOW_CONNECTIONS_DEFAULT_TENANT_ID": "t1"})
	require.Empty(t, problems)
	require.Equal(t, filepath.Join(p.Dir, "flows"), p.Workflows)
	require.Equal(t, "Asia/Shanghai", p.Timezone.String())
	c, err := p.Connection("default")
	require.NoError(t, err)
	s, err := c.Resolve()
	require.NoError(t, err)
	require.Equal(t, "https://api.example.com", s.BaseURL)
	require.Equal(t, "from-environment", s.ClientID, "the environment stands above .env")
	require.Equal(t, "a # b", s.ClientSecret.Reveal())
	require.Equal(t, "t1", s.TenantID)
	require.Equal(t, OperationOverride{Path: "/v2/ChatMess/endTakeOver", Confirmed: true, Span: s.Operations["endTakeOver"].Span}, s.Operations["endTakeOver"])
	database, err := p.Database()
	require.NoError(t, err)
	require.Equal(t, "postgres://me:geheim@db/x", database.Reveal())
	require.Len(t, p.Limits, 2)
	account := p.Limits[1]
	require.Equal(t, Rate{20, time.Minute}, account.Rate)
	require.Equal(t, []int{1, 200, 7}, []int{account.Burst, account.Hourly, account.Daily})
	require.Equal(t, [2]time.Duration{2 * time.Second, 6 * time.Second}, [2]time.Duration{account.GapMin, account.GapMax})
	_, err = p.Connection("defautl")
	require.ErrorContains(t, err, `did you mean "default"`)
}

func TestMissingVariablesAreReportedWhenTheyAreUsed(t *testing.T) {
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": fullProject}, nil)
	require.Empty(t, problems, "validate and the sandbox work without secrets")
	_, err := p.Connections["default"].Resolve()
	var list diagnostic.List
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 2)
	require.Contains(t, list[0].Message, "YOUMI_CLIENT_ID")
	require.Equal(t, diagnostic.Span{Line: 5, Column: 16, EndColumn: 34}, list[0].Span)
	require.Contains(t, list[1].Message, "YOUMI_CLIENT_SECRET")
	require.Equal(t, diagnostic.Span{Line: 6, Column: 20, EndColumn: 42}, list[1].Span)
	_, err = p.Database()
	require.ErrorContains(t, err, "PASSWORD")
}

func TestAFolderWithoutAProjectFile(t *testing.T) {
	p, problems := projectIn(t, nil, map[string]string{"YOUMIFLOW_CONNECTIONS_DEFAULT_BASE_URL": "http://localhost:1", "YOUMIFLOW_DATABASE": "sqlite://x.db"})
	require.Empty(t, problems)
	require.Empty(t, p.File)
	_, err := p.Connections["default"].Resolve()
	require.ErrorContains(t, err, "YOUMIFLOW_CONNECTIONS_DEFAULT_CLIENT_ID")
	require.ErrorContains(t, err, "2 errors", "the token has an address of its own, unless another is set")
	database, err := p.Database()
	require.NoError(t, err)
	require.Equal(t, "sqlite://x.db", database.Reveal())

	p, problems = projectIn(t, nil, nil)
	require.Empty(t, problems)
	_, err = p.Connection("default")
	require.ErrorContains(t, err, `no connection "default"`)
	database, err = p.Database()
	require.NoError(t, err)
	require.Equal(t, defaultDatabase, database.Reveal())
	require.Len(t, p.Warnings(nil), 1)
}

func TestAnOperationPutRight(t *testing.T) {
	const source = `connections:
  default:
    base_url: https://api.example.com
    client_id: c
    client_secret: ${SECRET}
    v1: { base_url: "http://host:5001/publicapi/v1/", appid: "7", appkey: "${KEY}" }
    operations:
      GetFansList: { fields: { pageIndex: PageIndex, pageSize: PageSize } }
`
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": source}, map[string]string{"SECRET": "s", "KEY": "k"})
	require.Empty(t, problems)
	s, err := p.Connections["default"].Resolve()
	require.NoError(t, err)
	require.Empty(t, s.TokenURL, "left to the client, which knows the documented one")
	require.Equal(t, map[string]string{"pageIndex": "PageIndex", "pageSize": "PageSize"}, s.Operations["GetFansList"].Fields)
	require.Equal(t, "http://host:5001/publicapi/v1", s.V1.BaseURL)
	require.Equal(t, []string{"7", "k"}, []string{s.V1.AppID, s.V1.AppKey.Reveal()})

	for written, want := range map[string]string{
		"{ pageIndex: 3 }": "needs text", `{ pageIndex: "" }`: "fields.pageIndex is empty", "[a]": "fields",
	} {
		changed := strings.Replace(source, "{ pageIndex: PageIndex, pageSize: PageSize }", written, 1)
		_, problems := projectIn(t, map[string]string{"youmiflow.yaml": changed}, nil)
		require.ErrorContains(t, problems.Err(), want, written)
	}
}

func TestProblemsOfAProject(t *testing.T) {
	source := `connection: {}
connections:
  default: { base_ulr: x, client_id: 12, client_secret: hush, operations: { a: { path: v2, method: PUT, confirmed: 1 } } }
  my-own: {}
timezone: Asia/Shanhai
workflows: ${NOWHERE}
limits: { account: { rat: 3 } }
server: { listen: x }
notify: { channels: { team: { slck: x } }, rules: [{ on: [run-faild], to: [ops] }] }
`
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": source, ".env": "ok=1\nno value\n"}, map[string]string{"YOUMIFLOW_LIMITS_ACCOUNT_HOURLY": "many"})
	require.Nil(t, p)
	got := show(problems[1:], source)
	for _, want := range []string{
		`unknown-key: youmiflow.yaml has no key "connection" (did you mean "connections"?) <<connection>>`,
		`did you mean "base_url"?) <<base_ulr>>`, "client_id needs text", "plain-secret", "a path begins with /", "method is GET or POST",
		"confirmed needs true or false", "<<my-own>>", "no time zone", "NOWHERE is not set", "YOUMIFLOW_LIMITS_ACCOUNT_HOURLY", `no key "rat"`, `listen: "x" is no address`, `did you mean "slack"?) <<slck>>`, `did you mean "run-failed"?)`, `no channel "ops"`,
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "hush")
	require.Equal(t, "dotenv", problems[0].Code)
	require.Equal(t, 2, problems[0].Line)
}

func TestSecretsAreNeverShown(t *testing.T) {
	type around struct {
		Open   string
		Secret Secret
		hidden Secret
	}
	v := around{"x", NewSecret("hush"), NewSecret("hush")}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&b, verb+verb+verb, v, &v, v.Secret)
	}
	marshalled, err := json.Marshal(map[string]any{"v": v, "map": map[string]Secret{"a": v.Secret}})
	require.NoError(t, err)
	b.Write(marshalled)
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "s", v.Secret, "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "s", v.Secret, "v", v)
	require.NotContains(t, b.String(), "hush")
	require.NotContains(t, b.String(), fmt.Sprintf("%x", "hush"))
	require.Equal(t, "hush", v.hidden.Reveal())
	require.True(t, Secret{}.Empty())
}

// Whatever is wrong with a line that has a secret in it, the line is not shown.
func TestNoProblemShowsALineWithASecret(t *testing.T) {
	for _, source := range []string{
		"connections:\n  default:\n    base_url: https://a.b\n    client_secret: hush-hush\n    client_secrt: hush-hush\n",
		"connections: { default: { client_id: 12, client_secret: hush-hush, v1: { appky: hush-hush } } }\n",
		"connections:\n  my-own: { client_secret: \"hush-hush${UNSET}\", base_url: x }\n  other:\n    client_secret: |\n      hush-hush\n    v1:\n      appkey: hush-hush\n",
		"secrets: { my-own: hush-hush, b: hush-hush, c: \"hush-hush${UNSET}\" }\n",
		"secrets:\n  a: hush-hush\n  a: hush-hush\n",
		"databases:\n  a: mysql://me:hush-hush@b/c\n  b: pg://me:hush-hush@b/c\n  c: \"postgres://me:hush-hush@${UNSET}/c\"\n",
		"database: postgres://me:hush-hush@${UNSET}/c\n",
		"server: { events: hush-hush, tokens: [{ name: a, role: king, token: hush-hush }] }\n",
		"notify: { channels: { my-team: { slack: https://a.b/hush-hush }, ops: { wecom: \"hush-hush${\" } } }\n",
	} {
		source := source + "limits: { account: { rat: 3 } }\n"
		p, problems := projectIn(t, map[string]string{"youmiflow.yaml": source}, nil)
		if p == nil { // once more without what keeps it from being used
			p, _ = projectIn(t, map[string]string{"youmiflow.yaml": strings.ReplaceAll(strings.Split(source, "limits:")[0], "my-", "my_")}, nil)
		}
		if p != nil {
			add := func(_ any, err error) {
				var list diagnostic.List
				if errors.As(err, &list) {
					problems = append(problems, list...)
				}
			}
			add(p.Database())
			for name := range p.databases {
				add(p.SourceDatabase(name))
			}
			for _, c := range p.Connections {
				add(c.Resolve())
			}
			add(nil, p.CheckSecrets(&Workflow{Secrets: []Column{{Name: "c"}}}))
			add(p.Tokens())
		}
		require.NotEmpty(t, problems)
		var out bytes.Buffer
		require.NoError(t, diagnostic.Text(&out, problems, func(string) ([]byte, error) { return []byte(source), nil }, false))
		require.NotContains(t, out.String(), "hush", source)
		require.Contains(t, out.String(), `rat: 3`, "the others are")
	}
	for _, source := range []string{
		"connections:\n  a: { client_secret: hush?hush }\n", "secrets:\n  # those of others\n  other: hush: hush\n", "secrets:\n  a: \"hush\n",
		"notify:\n  channels:\n    a: { slack: https://a.b/hush?hush }\n", "databases:\n  a: hush\n   b: hush\n",
	} {
		_, problems := projectIn(t, map[string]string{"youmiflow.yaml": source}, nil)
		require.True(t, problems.HasErrors())
		var out bytes.Buffer
		require.NoError(t, diagnostic.Text(&out, problems, func(string) ([]byte, error) { return []byte(source), nil }, false))
		require.NotContains(t, out.String(), "hush", source)
		require.Contains(t, out.String(), "yaml-syntax")
	}
}

func TestFindProjectWalksUp(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	require.NoError(t, os.MkdirAll(deep, 0o700))
	_, found := FindProject(deep)
	require.False(t, found)
	require.NoError(t, os.WriteFile(filepath.Join(top, "youmiflow.yaml"), nil, 0o600))
	dir, found := FindProject(deep)
	require.True(t, found)
	require.Equal(t, top, dir)
}

func TestLoadFolder(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"b.yaml": "steps: [{uses: log, with: {message: b}}]", "a.yml": "steps: [{uses: log, with: {message: a}}]", "bad.yaml": "steps: x",
		"youmiflow.yaml": "limits: {}", ".hidden.yaml": "x", "notes.txt": "x",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	loaded, problems := LoadFolder(dir, newTestCatalogue())
	require.Len(t, loaded, 2)
	require.Equal(t, []string{"a", "b"}, []string{loaded[0].Name, loaded[1].Name})
	require.Len(t, problems, 1)
	require.Equal(t, filepath.Join(dir, "bad.yaml"), problems[0].File)
	require.True(t, strings.HasPrefix(loaded[0].Digest, "sha256:"))
}
