package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"time"
	"youmiflow/engine"
)

// Durability says what a commit survives.
type Durability string

// The durabilities.
const (
	// Full syncs at every commit: nothing that was acknowledged is lost, also when the power goes.
	Full Durability = "full"
	// Normal syncs at checkpoints: nothing is lost when the process dies, the last commits may be when the power goes.
	Normal Durability = "normal"
	// Off never syncs: for ledgers that need not outlive the machine, such as those of tests.
	Off Durability = "off"
)

// WakeFunc has lanes worked on. It is called within the transaction that asks for it, before its commit; the function
// it returns, if any, is called after the commit, and not at all when there is none. It must not use the ledger.
type WakeFunc func(ctx context.Context, tx *sql.Tx, wakes []engine.Wake) (committed func(), err error)

// Config says where the ledger is and how it is kept.
type Config struct {
	// DSN is sqlite://PATH or a bare path. Required.
	DSN string
	// Durability is Full unless set.
	Durability Durability
	// Wake may be set later with SetWake. Without one, wakes are dropped: whoever starts works on every lane not done.
	Wake WakeFunc
	// Logger is slog.Default() unless set.
	Logger *slog.Logger
	// Copy has a copy be opened that nobody has accepted: for Accept alone. Otherwise that is a *CopyError.
	Copy bool
	// Observe, when set, hears of each commit: how long it took, and how many entries it had. It must return at once.
	Observe func(took time.Duration, entries int)
}

// Ledger is a ledger in a SQLite file.
type Ledger struct {
	path   string
	write  *sql.DB // nil when opened for reading only
	read   *sql.DB
	writer *writer
}

var _ engine.Ledger = (*Ledger)(nil)

// Open opens the ledger, and creates or updates it where that is needed. Its errors are *VersionError, *FileError,
// *CopyError, or ctx's.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	path, err := filePath(config.DSN)
	if err != nil {
		return nil, err
	}
	if config.Durability == "" {
		config.Durability = Full
	}
	if config.Durability != Full && config.Durability != Normal && config.Durability != Off {
		return nil, fmt.Errorf("durability is %q: use %q, %q or %q", config.Durability, Full, Normal, Off)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, explain(path, err)
	}
	if err := ownerOnly(path); err != nil {
		return nil, explain(path, err)
	}
	l, err := openFile(path, config.Durability)
	if err != nil {
		return nil, err
	}
	if !config.Copy {
		if err := l.refuseCopy(ctx); err != nil {
			return nil, errors.Join(err, l.write.Close(), l.read.Close())
		}
	}
	if err := l.migrate(ctx); err != nil {
		return nil, errors.Join(explain(path, err), l.write.Close(), l.read.Close())
	}
	l.writer = startWriter(l.write, config.Logger.With("ledger", path), config.Observe)
	l.writer.wake.Store(&config.Wake)
	return l, nil
}

// OpenReadOnly opens a ledger that is there, for reading. ErrAbsent.
func OpenReadOnly(ctx context.Context, dsn string) (*Ledger, error) {
	path, err := filePath(dsn)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrAbsent)
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	read, have, err := openThere(ctx, path)
	if err != nil {
		return nil, explain(path, err)
	}
	switch {
	case have == 0:
		err = fmt.Errorf("%s: %w", path, ErrAbsent)
	case have > version:
		err = &VersionError{Path: path, Have: have, Known: version}
	case have < version:
		err = &FileError{Path: path, Reason: "was made by an older youmiflow: the next run updates it", Err: ErrOlder}
	}
	if err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &Ledger{path: path, read: read}, nil
}

// openThere opens a file for reading and looks at its version.
func openThere(ctx context.Context, path string) (*sql.DB, int, error) {
	db, err := openRead(path, "rw")
	if err != nil {
		return nil, 0, err
	}
	have, err := userVersion(ctx, db)
	if err == nil {
		return db, have, nil
	}
	err = errors.Join(err, db.Close())
	// A log needs files beside the ledger. Where none can be made, nobody writes, and without a log none is needed.
	if _, log := os.Stat(path + "-wal"); !errors.Is(log, fs.ErrNotExist) || writable(filepath.Dir(path)) {
		return nil, 0, err
	}
	if db, err = openRead(path, "ro"); err != nil {
		return nil, 0, err
	}
	if have, err = userVersion(ctx, db); err != nil {
		return nil, 0, errors.Join(err, db.Close())
	}
	return db, have, nil
}

// SetWake sets what has lanes worked on. It applies to what is appended from now on.
func (l *Ledger) SetWake(wake WakeFunc) { l.writer.wake.Store(&wake) }

// DB is the one connection that writes, for River to share. It must not be closed, nor be held for long.
func (l *Ledger) DB() *sql.DB { return l.write }

// Path is the absolute path of the file.
func (l *Ledger) Path() string { return l.path }

// Close commits what was appended and closes the file. Entries appended from now on fail with ErrClosed.
func (l *Ledger) Close() error {
	var problems []error
	if l.writer != nil {
		l.writer.close()
	}
	problems = append(problems, l.read.Close())
	if l.write != nil {
		// The last connection that closes checkpoints and removes the WAL by itself.
		problems = append(problems, l.write.Close())
	}
	return errors.Join(problems...)
}
