package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"

	"youmiflow/engine"
)

//go:embed migrations/*.sql
var migrations embed.FS

// version is that of the newest migration. It is kept as PRAGMA user_version, which is read in a fraction of the time
// that looking through the migrations takes.
const version = 1

// Durability says what a commit survives.
type Durability string

// The durabilities.
const (
	// Full syncs at every commit: nothing that was acknowledged is lost, also when the power goes.
	Full Durability = "full"
	// Normal syncs at checkpoints: nothing is lost when the process dies, the last commits may be when the power goes.
	Normal Durability = "normal"
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
}

// Ledger is a ledger in a SQLite file.
type Ledger struct {
	path   string
	write  *sql.DB // nil when opened for reading only
	read   *sql.DB
	writer *writer
}

var _ engine.Ledger = (*Ledger)(nil)

// Open opens the ledger, and creates or updates it where that is needed. Its errors are *VersionError, *FileError, or
// ctx's.
func Open(ctx context.Context, config Config) (*Ledger, error) {
	path, err := filePath(config.DSN)
	if err != nil {
		return nil, err
	}
	if config.Durability == "" {
		config.Durability = Full
	}
	if config.Durability != Full && config.Durability != Normal {
		return nil, fmt.Errorf("durability is %q: use %q or %q", config.Durability, Full, Normal)
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
	l, err := openFile(path, config.Durability)
	if err != nil {
		return nil, err
	}
	if err := l.migrate(ctx); err != nil {
		return nil, errors.Join(explain(path, err), l.write.Close(), l.read.Close())
	}
	l.writer = startWriter(l.write, config.Logger.With("ledger", path))
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
	read, err := openRead(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, read: read}
	have, err := userVersion(ctx, l.read)
	switch {
	case err != nil:
		err = explain(path, err)
	case have == 0:
		err = fmt.Errorf("%s: %w", path, ErrAbsent)
	case have > version:
		err = &VersionError{Path: path, Have: have, Known: version}
	case have < version:
		err = &FileError{Path: path, Reason: "was made by an older youmiflow: the next run updates it"}
	}
	if err != nil {
		return nil, errors.Join(err, l.read.Close())
	}
	return l, nil
}

// filePath gives the absolute path that a DSN names.
func filePath(dsn string) (string, error) {
	path, isURL := strings.CutPrefix(dsn, "sqlite://")
	if !isURL && strings.Contains(dsn, "://") {
		scheme, _, _ := strings.Cut(dsn, "://")
		return "", fmt.Errorf("database: %s:// is not supported: use sqlite://PATH", scheme)
	}
	if path == "" {
		return "", errors.New("database names no file: use sqlite://PATH, such as sqlite://.youmiflow/ledger.db")
	}
	return filepath.Abs(path)
}

// checkFile refuses what SQLite would report in words of its own.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return explain(path, err)
	case info.IsDir():
		return &FileError{Path: path, Reason: "is a folder: set database to a file in it, such as " + filepath.Join(path, "ledger.db")}
	case !info.Mode().IsRegular():
		return &FileError{Path: path, Reason: "is not a regular file: set database to another path"}
	}
	return nil
}

// openFile prepares the connections; none is made yet.
func openFile(path string, durability Durability) (*Ledger, error) {
	// Transactions take the write lock when they begin, so that they never fail half way for want of it.
	write, err := sql.Open("sqlite", dataSource(path, "rwc", url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"busy_timeout(5000)", "journal_mode(wal)", "synchronous(" + string(durability) + ")",
			// A checkpoint every 8 MB: seldom enough not to be felt, often enough to keep the file small.
			"wal_autocheckpoint(2000)", "journal_size_limit(67108864)",
			"cache_size(-16384)", "temp_store(memory)",
		},
	}))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	read, err := openRead(path)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Ledger{path: path, write: write, read: read}, nil
}

// openRead prepares connections that cannot write.
func openRead(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dataSource(path, "rw", url.Values{
		"_pragma": {"busy_timeout(5000)", "query_only(1)", "cache_size(-4096)", "temp_store(memory)"},
	}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// dataSource names the file as SQLite's URIs do, whatever characters its path has.
func dataSource(path, mode string, options url.Values) string {
	options.Set("mode", mode)
	return (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String()
}

// migrate brings the schema up to date. When it is already, that is one small read.
func (l *Ledger) migrate(ctx context.Context) error {
	have, err := userVersion(ctx, l.write)
	if err != nil {
		return err
	}
	if have == version {
		return nil
	}
	// Processes that start at once take turns; goose has no lock of its own for SQLite.
	turn := flock.New(l.path + ".migrate.lock")
	if _, err := turn.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	defer func() { _ = turn.Close() }()
	if have, err = userVersion(ctx, l.write); err != nil {
		return err
	}
	if have > version {
		return &VersionError{Path: l.path, Have: have, Known: version}
	}
	return l.applyMigrations(ctx)
}

func (l *Ledger) applyMigrations(ctx context.Context) error {
	if err := l.refuseForeign(ctx); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, l.write, files)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	_, err = l.write.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

// refuseForeign sees to it that another program's database does not get our tables.
func (l *Ledger) refuseForeign(ctx context.Context) error {
	var tables, ours int
	err := l.write.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version')
		FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&tables, &ours)
	if err == nil && tables > 0 && ours == 0 {
		return &FileError{Path: l.path, Reason: "is the database of another program: set database to another file"}
	}
	return err
}

func userVersion(ctx context.Context, db *sql.DB) (int, error) {
	var have int
	err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	return have, err
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
