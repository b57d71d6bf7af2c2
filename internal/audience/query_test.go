package audience

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// databases are the kinds of databases, each with one of its own where its server is at hand.
func databases() map[string]func(*testing.T) (string, *sql.DB) {
	return map[string]func(*testing.T) (string, *sql.DB){"sqlite": lite, "postgres": postgres, "mysql": mariadb}
}

// asked reads a query to its end.
func asked(ctx context.Context, query Query) (rows []row, err error) {
	query.Name = "crm"
	reader, err := OpenQuery(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		row, number, err := reader.Next()
		if err == io.EOF { //nolint:errorlint // itself
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if number != len(rows)+1 {
			return rows, fmt.Errorf("row %d has the number %d", len(rows)+1, number)
		}
		rows = append(rows, row)
	}
}

func TestQueries(t *testing.T) {
	for name, start := range databases() {
		t.Run(name, func(t *testing.T) {
			address, db := start(t)
			_, err := db.Exec("CREATE TABLE customer (id INTEGER, name VARCHAR(50), score DOUBLE PRECISION, price DECIMAL(20,2), at TIMESTAMP, note VARCHAR(50))")
			require.NoError(t, err)
			_, err = db.Exec("INSERT INTO customer VALUES (1, '王小明😀', 1.5, 12.50, '2026-11-11 10:00:00', NULL), (2, 'O''Hara', -2, 12345678901234567.89, '2026-11-12 10:00:00', 'x;y')")
			require.NoError(t, err)
			marks := []any{"?", "?"}
			if name == "postgres" {
				marks = []any{"$1", "$2"}
			}
			t.Run("types", func(t *testing.T) { queryTypes(t, name, address) })
			t.Run("parameters", func(t *testing.T) {
				text := fmt.Sprintf("SELECT id FROM customer WHERE name = %s AND id > %s", marks...)
				rows, err := asked(t.Context(), Query{Database: address, SQL: text, Args: []any{"O'Hara", 1}})
				require.NoError(t, err)
				require.Equal(t, []row{{"id": 2}}, rows)
				rows, err = asked(t.Context(), Query{Database: address, SQL: text, Args: []any{"' OR '1'='1", 0}})
				require.NoError(t, err)
				require.Empty(t, rows)
			})
			t.Run("nothing is written", func(t *testing.T) { queryWrites(t, name, address, db) })
			t.Run("wrong", func(t *testing.T) { queryWrong(t, address) })
			t.Run("ends with its context", func(t *testing.T) { queryEnds(t, name, address, db) })
		})
	}
}

func queryTypes(t *testing.T, name, address string) {
	rows, err := asked(t.Context(), Query{Database: address, SQL: "SELECT id, name, score, price, at, note, 1 = 1 AS yes FROM customer ORDER BY id;"})
	require.NoError(t, err)
	yes, long, zone := any(true), any("12345678901234567.89"), "Z"
	if name != "postgres" {
		yes = 1
	}
	if name == "sqlite" { // it keeps what is no decimal of its own kind as a number
		long = 12345678901234568
	}
	require.Equal(t, []row{
		{"id": 1, "name": "王小明😀", "score": 1.5, "price": 12.5, "at": "2026-11-11T10:00:00" + zone, "note": nil, "yes": yes},
		{"id": 2, "name": "O'Hara", "score": -2.0, "price": long, "at": "2026-11-12T10:00:00" + zone, "note": "x;y", "yes": yes},
	}, rows)
	reader, err := OpenQuery(t.Context(), Query{Database: address, SQL: "WITH c AS (SELECT id, name FROM customer) SELECT * FROM c WHERE id < 0"})
	require.NoError(t, err)
	require.Equal(t, []string{"id", "name"}, reader.Columns())
	_, _, err = reader.Next()
	require.Equal(t, io.EOF, err)
	require.NoError(t, reader.Close())
	require.NoError(t, reader.Close())
	_, _, err = reader.Next()
	require.Error(t, err)
}

// queryWrites tries what gets past the look at the statement: the database has to refuse it.
func queryWrites(t *testing.T, name, address string, db *sql.DB) {
	statements := map[string][]string{
		"sqlite": {"WITH a AS (SELECT 1) DELETE FROM customer", "WITH a AS (SELECT 1) INSERT INTO customer (id) SELECT 9"},
		"postgres": {"WITH a AS (DELETE FROM customer RETURNING id) SELECT * FROM a", "SELECT nextval('s')", "SELECT set_config('transaction_read_only', 'off', false), (SELECT count(*) FROM customer)",
			"WITH a AS (SELECT 1) INSERT INTO customer (id) SELECT 9"},
		"mysql": {"WITH a AS (SELECT 1) DELETE FROM customer WHERE id IN (SELECT * FROM a)", "WITH a AS (SELECT 1) UPDATE customer SET id = 9"},
	}[name]
	if name == "postgres" {
		_, err := db.Exec("CREATE SEQUENCE s")
		require.NoError(t, err)
	}
	statements = append(statements, "DELETE FROM customer", "SELECT 1; DELETE FROM customer", "DROP TABLE customer", "SELECT * INTO copied FROM customer; SELECT 1")
	for _, statement := range statements {
		_, err := asked(t.Context(), Query{Database: address, SQL: statement})
		require.Error(t, err, statement)
		var count int
		require.NoError(t, db.QueryRow("SELECT count(*) FROM customer").Scan(&count))
		require.Equal(t, 2, count, statement)
	}
}

func queryWrong(t *testing.T, address string) {
	for _, text := range []string{"SELECT nothing FROM nowhere", "SELECT 1 AS a, 2 AS a", "SELECT id FROM customer WHERE"} {
		_, err := asked(t.Context(), Query{Database: address, SQL: text})
		require.ErrorContains(t, err, `database "crm": `, text)
		require.NotContains(t, err.Error(), "p4ss")
		require.NotContains(t, err.Error(), "\n")
	}
	if strings.HasPrefix(address, "sqlite") {
		return
	}
	for _, wrong := range []string{strings.Replace(address, "p4ss", "other", 1), strings.Replace(address, "127.0.0.1:", "127.0.0.1:1", 1)} {
		_, err := asked(t.Context(), Query{Database: wrong, SQL: "SELECT 1"})
		require.Error(t, err)
		for _, secret := range []string{"p4ss", "other%2F", "other/", wrong} {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

// queryEnds reads a few rows of very many, and ends: nothing waits for the rest.
func queryEnds(t *testing.T, name, address string, db *sql.DB) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	many := "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT i FROM n"
	if name == "mysql" {
		many = "SELECT a.TABLE_NAME, sleep(0.01) AS s FROM information_schema.COLUMNS a, information_schema.COLUMNS b"
	}
	if name == "postgres" {
		many = "SELECT i, pg_sleep(0.001)::text AS s FROM generate_series(1, 100000000) AS i"
	}
	if name == "mysql" {
		cancel()
		_, err := asked(ctx, Query{Database: address, SQL: many})
		require.ErrorIs(t, err, context.Canceled)
		return
	}
	reader, err := OpenQuery(ctx, Query{Database: address, Name: "crm", SQL: many})
	require.NoError(t, err)
	for err == nil {
		_, _, err = reader.Next()
		cancel()
	}
	require.ErrorIs(t, err, context.Canceled)
	_ = reader.Close() // what is wrong has been told
	require.NoError(t, db.Ping())
}

func TestStatementsThatAreNoQuery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for text, want := range map[string]string{
		"": "empty", " -- only a comment": "empty", "DELETE FROM a": "begins with \"DELETE\"", "PRAGMA query_only = OFF": "begins with \"PRAGMA\"",
		"ATTACH 'x' AS y": "begins with \"ATTACH\"", "SELECT 1; SELECT 2": "only one", "SELECT 1 /* ; */ ; ; DROP TABLE a": "only one",
		"SELECT ';' ; --\n DELETE FROM a": "only one", "SELECT 'a": "not closed", "SELECT 1 INTO OUTFILE '/tmp/x'": "OUTFILE", "SELECT 1 /*!50000 INTO outfile '/x' */": "OUTFILE",
		"SELECT /*! 1 */": "/*!", "SELECT '\x00'": "NUL", "SELECT " + strings.Repeat("1,", maxSQL): "longer",
	} {
		_, err := OpenQuery(t.Context(), Query{Database: "sqlite://" + path, Name: "crm", SQL: text})
		require.ErrorContains(t, err, want, text)
	}
	for _, text := range []string{"select 1;", "-- a; b\nSELECT ';', \"a;b\" /* ; */ ; ", "(SELECT 1)", "VALUES (1)"} {
		require.NoError(t, oneReadingStatement(text), text)
	}
}

func TestDatabasesThatCannotBeOpened(t *testing.T) {
	for _, address := range []string{"sqlite://" + filepath.Join(t.TempDir(), "absent.db"), "sqlite://" + t.TempDir(), "oracle://u:geheim@h/x",
		"postgres://u:geheim@h:port/x", "mysql://u:geheim@:::/x", "mysql://u:geheim@h/x?tls=custom", "geheim"} {
		_, err := OpenQuery(t.Context(), Query{Database: address, Name: "crm", SQL: "SELECT 1"})
		require.ErrorContains(t, err, `database "crm": `, address)
		require.NotContains(t, err.Error(), "geheim")
	}
	entries, err := os.ReadDir(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, entries, "no file is made")
}

// A file cannot be reached by attaching it: SQLite could read any other one then.
func TestSQLiteReadsItsOwnFileOnly(t *testing.T) {
	address, db := lite(t)
	_, err := db.Exec("CREATE TABLE a (b INTEGER, c BLOB)")
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO a VALUES (1, x'FF'), (2, x'6162')")
	require.NoError(t, err)
	reader, err := OpenQuery(t.Context(), Query{Database: address, Name: "crm", SQL: "SELECT b, c FROM a"})
	require.NoError(t, err)
	_, _, err = reader.Next()
	problem, ok := errors.AsType[*RowError](err)
	require.True(t, ok && problem.Continues, "%v", err)
	require.Equal(t, "database crm, row 1, column \"c\": the value is no text in UTF-8; convert it in the statement, such as with CAST", err.Error())
	row, number, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, 2, number)
	require.Equal(t, "ab", row["c"])
	require.NoError(t, reader.Close())
	_, err = asked(t.Context(), Query{Database: address, SQL: "SELECT 1 FROM a; ATTACH DATABASE 'other.db' AS o"})
	require.ErrorContains(t, err, "only one")
}

// FuzzStatement: the look at a statement ends, and what it lets through does not make SQLite write.
func FuzzStatement(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "SELECT ';'; --", "/* */ WITH a AS (SELECT '''') SELECT 1;;", "SELECT \"a\" `b` 'c", "WITH a AS (SELECT 1) DELETE FROM a"} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "a.db")
	db, err := sql.Open("sqlite", path)
	require.NoError(f, err)
	_, err = db.Exec("CREATE TABLE a (b INTEGER)")
	require.NoError(f, err)
	require.NoError(f, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || strings.Contains(strings.ToUpper(text), "RECURSIVE") {
			return
		}
		if reader, err := OpenQuery(t.Context(), Query{Database: "sqlite://" + path, SQL: text}); err == nil {
			_, _, _ = reader.Next()
			require.NoError(t, reader.Close())
		}
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}
