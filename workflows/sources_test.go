package workflows

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// loaded reads a youmiflow.yaml in a folder of its own, with these variables.
func loaded(t *testing.T, text string, variables map[string]string) (*Project, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(text), 0o600))
	project, problems := LoadProject(dir, func(name string) (string, bool) { value, ok := variables[name]; return value, ok })
	var said []string
	for _, problem := range problems {
		said = append(said, fmt.Sprintf("%d:%d %s %s", problem.Line, problem.Column, problem.Code, problem.Message))
	}
	return project, strings.Join(said, "\n")
}

func TestHosts(t *testing.T) {
	project, said := loaded(t, "http:\n  hosts: [CRM.example.com, \"crm.example.com:8443\", \"http://127.0.0.1:8080/\", \"https://${HOST}\"]\n  allow_private: true\n", map[string]string{"HOST": "x.example.com"})
	require.Empty(t, said)
	require.Equal(t, HTTP{AllowPrivate: true, Hosts: []Host{
		{"https", "crm.example.com", ""}, {"https", "crm.example.com", "8443"}, {"http", "127.0.0.1", "8080"}, {"https", "x.example.com", ""}}}, project.HTTP)
	for host, want := range map[string]string{
		"https://crm.example.com/path": "has a path", "ftp://crm.example.com": "reached by https", "*.example.com": "is no host", "u:p@crm.example.com": "is no host", "a b": "is no host",
	} {
		project, said = loaded(t, fmt.Sprintf("http:\n  hosts: [%q]\n", host), nil)
		require.Nil(t, project)
		require.Contains(t, said, "2:11 not-allowed hosts[0]: ", host)
		require.Contains(t, said, want, host)
	}
	_, said = loaded(t, "http: { host: [a] }\n", nil)
	require.Contains(t, said, `no key "host"`)
	_, said = loaded(t, "http: { hosts: a.example.com }\n", nil)
	require.Contains(t, said, "wrong-type")
}

func TestSourceDatabases(t *testing.T) {
	project, said := loaded(t, "databases:\n  crm: postgres://u:${PASSWORD}@h/d\n  shop: \"${SHOP}\"\n  lists: sqlite://a.db\n", map[string]string{"PASSWORD": "p", "YOUMIFLOW_DATABASES_LISTS": "sqlite://b.db"})
	require.Empty(t, said)
	for name, want := range map[string]string{"crm": "postgres://u:p@h/d", "lists": "sqlite://b.db"} {
		address, err := project.SourceDatabase(name)
		require.NoError(t, err)
		require.Equal(t, want, address.Reveal())
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", address, address, address), want)
	}
	_, err := project.SourceDatabase("shop")
	require.ErrorContains(t, err, "SHOP is not set")
	_, err = project.SourceDatabase("list")
	require.EqualError(t, err, `there is no database "list", did you mean "lists"?`)
	_, said = loaded(t, "databases: { crm: \"mysql://u:geheim@h/d\" }\n", nil)
	require.Contains(t, said, "1:14 plain-secret")
	require.NotContains(t, said, "geheim")
	for _, bad := range []string{"oracle://u:geheim@h", "geheim", "[geheim]"} {
		project, said = loaded(t, "databases:\n  crm: "+bad+"\n", nil)
		require.Nil(t, project, bad)
		require.Contains(t, said, "2:3 ", "at the name: the line that a diagnostic shows may hold a password")
		require.NotContains(t, said, "geheim")
	}
}

func TestProjectSecrets(t *testing.T) {
	project, said := loaded(t, "secrets:\n  token: \"${TOKEN}\"\n  other: \"${OTHER}\"\n  short: \"${SHORT}\"\n  set: \"${OTHER}\"\n",
		map[string]string{"TOKEN": "geheim-1", "SHORT": "abc", "YOUMIFLOW_SECRETS_SET": "geheim-2"})
	require.Empty(t, said)
	names, known := project.SecretNames()
	require.True(t, known)
	require.Equal(t, []string{"other", "set", "short", "token"}, names)
	values := project.Secrets()
	require.Len(t, values, 2)
	require.Equal(t, "geheim-1", values["token"].Reveal())
	require.Equal(t, "geheim-2", values["set"].Reveal())
	reading := func(name string) error {
		return project.CheckSecrets(&Workflow{File: "flow.yaml", Secrets: []Column{{Name: name}}})
	}
	require.NoError(t, reading("token"))
	require.ErrorContains(t, reading("other"), "OTHER is not set")
	require.ErrorContains(t, reading("short"), "too few to be hidden")
	require.NotContains(t, reading("short").Error(), "abc")
	require.ErrorContains(t, reading("tokne"), `there is no secret "tokne"`)
	for _, bad := range []string{"{ a-b: x }", "{ a: [geheim] }", "{ a: 5 }", "[geheim]"} {
		project, said = loaded(t, "secrets: "+bad+"\n", nil)
		require.Nil(t, project, bad)
		require.NotContains(t, said, "geheim")
	}
	_, said = loaded(t, "secrets: { a: geheim-3 }\n", nil)
	require.Contains(t, said, "plain-secret")
}

// secretive is a catalogue of a project.
type secretive struct {
	Catalogue
	names []string
}

func (s secretive) Secrets() ([]string, bool) { return s.names, s.names != nil }

func TestSecretsInExpressions(t *testing.T) {
	text := "steps:\n  - uses: log\n    with: { message: \"${{ secrets.token }}${{ secrets.token }}${{ secrets['other'] }}\" }\n"
	workflow, problems := Parse("flow.yaml", []byte(text), secretive{newTestCatalogue(), []string{"other", "token"}})
	require.Empty(t, problems)
	require.Len(t, workflow.Secrets, 2)
	require.Equal(t, "token", workflow.Secrets[0].Name)
	require.Equal(t, 3, workflow.Secrets[0].Span.Line)
	_, problems = Parse("flow.yaml", []byte(strings.Replace(text, "secrets.token", "secrets.tokem", 1)), secretive{newTestCatalogue(), []string{"other", "token"}})
	require.Len(t, problems, 1)
	require.Equal(t, "token", problems[0].Suggestion)
	_, problems = Parse("flow.yaml", []byte(text), secretive{newTestCatalogue(), []string{}})
	require.True(t, problems.HasErrors(), "a project without secrets")
	_, problems = Parse("flow.yaml", []byte(text), newTestCatalogue())
	require.Empty(t, problems, "nobody knows which there are")
}
