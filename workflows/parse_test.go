package workflows

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

var update = flag.Bool("update", false, "write the golden files anew")

// show prints problems with the text that each span covers, which proves the columns.
func show(list diagnostic.List, source string) string {
	lines := strings.Split(strings.TrimPrefix(strings.ReplaceAll(source, "\r\n", "\n"), "\ufeff"), "\n")
	var b strings.Builder
	for _, d := range list {
		fmt.Fprintf(&b, "%d:%d-%d %s %s: %s", d.Line, d.Column, d.EndColumn, d.Severity, d.Code, d.Message)
		if d.Suggestion != "" {
			fmt.Fprintf(&b, " (did you mean %q?)", d.Suggestion)
		}
		if line := []rune(lines[d.Line-1]); d.EndColumn-1 <= len(line) {
			fmt.Fprintf(&b, " <<%s>>", string(line[d.Column-1:d.EndColumn-1]))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestInvalidFilesAreRefusedWithEveryProblemAtItsPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/err/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			workflow, problems := Parse(filepath.Base(file), source, newTestCatalogue())
			require.Nil(t, workflow)
			require.True(t, problems.HasErrors())
			requireInside(t, problems, source)
			got, golden := show(problems, string(source)), strings.TrimSuffix(file, ".yaml")+".out"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// requireInside checks that every place is in the file.
func requireInside(t testing.TB, problems diagnostic.List, source []byte) {
	t.Helper()
	lines := strings.Split(strings.TrimPrefix(strings.ReplaceAll(string(source), "\r\n", "\n"), "\ufeff"), "\n")
	for _, d := range problems {
		require.NotEmpty(t, d.Code)
		require.NotEmpty(t, d.Message)
		require.Truef(t, d.Line >= 1 && d.Line <= len(lines), "%v in %d lines", d, len(lines))
		end := utf8.RuneCountInString(lines[d.Line-1]) + 1
		require.Truef(t, 1 <= d.Column && d.Column <= d.EndColumn && d.EndColumn <= end, "%v %+v of %d", d, d.Span, end)
	}
}

func TestValidFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/ok/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			workflow, problems := Load(file, newTestCatalogue())
			require.Empty(t, problems)
			require.NotNil(t, workflow)
		})
	}
}
