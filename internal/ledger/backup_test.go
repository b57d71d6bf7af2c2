package ledger_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

// A copy that is made while others append is whole entries, from the first on.
func TestBackupWhileOthersAppend(t *testing.T) {
	l := open(t, newPath(t))
	commit(t, l, addRuns(0, 1)...)
	appended, stop := make(chan error, 1), make(chan struct{})
	go func() {
		for i := 1; ; i += 2 {
			select {
			case <-stop:
				appended <- nil
				return
			default:
			}
			if err := l.Append(t.Context(), engine.Entry{Changes: addRuns(i, i+2)}).Wait(t.Context()); err != nil {
				appended <- err
				return
			}
		}
	}()
	dir := t.TempDir()
	before := len(ids(t, l))
	for i := range 5 {
		to := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, l.Backup(t.Context(), to))
		info, err := os.Stat(to)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		backup, err := ledger.OpenReadOnly(t.Context(), to)
		require.NoError(t, err)
		list := ids(t, backup)
		require.NoError(t, backup.Close())
		require.Equal(t, 1, len(list)%2, "an entry is in it whole or not at all")
		require.GreaterOrEqual(t, len(list), before)
		for n, id := range list {
			require.Equal(t, fmt.Sprint(len(list)-1-n), id)
		}
		before = len(list)
	}
	close(stop)
	require.NoError(t, <-appended)

	kept, err := os.ReadFile(filepath.Join(dir, "0"))
	require.NoError(t, err)
	require.ErrorIs(t, l.Backup(t.Context(), filepath.Join(dir, "0")), fs.ErrExist)
	now, err := os.ReadFile(filepath.Join(dir, "0"))
	require.NoError(t, err)
	require.Equal(t, kept, now)
	require.Error(t, l.Backup(t.Context(), filepath.Join(dir, "none", "a")))
	for _, name := range []string{"0", "1", "2", "3", "4"} {
		require.NoFileExists(t, filepath.Join(dir, name+"-wal"))
	}
	left, err := filepath.Glob(filepath.Join(dir, ".youmiflow-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
