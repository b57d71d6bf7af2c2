package sheet

import (
	"bufio"
	"encoding/csv"
	"io"
)

// csvFormat is what Excel opens with a double click: a byte order mark, commas, lines that end as on Windows.
type csvFormat struct {
	out    *bufio.Writer
	writer *csv.Writer
}

func newCSV(out io.Writer) (*csvFormat, error) {
	buffer := bufio.NewWriterSize(out, 64<<10)
	if _, err := buffer.WriteString("\uFEFF"); err != nil {
		return nil, err
	}
	writer := csv.NewWriter(buffer)
	writer.UseCRLF = true
	return &csvFormat{out: buffer, writer: writer}, nil
}

func (c *csvFormat) row(cells []string) error {
	inert := make([]string, len(cells))
	for i, cell := range cells {
		inert[i] = Inert(cell)
	}
	return c.writer.Write(inert)
}

func (c *csvFormat) end() error {
	c.writer.Flush()
	if err := c.writer.Error(); err != nil {
		return err
	}
	return c.out.Flush()
}

func (c *csvFormat) abandon() error { return nil }
