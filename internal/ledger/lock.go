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
type Ownership struct {
	lock *fileLock
	left string
}

// Lock takes the ownership of the ledger that the DSN names, if nobody has it; it does not wait. When another process
// (or another Lock of this one) has it, held is false.
func Lock(dsn string) (ownership *Ownership, held bool, err error) { return LockFor(dsn, "") }

// LockFor is Lock with a word for what the owner is: who comes after one that died hears it (Left).
func LockFor(dsn, role string) (ownership *Ownership, held bool, err error) {
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
	_, left := ownerIn(lock.Path())
	if err := os.WriteFile(lock.Path(), fmt.Appendf(nil, "%d %s\n", os.Getpid(), role), 0o600); err != nil {
		return nil, false, explain(path, errors.Join(err, lock.release()))
	}
	return &Ownership{lock, left}, true, nil
}

// Left is the role of the last owner when that died; "" when it released the ownership, or had no role.
func (o *Ownership) Left() string { return o.left }

// ownerIn reads who has, or had, a lock: nobody when that cannot be told.
func ownerIn(file string) (pid int, role string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, ""
	}
	first, role, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if pid, err = strconv.Atoi(first); err != nil {
		return 0, ""
	}
	return pid, role
}

// Owner returns the process id of the ledger's owner, for people to read; 0 when there is none or it is not known.
func Owner(dsn string) int {
	path, err := filePath(dsn)
	if err != nil || !locked(path+".lock") {
		return 0
	}
	pid, _ := ownerIn(path + ".lock")
	return pid
}

// OwnerRole returns the role of the ledger's owner (LockFor); "" when there is none, or it has no role.
func OwnerRole(dsn string) string {
	path, err := filePath(dsn)
	if err != nil || !locked(path+".lock") {
		return ""
	}
	_, role := ownerIn(path + ".lock")
	return role
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
