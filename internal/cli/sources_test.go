package cli_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

const fromDatabase = `
steps:
  - id: people
    uses: audience.query
    with: { database: crm, sql: "SELECT friend, name FROM customer WHERE points > ?", args: [1] }
  - id: reach
    foreach: { in: "${{ steps.people.rows }}", as: person, key: person.friend, where: person.name != "" }
    steps:
      - uses: message.send
        with: { account: "135380", friend: "${{ person.friend }}", text: "${{ person.name }}，您好" }
finally:
  - uses: report.write
    with: { path: "reports/all.csv", of: reach, columns: [row, key, name, status, reason, calls] }
`

// A campaign from a database to a report, in the sandbox.
func TestFromADatabaseToAReport(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("sqlite", filepath.Join(dir, "crm.db"))
	require.NoError(t, err)
	for _, statement := range []string{"CREATE TABLE customer (friend TEXT, name TEXT, points INTEGER)", "INSERT INTO customer VALUES ('f1', '李雨桐', 5), ('f2', '王浩', 1), ('f3', '', 9), ('f4', '=1+1', 2)"} {
		_, err = db.Exec(statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("youmiflow.yaml", "databases: { crm: sqlite://crm.db }\n")
	write("flow.yaml", fromDatabase)
	t.Chdir(dir)
	r := invoke(t, "plan", "flow.yaml")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "items      3, 2 selected")
	require.NoDirExists(t, "reports", "a plan writes nothing")
	r = invoke(t, "run", "flow.yaml", "--sandbox")
	require.Zero(t, r.code, "%s%s", r.out, r.err)
	report, err := os.ReadFile(filepath.Join("reports", "all.sandbox.csv"))
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join("reports", "all.csv"), "that is the place of a real run's")
	require.Equal(t, "\uFEFFrow,key,name,status,reason,calls\r\n1,f1,李雨桐,succeeded,,message.send succeeded 20000\r\n2,f3,,skipped,where is false,\r\n"+
		"3,f4,'=1+1,succeeded,,message.send succeeded 20000\r\n", string(report))
}

// A report stays within the project folder, also through links.
func TestReportsStayInTheProject(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "absent.csv"), filepath.Join(dir, "dangling.sandbox.csv")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), nil, 0o600))
	t.Chdir(dir)
	for path, want := range map[string]string{"../a.csv": "leaves the project folder", filepath.Join(outside, "a.csv"): "leaves the project folder",
		"link/a.csv": "leaves the project folder", "link/new/a.csv": "leaves the project folder", "dangling.csv": "leads nowhere"} {
		text := "steps:\n  - { id: reach, foreach: { in: [1], as: one }, steps: [{ uses: log, with: { message: hi } }] }\n  - uses: report.write\n    with: { path: " + path + ", of: reach }\n"
		require.NoError(t, os.WriteFile("flow.yaml", []byte(text), 0o600))
		r := invoke(t, "run", "flow.yaml", "--sandbox")
		require.NotZero(t, r.code, path)
		require.Contains(t, r.out+r.err, want, path)
	}
	left, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, left)
}
