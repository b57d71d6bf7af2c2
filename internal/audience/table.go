package audience

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// table reads csv and tsv.
type table struct {
	file  *os.File
	path  string
	text  *text
	csv   *csv.Reader
	names []string
	after int // the line after the last row
	bad   queue
	// filled are the columns that must hold something.
	filled []string
}

func newTable(file *os.File, path string, comma rune, options Options) (*table, error) {
	text, err := newText(file, path, options.Encoding)
	if err != nil {
		return nil, err
	}
	t := &table{file: file, path: path, text: text, csv: csv.NewReader(bufio.NewReaderSize(text, sampleSize)), after: 1, filled: options.Filled}
	t.csv.Comma = comma
	t.csv.ReuseRecord = true
	t.csv.FieldsPerRecord = -1 // counted here, for a better message
	cells, row, err := t.record()
	if errors.Is(err, io.EOF) {
		return nil, emptyFile(path)
	}
	if err != nil {
		return nil, err
	}
	if line := t.text.spoiled(t.after - 1); line > 0 {
		return nil, t.text.misencoded(row, line)
	}
	t.names, err = header(path, row, cells, options)
	return t, err
}

func (t *table) columns() []string { return t.names }

func (t *table) close() error { return t.file.Close() }

func (t *table) next() (map[string]any, int, error) {
	if err := t.bad.pop(); err != nil {
		return nil, 0, err
	}
	cells, number, err := t.record()
	if err != nil {
		return nil, 0, err
	}
	row := make(map[string]any, len(cells))
	if t.check(cells, number, row); len(t.bad.waiting) > 0 {
		return nil, 0, t.bad.pop()
	}
	return row, number, nil
}

// check fills the row with its cells, and notes all that is wrong with them.
func (t *table) check(cells []string, number int, row map[string]any) {
	if line := t.text.spoiled(t.after - 1); line > 0 {
		t.bad.add(t.text.misencoded(number, line).only(strings.Join(cells, ",")))
		return // its cells may be anything
	}
	if len(cells) != len(t.names) {
		t.bad.add(ragged(t.path, number, len(cells), len(t.names)).only(strings.Join(cells, ",")))
		return
	}
	for i, cell := range cells {
		switch {
		case len(cell) > maxField:
			t.bad.add(fieldTooLong(t.path, number, t.name(i)).only(cell))
		case mayBeShortened(cell) && shortened.MatchString(cell):
			t.bad.add(shortenedNumber(t.path, number, t.names[i], cell).only(cell))
		}
		row[t.names[i]] = cell
	}
	t.bad.fillCells(t.path, number, t.filled, func(column string) string { text, _ := row[column].(string); return text })
}

// shortened is how Excel saves a long number as CSV: the digits that are not shown are lost, and many customers may have
// become one. It is narrower than what a workbook's cell is held against, since text may look like 1E+5.
var shortened = regexp.MustCompile(`^[0-9]\.[0-9]+E\+[0-9]+$`)

// mayBeShortened tells most cells from those that need a closer look.
func mayBeShortened(cell string) bool {
	return len(cell) > 4 && len(cell) < 40 && cell[1] == '.' && cell[0] >= '0' && cell[0] <= '9'
}

func shortenedNumber(path string, row int, column, cell string) *RowError {
	return &RowError{
		File: path, Row: row, Column: column,
		Problem: "the cell holds a number that Excel has shortened, " + cell, Hint: "format the column as text, enter the digits again and save it anew",
	}
}

// record reads one row that is not blank, with its cells trimmed. The cells share one string, made for this row; the
// slice is only valid until the next call.
func (t *table) record() ([]string, int, error) {
	for {
		t.text.startRow()
		cells, err := t.csv.Read()
		if err != nil {
			return nil, 0, t.explain(err)
		}
		row, _ := t.csv.FieldPos(0)
		blank, size := true, len(cells)
		t.after = row + 1
		for i, cell := range cells {
			t.after += strings.Count(cell, "\n")
			size += len(cell)
			cells[i] = strings.Trim(cell, blanks)
			blank = blank && cells[i] == ""
		}
		if size > maxRow {
			return nil, 0, rowTooLong(t.path, row).only("")
		}
		if !blank {
			return cells, row, nil
		}
	}
}

func (t *table) name(i int) string {
	if i < len(t.names) {
		return t.names[i]
	}
	return "column " + strconv.Itoa(i+1)
}

// explain words an error of encoding/csv. Where the text itself broke off, that is the cause, and what encoding/csv
// makes of the half row is not.
func (t *table) explain(err error) error {
	var parse *csv.ParseError
	isParse := errors.As(err, &parse)
	if t.text.broke() && (!isParse || parse.Line >= t.text.errLine || errors.Is(t.text.err, errTooLong)) {
		return t.text.problem(t.after)
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if !isParse {
		return openError(t.path, err)
	}
	t.after = parse.Line + 1
	t.text.spoiled(parse.Line) // this row is bad already
	e := (&RowError{File: t.path, Row: parse.StartLine, Err: parse.Err}).only("")
	e.Continues = t.names != nil && e.Row > 0 // a header has to be read
	place := ""
	if parse.Line != parse.StartLine {
		place = fmt.Sprintf(" on line %d", parse.Line)
	}
	switch {
	case errors.Is(parse.Err, csv.ErrBareQuote):
		e.Problem = "there is a quote (\") in the middle of a cell" + place
		e.Hint = "put the whole cell in quotes and write the quote twice (\"\")"
	case errors.Is(parse.Err, csv.ErrQuote):
		e.Problem = "a cell that opens with a quote (\") is not closed, or goes on after its closing quote" + place
		e.Hint = "close the quote, and write a quote inside the cell twice (\"\")"
	default:
		e.Problem = parse.Err.Error()
	}
	return e
}

func ragged(path string, row, cells, columns int) *RowError {
	e := &RowError{File: path, Row: row, Problem: fmt.Sprintf("the row has %s where the header has %d", count(cells, "cell"), columns)}
	if cells > columns {
		e.Hint = "put quotes (\") around a cell that holds the separator, or delete what is too much"
	} else {
		e.Hint = "add the missing cells, empty where there is no value"
	}
	return e
}

func fieldTooLong(path string, row int, column string) *RowError {
	return &RowError{File: path, Row: row, Column: column, Problem: "the value is longer than 1 MiB", Hint: "look for a quote that is opened and not closed, or shorten it"}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
