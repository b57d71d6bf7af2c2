// Package examples_test keeps the examples valid.
package examples_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/steps"
	"youmiflow/workflows"
)

// files are all example workflows.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			if workflows.IsWorkflowFile(filepath.Base(name)) {
				found = append(found, name)
			}
		}
	}
	require.GreaterOrEqual(t, len(found), 15)
	return found
}

func TestEveryExampleIsValid(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	names := map[string]string{}
	for _, file := range files(t) {
		workflow, problems := workflows.Load(file, catalogue)
		require.Empty(t, problems, file)
		require.NotEmpty(t, workflow.Description, "%s has no description", file)
		require.Empty(t, names[workflow.Name], "%s and %s have one name", file, names[workflow.Name])
		names[workflow.Name] = file
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(source), "# "), "%s does not say at its top what it shows", file)
	}
}

// Each content of message.send, and each step that calls the platform, has an example of its own.
func TestEveryContentHasAnExample(t *testing.T) {
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	send, ok := catalogue.Lookup("message.send")
	require.True(t, ok)
	wanted := []string{"batch", "forward"}
	for _, input := range send.Inputs {
		if !slices.Contains([]string{"takeover", "account", "friend", "channel"}, input.Name) {
			wanted = append(wanted, input.Name)
		}
	}
	require.Len(t, wanted, 13)
	for _, content := range wanted {
		require.FileExists(t, filepath.Join("messages", content+".yaml"))
	}
}
