package audience

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Query is an audience in a database.
type Query struct {
	// Database is the address: postgres://, mysql:// (user:password@host:port/name) or sqlite://PATH. It may hold a
	// password, and is never shown.
	Database string
	Name     string // of the database, for errors
	// SQL is one statement that reads. Parameters are $1, $2 … in PostgreSQL, and ? in MySQL and SQLite.
	SQL string
	// Args are the parameters: text, whole and other numbers, true and false, times, nil.
	Args []any
}

// connectTimeout bounds how long a database may take to answer at all.
const connectTimeout = 15 * time.Second

// QueryReader hands out the rows of a query as the database gives them. It is for one goroutine.
type QueryReader struct {
	query   Query
	db      *sql.DB
	session *sql.Conn
	tx      *sql.Tx
	rows    *sql.Rows
	names   []string
	types   []string
	cells   []any
	number  int
	err     error
}

// OpenQuery connects, and asks within a transaction in which the database lets nothing be written. The context ends the
// reading too.
func OpenQuery(ctx context.Context, query Query) (_ *QueryReader, err error) {
	if err := oneReadingStatement(query.SQL); err != nil {
		return nil, &QueryError{Database: query.Name, Err: err}
	}
	d, err := dialectOf(query.Database)
	if err != nil {
		return nil, &QueryError{Database: query.Name, Err: err}
	}
	q := &QueryReader{query: query}
	defer func() {
		if err != nil {
			_ = q.Close() // it could not even be opened: that is the error
			err = q.failed(err)
		}
	}()
	if q.db, err = d.open(query.Database); err != nil {
		return nil, err
	}
	q.db.SetMaxOpenConns(1)
	if err := q.connect(ctx); err != nil {
		return nil, err
	}
	if err := q.ask(ctx, d); err != nil {
		return nil, err
	}
	return q, nil
}

// connect opens the one connection, within its own time.
func (q *QueryReader) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeoutCause(ctx, connectTimeout, errors.New("the database cannot be reached in time"))
	defer cancel()
	var err error
	if q.session, err = q.db.Conn(limited); err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			return context.Cause(limited)
		}
		return err
	}
	return nil
}

// ask begins the transaction and sends the statement.
func (q *QueryReader) ask(ctx context.Context, d dialect) error {
	for _, statement := range d.before {
		if _, err := q.session.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	var err error
	if q.tx, err = q.session.BeginTx(ctx, &sql.TxOptions{ReadOnly: d.readOnly}); err != nil {
		return err
	}
	if q.rows, err = q.tx.QueryContext(ctx, q.query.SQL, q.query.Args...); err != nil { //nolint:rowserrcheck // Next looks
		return err
	}
	types, err := q.rows.ColumnTypes()
	if err != nil {
		return err
	}
	for _, column := range types {
		if slices.Contains(q.names, column.Name()) {
			return fmt.Errorf("two columns of the answer are called %q: name one of them with AS", column.Name())
		}
		q.names = append(q.names, column.Name())
		q.types = append(q.types, strings.ToUpper(column.DatabaseTypeName()))
	}
	if len(q.names) == 0 {
		return errors.New("the statement gives no columns")
	}
	q.cells = make([]any, len(q.names))
	for i := range q.cells {
		q.cells[i] = new(any)
	}
	return nil
}

// Columns are the names of the answer's columns.
func (q *QueryReader) Columns() []string { return slices.Clone(q.names) }

// Next returns the next row by column name, and its number from 1; io.EOF itself after the last. Values are nil, bool, int,
// float64 or string; times are RFC 3339. A value of another kind is a *RowError that Continues.
func (q *QueryReader) Next() (map[string]any, int, error) {
	if q.err != nil {
		return nil, 0, q.err
	}
	if !q.rows.Next() {
		if q.err = q.rows.Err(); q.err != nil {
			q.err = q.failed(q.err)
			return nil, 0, q.err
		}
		q.err = io.EOF
		return nil, 0, io.EOF
	}
	q.number++
	if err := q.rows.Scan(q.cells...); err != nil {
		q.err = q.failed(err)
		return nil, 0, q.err
	}
	row := make(map[string]any, len(q.names))
	for i, name := range q.names {
		value, err := plainCell(*q.cells[i].(*any), q.types[i])
		if err != nil {
			return nil, 0, &RowError{File: q.source(), Row: q.number, Column: name, Problem: err.Error(), Hint: "convert it in the statement, such as with CAST", Continues: true}
		}
		row[name] = value
	}
	return row, q.number, nil
}

// Close ends the transaction and the connection. It may be called more than once.
func (q *QueryReader) Close() error {
	var problems []error
	if q.rows != nil {
		problems = append(problems, q.rows.Close())
		q.rows = nil
	}
	if q.tx != nil {
		if err := q.tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
			problems = append(problems, err)
		}
		q.tx = nil
	}
	if q.session != nil {
		problems = append(problems, q.session.Close())
		q.session = nil
	}
	if q.db != nil {
		problems = append(problems, q.db.Close())
		q.db = nil
	}
	if q.err == nil {
		q.err = errClosed
	}
	return q.failed(errors.Join(problems...))
}

func (q *QueryReader) source() string { return "database " + q.query.Name }

// failed words an error of the database without its address.
func (q *QueryReader) failed(err error) error {
	if err == nil {
		return nil
	}
	return &QueryError{Database: q.query.Name, Err: hideAddress(err, q.query.Database)}
}

// QueryError is a query that could not be asked, or broke off. It never wraps io.EOF.
type QueryError struct {
	Database string // its name
	Err      error
}

func (e *QueryError) Error() string { return fmt.Sprintf("database %q: %v", e.Database, e.Err) }

// Unwrap gives the end of a context as the cause, and nothing else: what drivers say may hold the address, and io.EOF means
// the end of the rows.
func (e *QueryError) Unwrap() error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(e.Err, cause) {
			return cause
		}
	}
	return nil
}
