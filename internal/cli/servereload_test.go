package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
	const tls = "server: { tls: { cert: a, key: b } }"
	for _, one := range []struct {
		before, after string
		want          []string
	}{
		{"limits: { a: { rate: 1/s } }", "limits: {}\nretention: { runs: 9d }\nserver: { tokens: [] }", []string{}},
		{"timezone: UTC\nserver: { listen: a }", "workflows: x\nserver: { listen: b }", []string{"server.listen", "timezone", "workflows"}},
		{tls, "server: { tls: { cert: c, key: d } }", []string{}},
		{tls, "", []string{"server.tls"}},
		{"", tls, []string{"server.tls"}},
	} {
		require.Equal(t, one.want, needRestart([]byte(one.before), []byte(one.after)), "%s -> %s", one.before, one.after)
	}
}
