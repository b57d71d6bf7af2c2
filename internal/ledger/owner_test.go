package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Who worked on the runs last is kept apart for those that are real and for rehearsals, and for whoever opens the ledger next.
func TestWhoWorkedLast(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	last := func(sandbox bool) (string, bool) {
		t.Helper()
		role, known, err := l.LastOwner(t.Context(), sandbox)
		require.NoError(t, err)
		return role, known
	}
	_, known := last(false)
	require.False(t, known)
	require.NoError(t, l.NoteOwner(t.Context(), false, "daemon"))
	require.NoError(t, l.NoteOwner(t.Context(), true, ""))
	require.NoError(t, l.Close())
	l = open(t, path)
	for sandbox, want := range map[bool]string{false: "daemon", true: ""} {
		role, known := last(sandbox)
		require.True(t, known)
		require.Equal(t, want, role)
	}
	require.NoError(t, l.NoteOwner(t.Context(), false, ""))
	role, _ := last(false)
	require.Empty(t, role)
}
