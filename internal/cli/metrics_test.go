package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
)

// The metric counts files, not what is wrong with them; a file with warnings is a good one.
func TestFilesWithErrorsAreCountedOnce(t *testing.T) {
	problem := func(file string, severity diagnostic.Severity) diagnostic.Diagnostic {
		return diagnostic.Diagnostic{File: file, Severity: severity}
	}
	require.Zero(t, brokenFiles(nil))
	require.Equal(t, 2, brokenFiles(diagnostic.List{problem("a.yaml", diagnostic.Error), problem("a.yaml", diagnostic.Error), problem("a.yaml", diagnostic.Error),
		problem("b.yaml", diagnostic.Error), problem("b.yaml", diagnostic.Warning), problem("c.yaml", diagnostic.Warning)}))
}
