package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

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

// ownerOnly makes the file, when it is not there, for its owner alone: it holds customers' data. SQLite gives the files
// beside it the same mode.
func ownerOnly(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
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
			"cache_size(-8192)", "temp_store(memory)",
		},
	}))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	read, err := openRead(path, "rw")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Ledger{path: path, write: write, read: read}, nil
}

// openRead prepares connections that do not write. With mode "ro", nobody may.
func openRead(path, mode string) (*sql.DB, error) {
	options := url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)", "cache_size(-2048)", "temp_store(memory)"}}
	if mode == "ro" {
		options.Set("immutable", "1")
	}
	db, err := sql.Open("sqlite", dataSource(path, mode, options))
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
