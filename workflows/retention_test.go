package workflows_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/workflows"
)

func TestRetention(t *testing.T) {
	day := 24 * time.Hour
	for text, want := range map[string]workflows.Retention{
		"":                                     {},
		"retention:":                           {},
		"retention: { runs: 90d, events: 7d }": {Runs: 90 * day, Events: 7 * day},
		"retention: { runs: 1d }":              {Runs: day},
	} {
		project, problems := loadRetention(t, text)
		require.Empty(t, problems, text)
		require.Equal(t, want, project.Retention, text)
	}
	for text, says := range map[string]string{
		"retention: { runs: 23h }":      "retention.runs: 23h is too short",
		"retention: { runs: for ever }": "retention.runs",
		"retention: { calls: 3d }":      "calls",
		"retention: 90d":                "retention",
	} {
		project, problems := loadRetention(t, text)
		require.Nil(t, project, text)
		require.ErrorContains(t, problems.Err(), says, text)
	}
}

func loadRetention(t *testing.T, text string) (*workflows.Project, interface{ Err() error }) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(text), 0o600))
	project, list := workflows.LoadProject(dir, func(string) (string, bool) { return "", false })
	return project, list
}
