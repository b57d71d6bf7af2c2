package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers decide on.
var (
	// ErrAbsent says that there is no ledger at the path: an empty result for whoever only reads.
	ErrAbsent = errors.New("there is no ledger yet")
	// ErrOlder says that an older version made the ledger, and that opening it for work brings it up to date.
	ErrOlder = errors.New("the ledger was made by an older version")
	// ErrClosed says that the ledger was closed before the entry was committed.
	ErrClosed = errors.New("the ledger is closed")
	// ErrNotCopy says that the ledger is no copy, or was accepted already.
	ErrNotCopy = errors.New("the ledger is no backup that waits to be accepted")
	// ErrReadOnly says that the ledger was opened for reading only.
	ErrReadOnly = errors.New("the ledger was opened for reading only")
)

// VersionError says that a newer version of the program made the ledger.
type VersionError struct {
	Path        string
	Have, Known int // the ledger's version, and the newest this program knows
}

// Error says what to do.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the ledger %s was made by a newer youmiflow (its version is %d, this one knows up to %d): "+
		"use that newer youmiflow, or set database to another file", e.Path, e.Have, e.Known)
}

// FileError says why the file at Path cannot be the ledger, in a sentence that says what to do.
type FileError struct {
	Path   string
	Reason string
	Err    error
}

// Error is one sentence.
func (e *FileError) Error() string { return fmt.Sprintf("the ledger %s %s", e.Path, e.Reason) }

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }

// explain turns what SQLite or the system says of the file into a sentence for people; other errors keep their text.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	var reason string
	switch code := resultCode(err); {
	case code == sqlite3.SQLITE_NOTADB:
		reason = "is not a SQLite database: set database to another file, or move this one away"
	case code == sqlite3.SQLITE_CORRUPT:
		reason = "is damaged: restore it from a backup, or move it away and start a new one"
	case code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_PERM, code == sqlite3.SQLITE_AUTH,
		code == sqlite3.SQLITE_CANTOPEN && !writable(filepath.Dir(path)),
		errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		reason = "cannot be written: make the file and its folder writable, or set database to a path that is"
	case errors.Is(err, syscall.ENOTDIR):
		reason = "lies below a file, not a folder: set database to another path"
	case code == sqlite3.SQLITE_CANTOPEN:
		reason = "cannot be opened: see that the file and its folder can be read and written"
	case code == sqlite3.SQLITE_FULL, errors.Is(err, syscall.ENOSPC):
		reason = "cannot grow: the disk is full, make room"
	case code == sqlite3.SQLITE_BUSY, code == sqlite3.SQLITE_LOCKED:
		reason = "is locked by another program: close it and try again"
	case code == sqlite3.SQLITE_IOERR:
		reason = "cannot be read or written: the disk reports an error"
	default:
		return fmt.Errorf("the ledger %s: %w", path, err)
	}
	return &FileError{Path: path, Reason: reason, Err: err}
}

// writable reports whether files can be made in the folder.
func writable(folder string) bool {
	file, err := os.CreateTemp(folder, ".youmiflow-*")
	if err != nil {
		return false
	}
	return errors.Join(file.Close(), os.Remove(file.Name())) == nil
}

// resultCode gives SQLite's primary result code, or 0.
func resultCode(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code() & 0xff
	}
	return 0
}

// Damaged reports whether the error comes from a damaged file: trying again does not help then.
func Damaged(err error) bool {
	code := resultCode(err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// Passing reports whether a failed transaction, or an opening, may succeed later without anyone changing it: the disk is full, or
// another program has the file locked.
func Passing(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL:
		return true
	}
	return errors.Is(err, syscall.ENOSPC)
}

// duplicate reports whether a statement failed because a row is there already.
func duplicate(err error) bool {
	var failure *sqlite.Error
	if !errors.As(err, &failure) {
		return false
	}
	return failure.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || failure.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}
