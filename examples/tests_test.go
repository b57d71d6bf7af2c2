package examples_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
)

// Each example has tests beside it, and they pass.
func TestTheTestsOfEveryExamplePass(t *testing.T) {
	for _, file := range files(t) {
		tests := strings.TrimSuffix(file, ".yaml") + ".test.yaml"
		source, err := os.ReadFile(tests)
		require.NoError(t, err, "%s has no tests", file)
		require.True(t, strings.HasPrefix(string(source), "# "), "%s does not say at its top what it tests", tests)
	}
	var out, problems bytes.Buffer
	code := cli.Main(context.Background(), []string{"test", "."},
		cli.Environment{Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false }})
	require.Zero(t, code, out.String()+problems.String())
	require.Contains(t, problems.String(), "0 failed")
}
