package ledger_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/folder"
	"youmiflow/internal/ledger"
	"youmiflow/workflows"
)

func TestVersionsInForceAreKept(t *testing.T) {
	path := "sqlite://" + filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: path})
	require.NoError(t, err)
	none, err := l.Current(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	text := func(digest string) *workflows.Resting {
		return &workflows.Resting{Digest: digest, Name: "n " + digest, File: digest + ".yaml", Source: []byte("name: " + digest)}
	}
	a := folder.Version{File: "workflows/a.yaml", Name: "a", Digest: "1", Commit: "c1", Calls: map[string]string{"b": "2"}}
	b := folder.Version{File: "workflows/b.yaml", Name: "b", Digest: "2", Commit: "c1"}
	require.NoError(t, l.Keep(t.Context(), []*workflows.Resting{text("1"), text("2")}, []folder.Version{a, b}, nil))
	a.Digest, a.Commit, a.Calls = "3", "c2", nil
	require.NoError(t, l.Keep(t.Context(), []*workflows.Resting{text("3")}, []folder.Version{a}, []string{b.File}))
	require.NoError(t, l.Close())

	l, err = ledger.Open(t.Context(), ledger.Config{DSN: path})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	current, err := l.Current(t.Context())
	require.NoError(t, err)
	require.Equal(t, []folder.Version{a}, current)
	for digest, commit := range map[string]string{"1": "c1", "2": "c1", "3": "c2"} {
		source, err := l.Text(t.Context(), digest)
		require.NoError(t, err)
		require.Equal(t, "name: "+digest, string(source))
		version, err := l.Workflow(t.Context(), digest)
		require.NoError(t, err)
		require.Equal(t, commit, version.Commit)
	}
	_, err = l.Text(t.Context(), "4")
	require.ErrorIs(t, err, engine.ErrNotFound)
}
