package audience

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// RowError is a problem in an audience file.
type RowError struct {
	File string
	// Row is the row's number as an editor shows it for csv, tsv and jsonl (the line on which the row starts), and as a
	// spreadsheet shows it for xlsx; 0 when the problem concerns the whole file.
	Row int
	// Column is a column's name, or "column 3" where it has none; "" when the problem concerns the whole row.
	Column  string
	Problem string // what is wrong, as part of a sentence
	Hint    string // what to do about it, as part of a sentence; "" when the problem says it all
	Err     error  // what caused it, such as fs.ErrNotExist; nil when the content is to blame
	Value   string // what stands there, cut to 200 characters; "" when that is no help
	// Continues says that only this row is bad: the next call of Reader.Next goes on, with what else is wrong with the row
	// or with the row after it.
	Continues bool
}

// only marks a problem as one of its row alone.
func (e *RowError) only(value string) *RowError {
	e.Continues, e.Value = true, cut(value)
	return e
}

// cut shortens a value for people.
func cut(value string) string {
	const most = 200
	if len(value) <= most {
		return value
	}
	runes := []rune(value[:min(len(value), 4*most)])
	return string(runes[:min(len(runes), most)]) + "…"
}

// Error is one sentence: file, row, column, problem, hint.
func (e *RowError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Row > 0 {
		fmt.Fprintf(&b, ", row %d", e.Row)
	}
	if e.Column != "" {
		b.WriteString(", ")
		b.WriteString(columnPhrase(e.Column))
	}
	b.WriteString(": ")
	b.WriteString(e.Problem)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause, save io.EOF: that means the end of the rows, and to break off is not to end.
func (e *RowError) Unwrap() error {
	if errors.Is(e.Err, io.EOF) {
		return nil
	}
	return e.Err
}

// columnPhrase quotes a column's name, and leaves "column 3" as it is.
func columnPhrase(column string) string {
	var n int
	if _, err := fmt.Sscanf(column, "column %d", &n); err == nil && column == fmt.Sprintf("column %d", n) {
		return column
	}
	return fmt.Sprintf("column %q", column)
}

// openError words the error of opening or reading a file.
func openError(path string, err error) *RowError {
	e := &RowError{File: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Problem, e.Hint = "there is no such file", "check the path and the folder it is relative to"
	case errors.Is(err, fs.ErrPermission):
		e.Problem, e.Hint = "the file may not be read", "give this user permission to read it"
	default:
		e.Problem = "the file cannot be read: " + err.Error()
	}
	return e
}
