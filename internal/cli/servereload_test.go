package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/workflows"
)

// docs/operations.md says of each setting that is taken while the daemon works that it is.
func TestWhatIsReloadedIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	for _, name := range reloaded() {
		require.Contains(t, string(text), "\n| `"+name+"` | In force at once")
	}
}

func TestWhatNeedsARestart(t *testing.T) {
	const events = "server: { events: \"${SECRET}\" }\nsecrets: { key: \"a ${SECRET}\" }\ntimezone: UTC"
	const tls = "server: { tls: { cert: a, key: b } }"
	for _, one := range []struct {
		before, after string
		want          []string
	}{
		{"limits: { a: { rate: 1/s } }", "limits: {}\nretention: { runs: 9d }\nserver: { tokens: [] }", []string{}},
		{"timezone: UTC\nserver: { listen: \":1\" }", "workflows: x\nserver: { listen: \":2\" }", []string{"server.listen", "timezone", "workflows"}},
		{tls, "server: { tls: { cert: c, key: d } }", []string{}},
		{tls, "", []string{"server.tls"}},
		{"", tls, []string{"server.tls"}},
		{events, events, []string{"secrets", "server.events"}}, // its variables are others
	} {
		require.Equal(t, one.want, needRestart(configured(t, one.before, "x"), configured(t, one.after, "y")), "%s -> %s", one.before, one.after)
	}
}

// configured is the project of a youmiflow.yaml, with what ${SECRET} says.
func configured(t *testing.T, source, secret string) *workflows.Project {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(source), 0o600))
	project, problems := workflows.LoadProject(dir, func(name string) (string, bool) { return secret, name == "SECRET" })
	require.NoError(t, problems.Err())
	return project
}
