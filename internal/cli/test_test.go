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

// Whoever asks the tests to stop does not wait for those that are left.
func TestTestsCanBeInterrupted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w.yaml"), []byte("steps:\n  - uses: log\n    with: { message: hi }\n"), 0o600))
	var text strings.Builder
	text.WriteString("tests:\n")
	for n := range 5000 {
		fmt.Fprintf(&text, "  - { name: test %d, expect: { status: succeeded } }\n", n)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w.test.yaml"), []byte(text.String()), 0o600))
	interrupts := make(chan os.Signal, 1)
	interrupts <- os.Interrupt
	var out, problems bytes.Buffer
	code := cli.Main(context.Background(), []string{"--project", dir, "test", dir},
		cli.Environment{Stdout: &out, Stderr: &problems, Interrupts: interrupts, Lookup: func(string) (string, bool) { return "", false }})
	require.Equal(t, 5, code, problems.String())
	require.Less(t, strings.Count(out.String(), "\n"), 5000)
}
