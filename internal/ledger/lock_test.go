package ledger_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/ledger"
)

func TestOneOwnerAtATime(t *testing.T) {
	path := newPath(t)
	require.Zero(t, ledger.Owner(path))
	first, held, err := ledger.Lock("sqlite://" + path)
	require.NoError(t, err)
	require.True(t, held)
	require.Equal(t, os.Getpid(), ledger.Owner(path))
	_, held, err = ledger.Lock(path)
	require.NoError(t, err)
	require.False(t, held)
	require.NoError(t, first.Release())
	require.Zero(t, ledger.Owner(path))
	_, err = os.Stat(path + ".lock")
	require.ErrorIs(t, err, os.ErrNotExist)

	second, held, err := ledger.Lock(path)
	require.NoError(t, err)
	require.True(t, held)
	require.NoError(t, second.Release())

	// What a dead process leaves is a file, but no lock; and what it was.
	for content, left := range map[string]string{"1\n": "", "1 daemon\n": "daemon", "": "", "x y": ""} {
		require.NoError(t, os.WriteFile(path+".lock", []byte(content), 0o600))
		require.Zero(t, ledger.Owner(path))
		third, held, err := ledger.LockFor(path, "other")
		require.NoError(t, err)
		require.True(t, held)
		require.Equal(t, left, third.Left())
		require.Equal(t, os.Getpid(), ledger.Owner(path))
		require.Equal(t, "other", ledger.OwnerRole(path))
		require.NoError(t, third.Release())
		require.Empty(t, ledger.OwnerRole(path))
	}
	fourth, held, err := ledger.Lock(path)
	require.NoError(t, err)
	require.True(t, held)
	require.Empty(t, fourth.Left(), "who releases it leaves nothing")
	require.NoError(t, fourth.Release())
}

// TestOwnershipPassesOn has many take and release it: removing the file must never let two have it.
func TestOwnershipPassesOn(t *testing.T) {
	path := newPath(t)
	var owners, times atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				owner, held, err := ledger.Lock(path)
				if err != nil {
					t.Error(err)
				}
				if !held {
					continue
				}
				times.Add(1)
				if owners.Add(1) != 1 {
					t.Error("two owners")
				}
				owners.Add(-1)
				if err := owner.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Positive(t, times.Load())
	owner, held, err := ledger.Lock(path)
	require.NoError(t, err)
	require.True(t, held)
	require.NoError(t, owner.Release())
}

func TestAttendance(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	require.False(t, l.Attended("a/b"))
	one, err := l.Attend(t.Context(), "a/b")
	require.NoError(t, err)
	two, err := l.Attend(t.Context(), "a/b")
	require.NoError(t, err)
	require.True(t, l.Attended("a/b"))
	require.False(t, l.Attended("other"))
	require.NoError(t, one.Release())
	require.True(t, l.Attended("a/b"), "the other is still there")
	require.NoError(t, two.Release())
	require.False(t, l.Attended("a/b"))
	left, err := filepath.Glob(path + ".attend*")
	require.NoError(t, err)
	require.Empty(t, left)
}
