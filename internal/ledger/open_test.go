package ledger_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
)

func tryOpen(path string) error {
	l, err := ledger.Open(context.Background(), ledger.Config{DSN: path})
	if err == nil {
		err = l.Close()
	}
	return err
}

func TestOpenKeepsWhatIsThere(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	require.Equal(t, path, l.Path())
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual"}})
	require.NoError(t, l.Close())
	_, err := os.Stat(path + "-wal")
	require.ErrorIs(t, err, os.ErrNotExist, "closing leaves one file")

	l = open(t, path)
	_, err = l.Run(t.Context(), "r")
	require.NoError(t, err)
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r2", Trigger: "manual"}})
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Append(t.Context(), engine.Entry{}).Wait(t.Context()), ledger.ErrClosed)
	require.ErrorIs(t, l.UpdateBucket(t.Context(), "k", func(b engine.Bucket) engine.Bucket { return b }), ledger.ErrClosed)
}

func TestOpenReadOnly(t *testing.T) {
	path := newPath(t)
	_, err := ledger.OpenReadOnly(t.Context(), path)
	require.ErrorIs(t, err, ledger.ErrAbsent)
	_, err = os.Stat(filepath.Dir(path))
	require.ErrorIs(t, err, os.ErrNotExist, "looking makes nothing")

	writing := open(t, path)
	commit(t, writing, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual"}})
	l, err := ledger.OpenReadOnly(t.Context(), path)
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	runs, err := l.Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.ErrorIs(t, l.Append(t.Context(), engine.Entry{}).Wait(t.Context()), ledger.ErrReadOnly)
	_, err = l.Seize(t.Context(), engine.LaneKey{Run: "r"})
	require.ErrorIs(t, err, ledger.ErrReadOnly)

	empty := filepath.Join(t.TempDir(), "empty.db")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err = ledger.OpenReadOnly(t.Context(), empty)
	require.ErrorIs(t, err, ledger.ErrAbsent)
}

// TestReadingFromAReadOnlyFolder: history can be looked at where nothing can be written.
func TestReadingFromAReadOnlyFolder(t *testing.T) {
	unlessRoot(t)
	path := newPath(t)
	l := open(t, path)
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual"}})
	require.NoError(t, l.Close())
	require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
	defer func() { require.NoError(t, os.Chmod(filepath.Dir(path), 0o700)) }()
	l, err := ledger.OpenReadOnly(t.Context(), path)
	require.NoError(t, err)
	_, err = l.Run(t.Context(), "r")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestANewerLedgerIsRefused(t *testing.T) {
	path := newPath(t)
	require.NoError(t, tryOpen(path))
	execute(t, path, "PRAGMA user_version = 99")
	var newer *ledger.VersionError
	require.ErrorAs(t, tryOpen(path), &newer)
	require.Equal(t, path, newer.Path)
	require.Equal(t, 99, newer.Have)
	require.ErrorContains(t, newer, "use that newer youmiflow")
	_, err := ledger.OpenReadOnly(t.Context(), path)
	require.ErrorAs(t, err, &newer)
}

func execute(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path}).String())
	require.NoError(t, err)
	_, err = db.Exec(query)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestWhatIsNoLedgerIsRefusedInWords(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path string)
		says    string
	}{
		"a folder": {func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o755)) },
			"is a folder: set database to a file in it"},
		"a text": {func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, make([]byte, 5000), 0o600))
		}, "is not a SQLite database: set database to another file"},
		"another program's": {func(t *testing.T, path string) { execute(t, path, "CREATE TABLE theirs (x)") },
			"is the database of another program: set database to another file"},
		"damaged": {damage, "is damaged: restore it from a backup"},
		"read-only file": {func(t *testing.T, path string) {
			unlessRoot(t)
			require.NoError(t, os.WriteFile(path, nil, 0o400))
		}, "cannot be written: make the file and its folder writable"},
		"read-only folder": {func(t *testing.T, path string) {
			unlessRoot(t)
			require.NoError(t, os.Chmod(filepath.Dir(path), 0o500))
		}, "cannot be written: make the file and its folder writable"},
		"in a file": {func(t *testing.T, path string) {
			require.NoError(t, os.Remove(filepath.Dir(path)))
			require.NoError(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
		}, "lies below a file"},
		"a pipe": {func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) }, "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "folder", "ledger.db")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
			test.prepare(t, path)
			err := tryOpen(path)
			var file *ledger.FileError
			require.ErrorAs(t, err, &file)
			require.ErrorContains(t, err, test.says)
			require.ErrorContains(t, err, path, "the file is named")
			require.NotContains(t, err.Error(), "\n", "one sentence")
		})
	}
	require.ErrorContains(t, tryOpen("postgres://host/db"), "postgres:// is not supported")
	require.ErrorContains(t, tryOpen("sqlite://"), "names no file")
	_, err := ledger.Open(t.Context(), ledger.Config{DSN: newPath(t), Durability: "some"})
	require.ErrorContains(t, err, `durability is "some"`)
}

func unlessRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
}

// damage overwrites all but the header of a ledger, and has it looked at.
func damage(t *testing.T, path string) {
	require.NoError(t, tryOpen(path))
	execute(t, path, "PRAGMA user_version = 0") // so that opening looks at the tables
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	info, err := file.Stat()
	require.NoError(t, err)
	rubbish := make([]byte, info.Size()-100)
	for i := range rubbish {
		rubbish[i] = byte(i * 7)
	}
	_, err = file.WriteAt(rubbish, 100)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}
