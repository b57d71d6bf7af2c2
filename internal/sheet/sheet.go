// Package sheet writes tables that people open in a spreadsheet: CSV that Excel reads as UTF-8, and xlsx. Rows are written
// as they come, so memory does not grow with their number; the file is there whole or not at all; and no cell is ever taken
// for a formula, whatever it begins with. It knows nothing of what is in the table, and imports no other package of this
// project.
package sheet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Writer writes one table. It is for one goroutine.
type Writer struct {
	path   string
	file   *os.File // beside path, until End
	format format
	width  int
	rows   int
}

// format writes the rows of one kind of file.
type format interface {
	row(cells []string) error
	end() error
	abandon() error
}

// Create starts the table that End puts at path, of which the suffix (.csv or .xlsx) says the format. The folder is made
// when it is missing. Whatever stands at path stays until then.
func Create(path string, header ...string) (*Writer, error) {
	suffix := strings.ToLower(filepath.Ext(path))
	if suffix != ".csv" && suffix != ".xlsx" {
		return nil, fmt.Errorf("%s: a table is written to a .csv or an .xlsx file", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of %s: %w", path, reason(err))
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, reason(err))
	}
	w := &Writer{path: path, file: file, width: len(header)}
	if suffix == ".csv" {
		w.format, err = newCSV(file)
	} else {
		w.format, err = newBook(file)
	}
	if err == nil {
		err = w.Row(header...)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing %s: %w", path, err), w.Abandon())
	}
	return w, nil
}

// Row writes one row, which has as many cells as the header.
func (w *Writer) Row(cells ...string) error {
	if len(cells) != w.width {
		return fmt.Errorf("writing %s: a row has %d cells where the header has %d", w.path, len(cells), w.width)
	}
	if err := w.format.row(cells); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	w.rows++
	return nil
}

// Rows is how many rows have been written below the header.
func (w *Writer) Rows() int { return max(w.rows-1, 0) }

// End makes the file whole and puts it in its place.
func (w *Writer) End() error {
	if w.file == nil {
		return nil
	}
	err := w.format.end()
	if err == nil {
		err = w.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", w.path, err), w.Abandon())
	}
	err = errors.Join(w.file.Chmod(0o644), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("writing %s: %w", w.path, reason(err)), os.Remove(w.file.Name()))
	}
	w.file = nil
	return err
}

// Abandon leaves nothing behind. After End it does nothing.
func (w *Writer) Abandon() error {
	if w.file == nil {
		return nil
	}
	var err error
	if w.format != nil {
		err = w.format.abandon()
	}
	err = errors.Join(err, w.file.Close(), os.Remove(w.file.Name()))
	w.file = nil
	return err
}

// reason is an error of the file system without the path, which the message names already.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// Inert is a text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe before it.
func Inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
