package workflows

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

const serverSource = `server:
  listen: ${WHERE}:9000
  tls: { cert: certs/server.pem, key: /keys/server.pem }
  tokens:
    - { name: ci, role: operator, token: "${CI_TOKEN}" }
    - { name: board, role: viewer, token: "${BOARD_TOKEN}" }
`

func TestServerSettings(t *testing.T) {
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": serverSource}, map[string]string{
		"WHERE": "0.0.0.0", "CI_TOKEN": "0123456789abcdef", "BOARD_TOKEN": "fedcba9876543210",
	})
	require.Empty(t, problems)
	require.Equal(t, "0.0.0.0:9000", p.Server.Listen)
	require.Equal(t, []string{p.Dir + "/certs/server.pem", "/keys/server.pem"}, []string{p.Server.Cert, p.Server.Key})
	tokens, err := p.Tokens()
	require.NoError(t, err)
	require.Len(t, tokens, 2)
	require.Equal(t, Token{"ci", RoleOperator, tokens[0].Secret}, tokens[0])
	require.Equal(t, "fedcba9876543210", tokens[1].Secret.Reveal())
	require.NotContains(t, fmt.Sprintf("%+v %#v", tokens, tokens), "0123456789abcdef")
}

func TestServerDefaults(t *testing.T) {
	p, problems := projectIn(t, nil, nil)
	require.Empty(t, problems)
	require.Equal(t, "127.0.0.1:8686", p.Server.Listen)
	tokens, err := p.Tokens()
	require.NoError(t, err)
	require.Empty(t, tokens)

	p, problems = projectIn(t, map[string]string{"youmiflow.yaml": "server: {}\n"}, map[string]string{"YOUMIFLOW_SERVER_LISTEN": "127.0.0.1:1"})
	require.Empty(t, problems)
	require.Equal(t, "127.0.0.1:1", p.Server.Listen)
	_, problems = projectIn(t, map[string]string{"youmiflow.yaml": "server: 3\n"}, map[string]string{"YOUMIFLOW_SERVER_LISTEN": "127.0.0.1:1"})
	require.ErrorContains(t, problems.Err(), "server needs an object")
}

func TestTokensThatCannotBeUsed(t *testing.T) {
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": serverSource}, map[string]string{"WHERE": "::1", "CI_TOKEN": "tiny-secret"})
	require.ErrorContains(t, problems.Err(), `"::1:9000" is no address`)
	require.Nil(t, p)
	p, problems = projectIn(t, map[string]string{"youmiflow.yaml": serverSource}, map[string]string{"WHERE": "[::1]", "CI_TOKEN": "tiny-secret"})
	require.Empty(t, problems)
	_, err := p.Tokens()
	var list diagnostic.List
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 2)
	require.Equal(t, "short-secret", list[0].Code)
	require.Equal(t, 5, list[0].Line)
	require.NotContains(t, list[0].Message, "tiny-secret")
	require.Equal(t, "unset-variable", list[1].Code)
	require.Equal(t, 6, list[1].Line)
}

func TestTokensOfTheSameText(t *testing.T) {
	p, problems := projectIn(t, map[string]string{"youmiflow.yaml": serverSource}, map[string]string{"WHERE": "[::1]", "CI_TOKEN": "same-text-same-text", "BOARD_TOKEN": "same-text-same-text"})
	require.Empty(t, problems)
	_, err := p.Tokens()
	require.ErrorContains(t, err, "has the same text as")
	require.NotContains(t, err.Error(), "same-text")
}

func TestServerProblems(t *testing.T) {
	for source, want := range map[string]string{
		"server: { listn: x }": `did you mean "listen"?`, "server: { listen: 8686 }": "listen needs text",
		`server: { listen: "localhost" }`: "is no address", `server: { listen: ":http" }`: "is no address", `server: { listen: ":70000" }`: "is no address",
		"server: { tls: { cert: a.pem } }": `tls needs the key "key"`, "server: { tokens: {} }": "tokens needs a list",
		"server: { tokens: [{ name: a, role: operator }] }":                                                       `tokens[0] needs the key "token"`,
		`server: { tokens: [{ name: a, role: oprator, token: "${T}" }] }`:                                         `did you mean "operator"?`,
		`server: { tokens: [{ name: a, role: admin, token: 12 }] }`:                                               "tokens[0].token needs text, and this is a number",
		`server: { tokens: [{ name: a, role: admin, token: "${T}" }, { name: a, role: viewer, token: "${T}" }] }`: `another token "a"`,
		`server: { tokens: [{ name: a, role: admin, token: in-the-file-for-all }] }`:                              `the token "a" stands in the file`,
		"server: { users: [] }": `"users" is not in force yet`,
	} {
		_, problems := projectIn(t, map[string]string{"youmiflow.yaml": source}, nil)
		text := ""
		for _, problem := range problems {
			text += fmt.Sprintf("%s (did you mean %q?)\n", problem, problem.Suggestion)
		}
		require.Contains(t, text, want, source)
		require.NotContains(t, text, "in-the-file-for-all", source)
	}
}

func TestRoles(t *testing.T) {
	roles := []Role{RoleViewer, RoleOperator, RoleAdmin}
	for i, has := range roles {
		for j, least := range roles {
			require.Equal(t, i >= j, has.May(least), "%s may what %s may", has, least)
		}
		require.False(t, Role("").May(has))
	}
	require.False(t, Role("root").May(""))
}
