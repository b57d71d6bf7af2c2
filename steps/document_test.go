package steps

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the generated files anew")

func TestReference(t *testing.T) {
	var written bytes.Buffer
	require.NoError(t, newCatalogue(t, nil).Document(&written))
	file := filepath.Join("..", "docs", "reference", "steps.md")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, written.Bytes(), 0o644))
	}
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, written.String(), string(kept), "docs/reference/steps.md is not what the catalogue says: go test ./steps -run TestReference -update")
}
