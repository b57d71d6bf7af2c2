package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Ownership is the right to run what an embedded database holds. The system takes it back when the process dies,
// however it dies.
type Ownership struct{ lock *fileLock }

// Lock takes the ownership of the ledger that the DSN names, if nobody has it; it does not wait. When another process
// (or another Lock of this one) has it, held is false.
func Lock(dsn string) (ownership *Ownership, held bool, err error) {
	path, err := filePath(dsn)
	if err != nil {
		return nil, false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, false, explain(path, err)
	}
	lock, err := takeLock(path + ".lock")
	if err != nil || lock == nil {
		return nil, false, explain(path, err)
	}
	if err := os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, false, explain(path, errors.Join(err, lock.release()))
	}
	return &Ownership{lock}, true, nil
}

// Owner returns the process id of the ledger's owner, for people to read; 0 when there is none or it is not known.
func Owner(dsn string) int {
	path, err := filePath(dsn)
	if err != nil || !locked(path+".lock") {
		return 0
	}
	text, err := os.ReadFile(path + ".lock")
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// Release gives the ownership back.
func (o *Ownership) Release() error { return o.lock.release() }

// Attendance says that this process watches a run.
type Attendance struct{ lock *fileLock }

// Attend says that this process watches the run, until Release or its end. Several processes may watch one run.
func (l *Ledger) Attend(ctx context.Context, run string) (*Attendance, error) {
	path := l.attendPath(run)
	for {
		lock := &fileLock{flock.New(path, flock.SetPermissions(0o600))}
		if held, err := lock.TryRLockContext(ctx, lockRetry); err != nil || !held {
			return nil, fmt.Errorf("attending run %s: %w", run, errors.Join(err, lock.Close()))
		}
		if lock.current() {
			return &Attendance{lock}, nil
		}
		if err := lock.Close(); err != nil {
			return nil, err
		}
	}
}

// Attended reports whether a process that lives watches the run.
func (l *Ledger) Attended(run string) bool { return locked(l.attendPath(run)) }

// Release ends the attendance.
func (a *Attendance) Release() error {
	// The last one to leave takes the file along.
	if alone, err := a.lock.TryLock(); err == nil && alone {
		return a.lock.release()
	}
	return a.lock.Close()
}

func (l *Ledger) attendPath(run string) string {
	return l.path + ".attend-" + url.PathEscape(run) + ".lock"
}
