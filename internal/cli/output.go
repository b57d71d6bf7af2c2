package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/sheet"
)

// listing prints a list of values in the format that was asked for, as they come: a million rows need no more memory
// than ten.
type listing struct {
	format  string
	w       io.Writer
	header  []string
	count   int
	waiting [][]string // rows of a table whose widths are not decided yet
	widths  []int
	csv     *csv.Writer
	excel   bool     // CSV that a spreadsheet opens
	sparing []string // titles of columns that a table has only once there is something in them
	shown   []bool   // the columns that the table has
}

// tableWindow is how many rows decide the widths of a table's columns.
const tableWindow = 200

func newListing(format string, w io.Writer, header ...string) *listing {
	_, excel := w.(*excelFile)
	return &listing{format: format, w: w, header: header, excel: excel}
}

// sparingly has a table leave columns out while they hold nothing but blanks and zeros. Should there be something in one after
// all, further down than is looked ahead, the table goes on with it, under titles of its own.
func (l *listing) sparingly(titles ...string) *listing {
	l.sparing = titles
	return l
}

// add prints one value: whole as JSON or YAML, by its cells as a table or CSV.
func (l *listing) add(value any, cells ...string) error {
	l.count++
	switch l.format {
	case "json":
		return l.addJSON(value)
	case "yaml":
		return writeYAML(l.w, []any{value})
	case "csv":
		if l.csv == nil {
			l.csv = csv.NewWriter(l.w)
			if err := l.csv.Write(l.header); err != nil {
				return err
			}
		}
		if l.excel {
			for i, cell := range cells {
				cells[i] = sheet.Inert(cell)
			}
		}
		return l.csv.Write(cells)
	}
	l.waiting = append(l.waiting, cells)
	if len(l.waiting) == tableWindow {
		return l.flushTable()
	}
	return nil
}

func (l *listing) addJSON(value any) error {
	open := ",\n  "
	if l.count == 1 {
		open = "[\n  "
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "%s%s", open, text)
	return err
}

// end prints what is still due; an empty list is an empty result.
func (l *listing) end() error {
	var err error
	switch {
	case l.format == "json" && l.count == 0, l.format == "yaml" && l.count == 0:
		_, err = fmt.Fprintln(l.w, "[]")
	case l.format == "json":
		_, err = fmt.Fprintln(l.w, "\n]")
	case l.format == "csv":
		if l.csv == nil {
			l.csv = csv.NewWriter(l.w)
			if err := l.csv.Write(l.header); err != nil {
				return err
			}
		}
		l.csv.Flush()
		err = l.csv.Error()
	case l.format == "table":
		err = l.flushTable()
	}
	return err
}

// flushTable prints the waiting rows, and before the first of them the header.
func (l *listing) flushTable() error {
	if l.reveal() && l.count > 0 {
		l.waiting = append([][]string{l.header}, l.waiting...)
	}
	for _, cells := range l.waiting {
		for i, cell := range cells {
			l.widths[i] = max(l.widths[i], runewidth.StringWidth(cell))
		}
	}
	for _, cells := range l.waiting {
		if _, err := fmt.Fprintln(l.w, l.line(cells)); err != nil {
			return err
		}
	}
	l.waiting = nil
	return nil
}

// reveal decides which columns the table has for the waiting rows. It reports whether these need a header: they are the
// first, or there are more columns than before.
func (l *listing) reveal() (header bool) {
	if l.widths == nil {
		l.widths, l.shown, header = make([]int, len(l.header)), make([]bool, len(l.header)), true
	}
	for i, title := range l.header {
		something := func(cells []string) bool { return cells[i] != "" && cells[i] != "0" }
		if !l.shown[i] && (!slices.Contains(l.sparing, title) || slices.ContainsFunc(l.waiting, something)) {
			l.shown[i], header = true, true
		}
	}
	return header
}

// line pads cells to the widths of their columns.
func (l *listing) line(cells []string) string {
	var line strings.Builder
	for i, cell := range cells {
		if l.shown[i] {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", l.widths[i]-runewidth.StringWidth(cell)+2))
		}
	}
	return strings.TrimRight(line.String(), " ")
}

// one prints a single value; table says how it reads for people.
func (a *app) one(value any, table func(io.Writer) error) error {
	switch a.output {
	case "json":
		encoder := json.NewEncoder(a.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case "yaml":
		return writeYAML(a.Stdout, value)
	}
	return table(a.Stdout)
}

// writeYAML prints a value under the names that it has as JSON.
func writeYAML(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return err
	}
	plain(&node)
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(&node); err != nil {
		return err
	}
	return encoder.Close()
}

// plain drops the JSON look from a node that was read from JSON.
func plain(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		plain(child)
	}
}
