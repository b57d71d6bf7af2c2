package cli_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/audience"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// What init writes is valid from the first minute.
func TestTemplateIsValid(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	loaded, problems := workflows.LoadFolder("template/workflows", catalogue)
	require.Empty(t, problems)
	require.Len(t, loaded, 1)
	require.Equal(t, "first-campaign", loaded[0].Name)

	project, problems := workflows.LoadProject("template", func(string) (string, bool) { return "", false })
	require.Empty(t, problems)
	require.Empty(t, project.Warnings(loaded[0]), "the limits are those of an account")
	require.Contains(t, project.Connections, "default")

	text, err := os.ReadFile("template/.github/workflows/youmiflow.yaml")
	require.NoError(t, err)
	var actions map[string]any
	require.NoError(t, yaml.Unmarshal(text, &actions))
	text, err = os.ReadFile("template/.vscode/settings.json")
	require.NoError(t, err)
	require.True(t, json.Valid(text))
}

// The sample list has what the sample campaign reads, and something to be skipped.
func TestTemplateListGoesWithItsCampaign(t *testing.T) {
	rows, err := audience.Open("template/lists/audience.csv", audience.Options{Require: []string{"account", "friend", "name", "tier"}})
	require.NoError(t, err)
	require.NoError(t, rows.Close())
}

// Secrets stay out of git.
func TestTemplateIgnoresSecrets(t *testing.T) {
	ignored, err := os.ReadFile("template/.gitignore")
	require.NoError(t, err)
	require.Contains(t, string(ignored), "\n.env\n")
	require.Contains(t, string(ignored), "\n.youmiflow/\n")
	example, err := os.ReadFile("template/.env.example")
	require.NoError(t, err)
	for _, name := range []string{"YOUMI_CLIENT_ID=\n", "YOUMI_CLIENT_SECRET=\n"} {
		require.Contains(t, string(example), name)
	}
}
