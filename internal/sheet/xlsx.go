package sheet

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// Excel's own bounds.
const (
	maxRows = 1_048_576
	maxCell = 32_767 // UTF-16 units
)

// bookFormat is a workbook with one sheet. excelize keeps what is large in a temporary file.
type bookFormat struct {
	out    io.Writer
	book   *excelize.File
	stream *excelize.StreamWriter
	rows   int
}

func newBook(out io.Writer) (*bookFormat, error) {
	book := excelize.NewFile()
	stream, err := book.NewStreamWriter(book.GetSheetName(0))
	if err != nil {
		return nil, errors.Join(err, book.Close())
	}
	return &bookFormat{out: out, book: book, stream: stream}, nil
}

// row writes texts as texts: in a workbook nothing has to be escaped, since a cell says what it is.
func (b *bookFormat) row(cells []string) error {
	if b.rows == maxRows {
		return fmt.Errorf("an xlsx sheet holds %d rows: write a .csv file", maxRows)
	}
	b.rows++
	values := make([]any, len(cells))
	for i, cell := range cells {
		values[i] = fitting(cell)
	}
	return b.stream.SetRow("A"+strconv.Itoa(b.rows), values)
}

// fitting cuts what a cell cannot hold.
func fitting(cell string) string {
	if len(cell) <= maxCell {
		return cell
	}
	units := 0
	for i, r := range cell {
		size := 1
		if r > 0xFFFF {
			size = 2
		}
		if units += size; units >= maxCell {
			return cell[:i] + "…"
		}
	}
	return strings.ToValidUTF8(cell, string(utf8.RuneError))
}

func (b *bookFormat) end() error {
	if err := b.stream.Flush(); err != nil {
		return err
	}
	if _, err := b.book.WriteTo(b.out); err != nil {
		return err
	}
	return b.abandon()
}

func (b *bookFormat) abandon() error {
	if b.book == nil {
		return nil
	}
	err := b.book.Close()
	b.book = nil
	return err
}
