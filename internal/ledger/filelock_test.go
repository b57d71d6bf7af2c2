package ledger

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// TestALockOnARemovedFileIsNone: whoever opened the file before its holder removed it may lock what nobody else finds.
func TestALockOnARemovedFileIsNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	late := &fileLock{flock.New(path)}
	held, err := late.TryLock()
	require.NoError(t, err)
	require.True(t, held)
	require.True(t, late.current())
	require.NoError(t, os.Remove(path))
	require.False(t, late.current())

	next, err := takeLock(path)
	require.NoError(t, err)
	require.NotNil(t, next)
	require.False(t, late.current(), "there is another file now")
	require.NoError(t, late.Close())
	require.True(t, locked(path))
	require.NoError(t, next.release())
	require.False(t, locked(path))
}
