package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"youmiflow/engine"
)

// session is what the writer knows of its connection: the statements prepared on it, and rows it has seen. It talks to
// the driver itself, since database/sql was measured to double the cost of a small statement.
type session struct {
	conn     any
	prepared map[string]driver.Stmt
	moves    map[move]string // the texts of some
	args     []driver.NamedValue
	dataSeen int64
	memory
}

// memory spares reading what only this writer changes. It is forgotten after a rollback, and when another connection
// has written.
type memory struct {
	epochs map[engine.LaneKey]int64
	series map[seriesKey]*seriesRow
	lanes  map[laneName]int64
	kinds  map[callKind]int64
	lastID int64 // of items; -1 is not known
	era    int64 // of this process; 0 is not known
	intent int64 // counts intents within the era
	noted  int64 // the intent at which settled was noted last
	// open are the calls without an outcome, with their ordinals; nil is not known.
	open map[engine.CallKey]int64
}

type seriesKey struct{ run, step string }

type seriesRow struct {
	id          int64
	first, last int64 // the range of its items' ids; 0 while it has none
	waves       bool  // of a reader: its items have been assigned to waves
}

type laneName struct {
	series int64
	name   string
}

// remembered bounds each of the maps.
const remembered = 20000

// enter makes ready for a transaction on the connection, which may be another than last time.
func (s *session) enter(conn any) error {
	if s.conn != conn {
		// The statements went with the old connection.
		s.conn, s.prepared, s.moves, s.dataSeen = conn, map[string]driver.Stmt{}, map[move]string{}, -1
	}
	row, err := s.row("PRAGMA data_version")
	if err != nil {
		return err
	}
	if seen := row.int(0); seen != s.dataSeen || s.full() {
		s.forget()
		s.dataSeen = seen
	}
	return nil
}

// leave closes the statements, unless the connection they were prepared on is gone.
func (s *session) leave(conn any) error {
	if s.conn != conn {
		return nil
	}
	var problems []error
	for _, stmt := range s.prepared {
		problems = append(problems, stmt.Close())
	}
	s.conn, s.prepared, s.moves = nil, nil, nil
	return errors.Join(problems...)
}

func (s *session) full() bool {
	return s.epochs == nil || len(s.epochs) > remembered || len(s.series) > remembered || len(s.lanes) > remembered
}

func (s *session) forget() {
	s.memory = memory{
		epochs: map[engine.LaneKey]int64{}, series: map[seriesKey]*seriesRow{}, lanes: map[laneName]int64{},
		kinds:  map[callKind]int64{},
		lastID: -1,
	}
}

// exec runs a statement and returns how many rows it changed. Values are int64, string, []byte or nil.
func (s *session) exec(query string, values ...driver.Value) (int64, error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return 0, err
	}
	execer, ok := stmt.(driver.StmtExecContext)
	if !ok {
		return 0, errors.New("the SQLite driver's statements take no context")
	}
	result, err := execer.ExecContext(context.Background(), s.bind(values))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// values is a row.
type values []driver.Value

func (v values) int(i int) int64 { n, _ := v[i].(int64); return n }

func (v values) text(i int) string { t, _ := v[i].(string); return t }

func (v values) blob(i int) []byte { b, _ := v[i].([]byte); return b }

// row returns the first row, or nil.
func (s *session) row(query string, args ...driver.Value) (values, error) {
	var first values
	err := s.each(query, args, func(row values) bool {
		first = row
		return false
	})
	return first, err
}

// each calls f with each row until it returns false.
func (s *session) each(query string, args []driver.Value, f func(values) bool) (err error) {
	stmt, err := s.prepare(query)
	if err != nil {
		return err
	}
	queryer, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return errors.New("the SQLite driver's statements take no context")
	}
	rows, err := queryer.QueryContext(context.Background(), s.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row := make(values, len(rows.Columns()))
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if !f(row) {
			return nil
		}
	}
}

func (s *session) prepare(query string) (driver.Stmt, error) {
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	preparer, ok := s.conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's connection is a %T", s.conn)
	}
	stmt, err := preparer.PrepareContext(context.Background(), query)
	if err == nil {
		s.prepared[query] = stmt
	}
	return stmt, err
}

func (s *session) bind(values []driver.Value) []driver.NamedValue {
	s.args = s.args[:0]
	for i, value := range values {
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	return s.args
}
