package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
)

// BenchmarkTests is one test of ten rows with takeovers, messages and a limit.
func BenchmarkTests(b *testing.B) {
	dir := b.TempDir()
	campaign, err := os.ReadFile(filepath.Join("..", "..", "examples", "double11", "campaign.yaml"))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, "campaign.yaml"), campaign, 0o600))
	var text strings.Builder
	text.WriteString("tests:\n")
	for n := range b.N {
		fmt.Fprintf(&text, "  - name: test %d\n    audience:\n      customers:\n", n)
		for i := range 10 {
			fmt.Fprintf(&text, "        - { account: \"%d\", friend: f%d, name: 李, tier: %s, consultant: c }\n", i%3, i, []string{"gold", "vip", "silver"}[i%3])
		}
		text.WriteString("    expect: { counts: { succeeded: 7, skipped: 3 } }\n")
	}
	require.NoError(b, os.WriteFile(filepath.Join(dir, "campaign.test.yaml"), []byte(text.String()), 0o600))
	b.ResetTimer()
	var out, problems bytes.Buffer
	code := cli.Main(context.Background(), []string{"--project", dir, "--quiet", "test", dir},
		cli.Environment{Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false }})
	require.Zero(b, code, out.String()+problems.String())
}
