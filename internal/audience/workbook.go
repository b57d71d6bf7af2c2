package audience

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// workbook reads one sheet of an xlsx file. What excelize would pass over in silence (a sheet that breaks off) was
// refused by verify before.
type workbook struct {
	path   string
	book   *excelize.File
	rows   *excelize.Rows
	number int
	names  []string
	bad    queue
	// filled are the columns that must hold something.
	filled []string
}

// newWorkbook is the reader of xlsx. The file is only needed for the verification: excelize opens it anew.
func newWorkbook(file *os.File, path string, options Options) (_ source, err error) {
	if options.Encoding != "" {
		return nil, &RowError{File: path, Problem: "an xlsx file has no encoding to choose", Hint: "leave the encoding out"}
	}
	if err := verify(file, path); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, openError(path, err)
	}
	w := &workbook{path: path, filled: options.Filled}
	defer func() {
		if err == nil {
			return
		}
		if closeErr := w.close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}()
	defer w.recovered(&err)
	if err := w.open(options.Sheet); err != nil {
		return nil, err
	}
	cells, err := w.record()
	if errors.Is(err, io.EOF) {
		return nil, &RowError{File: path, Problem: "the sheet is empty", Hint: "write the column names in its first row, or name the sheet that holds the list"}
	}
	if err != nil {
		return nil, err
	}
	w.names, err = header(path, w.number, cells, options)
	return w, err
}

func (w *workbook) open(sheet string) error {
	book, err := excelize.OpenFile(w.path, excelize.Options{
		UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: maxInMemory, ShortDatePattern: "yyyy-mm-dd",
	})
	if err != nil {
		return damaged(w.path, err)
	}
	w.book = book
	sheets := book.GetSheetList()
	if len(sheets) == 0 {
		return damaged(w.path, errors.New("it has no sheet"))
	}
	if sheet == "" {
		sheet = sheets[0]
	}
	if !slices.ContainsFunc(sheets, func(s string) bool { return strings.EqualFold(s, sheet) }) {
		hint := "the sheets are " + list(sheets)
		if near := nearest(sheet, sheets); near != "" {
			hint = fmt.Sprintf("did you mean %s? %s", quoted(near), hint)
		}
		return &RowError{File: w.path, Problem: "there is no sheet " + quoted(sheet), Hint: hint}
	}
	if w.rows, err = book.Rows(sheet); err != nil {
		return damaged(w.path, err)
	}
	return nil
}

func (w *workbook) columns() []string { return w.names }

func (w *workbook) close() error {
	var err error
	if w.rows != nil {
		err = w.rows.Close()
		w.rows = nil
	}
	if w.book != nil {
		err = errors.Join(err, w.book.Close())
		w.book = nil
	}
	return err
}

func (w *workbook) next() (row map[string]any, number int, err error) {
	defer w.recovered(&err)
	if err := w.bad.pop(); err != nil {
		return nil, 0, err
	}
	cells, err := w.record()
	if err != nil {
		return nil, 0, err
	}
	if len(cells) > len(w.names) {
		w.bad.add((&RowError{
			File: w.path, Row: w.number, Column: "column " + strconv.Itoa(len(cells)),
			Problem: "there is a value right of the last named column", Hint: "name the column in the first row, or clear the cell",
		}).only(cells[len(cells)-1]))
	}
	row = make(map[string]any, len(w.names))
	for i, name := range w.names {
		if i >= len(cells) { // a sheet does not keep the empty cells at the end of a row
			row[name] = ""
			continue
		}
		w.check(i, cells[i])
		row[name] = cells[i]
	}
	w.bad.fillCells(w.path, w.number, w.filled, func(column string) string { text, _ := row[column].(string); return text })
	if err := w.bad.pop(); err != nil {
		return nil, 0, err
	}
	return row, w.number, nil
}

// record reads the next row that is not blank, with its cells trimmed.
func (w *workbook) record() ([]string, error) {
	for w.rows.Next() {
		w.number++
		cells, err := w.rows.Columns()
		if err != nil {
			return nil, w.broken(err)
		}
		last := -1
		for i, cell := range cells {
			if cells[i] = strings.Trim(cell, blanks); cells[i] != "" {
				last = i
			}
		}
		if last >= 0 {
			return cells[:last+1], nil
		}
	}
	if err := w.rows.Error(); err != nil {
		return nil, w.broken(err)
	}
	return nil, io.EOF
}

func (w *workbook) broken(err error) error {
	e := damaged(w.path, err)
	e.Row = w.number
	return e
}

// check notes a cell that shows something else than what its author meant.
func (w *workbook) check(i int, cell string) {
	e := &RowError{File: w.path, Row: w.number, Column: w.names[i]}
	switch {
	case len(cell) > maxField:
		e = fieldTooLong(w.path, w.number, w.names[i])
	case isFormulaError(cell):
		e.Problem, e.Hint = "the cell shows the error "+cell, "correct its formula"
	case len(cell) < 40 && scientific.MatchString(cell):
		e.Problem, e.Hint = "the cell shows a shortened number, "+cell, "format the column as text and enter the digits again"
	default:
		return
	}
	w.bad.add(e.only(cell))
}

func isFormulaError(cell string) bool {
	switch cell {
	case "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!":
		return true
	}
	return false
}

var scientific = regexp.MustCompile(`^-?[0-9](\.[0-9]+)?[eE]\+[0-9]+$`)

// recovered turns a panic over a hostile file into an error.
func (w *workbook) recovered(err *error) {
	if problem := recover(); problem != nil {
		*err = w.broken(fmt.Errorf("reading it failed: %v", problem))
	}
}

func damaged(path string, err error) *RowError {
	return &RowError{
		File: path, Err: err, Problem: "this is no xlsx file or a damaged one (" + strconv.QuoteToGraphic(err.Error()) + ")",
		Hint: "open it in Excel and save it anew as .xlsx",
	}
}
