package docs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What SARIF says of a code is what docs/diagnostics.md says of it before its examples: go test ./docs -update copies it.
func TestExplanationsAreThoseOfTheGuide(t *testing.T) {
	page, err := os.ReadFile("diagnostics.md")
	require.NoError(t, err)
	texts := map[string]string{}
	for _, section := range strings.Split(string(page), "\n### ")[1:] {
		code, rest, _ := strings.Cut(section, "\n")
		rest, _, _ = strings.Cut(rest, "\n## ")
		rest, _, _ = strings.Cut(rest, "\n```")
		texts[code] = strings.TrimSpace(rest)
		require.NotEmpty(t, texts[code], "%s has no sentence before its example", code)
	}
	var want bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	require.NoError(t, encoder.Encode(texts))
	path := filepath.Join(root, "internal", "diagnostic", "explained.json")
	if *update {
		require.NoError(t, os.WriteFile(path, want.Bytes(), 0o644))
	}
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want.String(), string(got), "docs/diagnostics.md has changed: go test ./docs -run Explanations -update")
}
