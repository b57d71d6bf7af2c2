package docs_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
)

// The blocks of docs/testing.md that name a file are a project; each "yaml case" is one more test of its workflow. All of
// them pass, but for the one that shows how a failure reads.
func TestTheTestsInTheGuideRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("lists/few.csv", "account,friend,name,tier\n1,f1,王,vip\n1,f2,李,gold\n")
	blocks, _ := parts(pages(t)["docs/testing.md"])
	cases, failure := "", ""
	for _, block := range blocks {
		language, name, _ := strings.Cut(block.language, " ")
		switch {
		case language == "text":
			failure = block.text
		case name == "case":
			cases += block.text
		case language == "yaml":
			require.NotEmpty(t, name, "the block below line %d is not run", block.line)
			write(name, block.text)
		}
	}
	require.Greater(t, strings.Count(cases, "- name:"), 4)
	write("workflows/cases.test.yaml", "workflow: reminder.yaml\ntests:\n"+cases)
	for _, file := range []string{"reminder", "cases", "answer"} {
		out, code := tested(t, dir, file)
		require.Zero(t, code, out)
	}
	out, code := tested(t, dir, "wrong")
	require.Equal(t, 1, code)
	out = strings.ReplaceAll(out, dir+string(filepath.Separator), "")
	require.Equal(t, failure, regexp.MustCompile(`  \(\d+m?s\)\n`).ReplaceAllString(out, "\n"))
}

func tested(t *testing.T, dir, file string) (string, int) {
	t.Helper()
	var out, problems bytes.Buffer
	code := cli.Main(context.Background(), []string{"test", filepath.Join(dir, "workflows", file+".test.yaml")},
		cli.Environment{Stdout: &out, Stderr: &problems, Lookup: func(string) (string, bool) { return "", false }})
	if code != 1 {
		return out.String() + problems.String(), code
	}
	return out.String(), code
}
