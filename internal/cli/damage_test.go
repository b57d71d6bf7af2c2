package cli_test

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

// damageTable fills the first page of a table with noise, as a bad disk would.
func damageTable(t *testing.T, path, table string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var page, size int64
	require.NoError(t, db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = ?", table).Scan(&page))
	require.NoError(t, db.QueryRow("PRAGMA page_size").Scan(&size))
	require.NoError(t, db.Close())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	noise := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // noise that is always the same
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	_, err = file.WriteAt(noise, (page-1)*size)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// Damage that shows only while a run is worked on ends the command and says what to do: a lane that fails of it would
// be tried again without end.
func TestADamagedLedgerEndsWhatWorksOnIt(t *testing.T) {
	for _, table := range []string{"call", "item", "item_state", "run", "takeover"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(name, text string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			write("youmiflow.yaml", "limits: {}\n")
			write("w.yaml", "steps:\n  - foreach: { in: [1, 2, 3], as: n, key: string(n) }\n    steps:\n      - { id: hold, uses: takeover.apply, with: { account: \"135380\", friend: \"f${{ n }}\" } }\n"+
				"      - { uses: message.send, with: { takeover: \"${{ steps.hold.takeover }}\", text: hello } }\n")
			run := func() (string, error) {
				c := exec.Command("youmiflow", "run", "w.yaml", "--sandbox", "--quiet")
				c.Dir = dir
				said, err := c.CombinedOutput()
				return string(said), err
			}
			said, err := run()
			require.NoError(t, err, said)
			damageTable(t, filepath.Join(dir, ".youmiflow", "ledger.db"), table)
			said, err = run()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, said)
			require.Equal(t, 3, exit.ExitCode(), said)
			require.Contains(t, said, "damaged")
			require.Contains(t, said, "restore it from a backup")
		})
	}
}
