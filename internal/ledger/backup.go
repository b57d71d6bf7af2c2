package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Backup writes the ledger as it is at one instant to a file, for its owner alone, whoever works on it meanwhile: nobody
// waits for it. The copy is compact: room that rows have left is not in it. It says of itself that it is one, so that nobody
// takes it for the ledger before somebody has accepted it (Accept). A file that is there already is left alone, with an error
// that wraps fs.ErrExist; a copy that is broken off leaves nothing.
func (l *Ledger) Backup(ctx context.Context, to string) (err error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(&fs.PathError{Op: "backup", Path: to, Err: fs.ErrExist}, err)
	}
	draft, err := os.CreateTemp(filepath.Dir(to), ".youmiflow-backup-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(draft.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if err := draft.Close(); err != nil {
		return err
	}
	made := time.Now() // before it is made: what is in it besides is at least not missing
	if err := l.copyInto(ctx, draft.Name()); err != nil {
		return fmt.Errorf("copying the ledger: %w", explain(draft.Name(), err))
	}
	if err := markCopy(ctx, draft.Name(), made); err != nil {
		return fmt.Errorf("copying the ledger: %w", explain(draft.Name(), err))
	}
	if err := synced(draft.Name()); err != nil {
		return err
	}
	// A link, in place of a rename, does not replace what has come there meanwhile.
	if err := os.Link(draft.Name(), to); err != nil {
		return err
	}
	return synced(filepath.Dir(to))
}

// copyInto fills an empty file. SQLite does that within one transaction that reads.
func (l *Ledger) copyInto(ctx context.Context, file string) (err error) {
	db, err := sql.Open("sqlite", dataSource(l.path, "rw", url.Values{"_pragma": {"busy_timeout(5000)", "cache_size(-2048)"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, `VACUUM INTO ?`, file)
	return err
}

// synced sees to it that a file, or a folder's list of files, outlives a power cut.
func synced(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
