package audience

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what a file may hold. What exceeds them is refused: a campaign's rows are far smaller, and a file with a
// missing quote would otherwise be read into memory as a single cell.
const (
	maxField = 1 << 20 // bytes of one cell, in UTF-8
	maxRow   = 4 << 20 // bytes of one row, in UTF-8
)

// Options say how to read a file. The zero Options suit a file with a usual suffix.
type Options struct {
	// Format is csv, tsv, jsonl (or ndjson) or xlsx; "" takes it from the file's suffix.
	Format string
	// Sheet is the sheet of a workbook; "" is the first. It must be empty for other formats.
	Sheet string
	// Rename gives columns another name: from the file's to the one that rows have. The column must be there.
	Rename map[string]string
	// Require lists columns that must be there, by the names that rows have (after Rename).
	Require []string
	// Filled lists columns that must be there and hold something in every row, by the same names.
	Filled []string
	// Encoding of a text file is utf-8, utf-16 (with a byte order mark) or gb18030 (gbk and gb2312 are parts of it);
	// "" finds it out from the byte order mark or else the first 64 KiB.
	Encoding string
}

// Reader hands out the rows of one file. It is for one goroutine.
type Reader struct {
	source source
	err    error
}

// source reads one format. It is asked again only after a *RowError that Continues.
type source interface {
	columns() []string
	next() (row map[string]any, number int, err error)
	close() error
}

// Open opens a file and reads its header (of a jsonl file: its first row). The error is a *RowError.
func Open(path string, options Options) (*Reader, error) {
	format, err := formatOf(path, options.Format)
	if err != nil {
		return nil, err
	}
	if options.Sheet != "" && format != "xlsx" {
		return nil, &RowError{File: path, Problem: "a " + format + " file has no sheets", Hint: "leave the sheet out"}
	}
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	source, err := openSource(file, path, format, options)
	if err != nil {
		if closeErr := ignoreClosed(file.Close()); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
		return nil, err
	}
	return &Reader{source: source}, nil
}

// Columns are the names of the header, renamed; of a jsonl file the names of its first row. They are in file order.
func (r *Reader) Columns() []string { return slices.Clone(r.source.columns()) }

// Next returns the next row by column name and its number (see RowError.Row), or io.EOF itself after the last.
// No other error wraps io.EOF.
//
// Cells of csv, tsv and xlsx are strings, without spaces and tabs around them. Values of jsonl keep their type: nil,
// bool, string, int for whole numbers, float64 for others, []any, map[string]any. The row belongs to the caller.
// After a *RowError that Continues, the next call goes on; after any other error every further call returns the same.
func (r *Reader) Next() (row map[string]any, number int, err error) {
	if r.err != nil {
		return nil, 0, r.err
	}
	row, number, err = r.source.next()
	if err != nil {
		if bad, ok := errors.AsType[*RowError](err); !ok || !bad.Continues {
			r.err = err
		}
		return nil, 0, err
	}
	return row, number, nil
}

// Close closes the file. It may be called more than once.
func (r *Reader) Close() error {
	if r.err == nil || errors.Is(r.err, io.EOF) {
		r.err = errClosed
	}
	return ignoreClosed(r.source.close())
}

var errClosed = errors.New("the audience is closed already")

func openSource(file *os.File, path, format string, options Options) (source, error) {
	switch format {
	case "csv":
		return newTable(file, path, ',', options)
	case "tsv":
		return newTable(file, path, '\t', options)
	case "jsonl":
		return newObjects(file, path, options)
	default:
		return newWorkbook(file, path, options)
	}
}

// formatOf names the format of a file: csv, tsv, jsonl or xlsx.
func formatOf(path, format string) (string, error) {
	name := format
	if name == "" {
		name = strings.TrimPrefix(filepath.Ext(path), ".")
	}
	switch strings.ToLower(name) {
	case "csv", "tsv", "jsonl", "xlsx":
		return strings.ToLower(name), nil
	case "ndjson":
		return "jsonl", nil
	case "xls", "xlsm", "xlsb", "et", "ods", "numbers":
		return "", &RowError{File: path, Problem: name + " files are not read", Hint: "save it as .xlsx or as .csv"}
	}
	problem := "its suffix does not tell the format"
	if format != "" {
		problem = "there is no format " + quoted(format)
	}
	return "", &RowError{File: path, Problem: problem, Hint: "use a .csv, .tsv, .jsonl or .xlsx file"}
}

// openRegular opens a file of which the size is known: a pipe would wait, a device might never end.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, openError(path, err)
	}
	switch {
	case info.IsDir():
		return nil, &RowError{File: path, Problem: "this is a folder", Hint: "name a file in it"}
	case !info.Mode().IsRegular():
		return nil, &RowError{File: path, Problem: "this is not a regular file", Hint: "write the list to a file first"}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	return file, nil
}

func emptyFile(path string) *RowError {
	return &RowError{File: path, Problem: "the file is empty", Hint: "write the column names in its first row, one recipient in each further one"}
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
