package ledger

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// lockRetry is the pause between two tries to lock a file.
const lockRetry = 5 * time.Millisecond

// fileLock is a locked file that is removed when it is let go.
type fileLock struct{ *flock.Flock }

// takeLock locks the file for this one alone, or returns nil when somebody else has it.
func takeLock(path string) (*fileLock, error) {
	for {
		lock := &fileLock{flock.New(path, flock.SetPermissions(0o600))}
		held, err := lock.TryLock()
		if err != nil || !held {
			return nil, errors.Join(err, lock.Close())
		}
		if lock.current() {
			return lock, nil
		}
		// The last holder removed the file between our opening and our locking it: ours is no longer the one that
		// others will find.
		if err := lock.Close(); err != nil {
			return nil, err
		}
	}
}

// current reports whether the locked file is still the one at its path.
func (l *fileLock) current() bool {
	mine, err := l.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.Path())
	return err == nil && os.SameFile(mine, there)
}

// release removes the file while it is still locked, so that nobody else's is removed.
func (l *fileLock) release() error {
	err := os.Remove(l.Path())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.Close())
}

// locked reports whether somebody holds the file's lock.
func locked(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock := &fileLock{flock.New(path, flock.SetFlag(os.O_RDONLY))}
	held, err := lock.TryLock()
	if err != nil {
		return true // rather leave alone what cannot be looked at
	}
	_ = lock.Close()
	return !held
}
