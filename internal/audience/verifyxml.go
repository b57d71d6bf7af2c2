package audience

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of the XML in a workbook. Excel's own are 1,048,576 rows of 16,384 columns.
const (
	maxSheetRows = 1 << 20
	maxCells     = 1 << 14    // of a row
	maxArea      = 1 << 28    // of all rows, each as wide as its last cell: the empty ones before it are made
	maxStrings   = 20_000_000 // that cells share
	maxDeep      = 100        // elements within each other: a sheet comes to some ten
	maxToken     = 8 << 20    // bytes of one text or tag
	maxElements  = 2_000_000  // of a part that is neither a sheet nor its strings
	maxParsed    = 200_000    // of a part that is read into memory whole as a tree
)

// mostElements is how many elements a part may have that is neither a sheet nor its strings.
func mostElements(name string) int {
	name = strings.ToLower(strings.ReplaceAll(name, "\\", "/"))
	if strings.HasSuffix(name, ".rels") || strings.HasPrefix(name, "xl/theme/") {
		return maxParsed
	}
	switch name {
	case "[content_types].xml", "xl/workbook.xml", "xl/styles.xml":
		return maxParsed
	}
	return maxElements
}

// meteredReader ends when a single token is longer than it may be: encoding/xml keeps one whole.
type meteredReader struct {
	source io.Reader
	left   int
}

var errToken = errors.New("a text or a tag in it is longer than 8 MiB")

func (m *meteredReader) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errToken
	}
	n, err := m.source.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// verifyXML reads a part through. It is well-formed, not nested beyond measure, declares no entities, and the rows of a
// sheet follow each other.
func verifyXML(reader io.Reader, most int) error {
	metered := &meteredReader{source: reader}
	decoder := xml.NewDecoder(metered)
	check := &partCheck{most: most}
	for {
		metered.left = maxToken
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.Directive:
			return errors.New("it has a DOCTYPE, which may declare anything")
		case xml.StartElement:
			if err := check.start(token); err != nil {
				return err
			}
		case xml.EndElement:
			check.deep--
		}
	}
}

// partCheck counts what a part holds.
type partCheck struct {
	most     int
	root     string // name of the first element
	deep     int
	elements int
	row      int // the last one
	cells    int // of it
	width    int // of it
	area     int // of all rows
}

func (c *partCheck) start(element xml.StartElement) error {
	name := element.Name.Local
	if c.deep++; c.deep > maxDeep {
		return fmt.Errorf("its elements are nested more than %d deep", maxDeep)
	}
	if c.root == "" {
		c.root = name
	}
	c.elements++
	switch {
	case c.root == "worksheet":
		return c.inSheet(element)
	case c.root == "sst":
		if c.elements > 4*maxStrings {
			return fmt.Errorf("it has more than %d elements", 4*maxStrings)
		}
	case c.elements > c.most:
		return fmt.Errorf("it has more than %d elements", c.most)
	}
	return nil
}

func (c *partCheck) inSheet(element xml.StartElement) error {
	switch element.Name.Local {
	case "c":
		if c.cells++; c.cells > maxCells {
			return fmt.Errorf("row %d has more than %d cells", c.row, maxCells)
		}
		return c.widen(element)
	case "row":
	default:
		return nil
	}
	number := c.row + 1
	for _, attribute := range element.Attr {
		if attribute.Name.Local != "r" {
			continue
		}
		var err error
		if number, err = strconv.Atoi(attribute.Value); err != nil {
			return fmt.Errorf("a row after row %d has no number", c.row)
		}
	}
	switch {
	case number <= c.row:
		return fmt.Errorf("row %d comes after row %d", number, c.row)
	case number > maxSheetRows:
		return fmt.Errorf("there is a row %d, where a sheet has %d", number, maxSheetRows)
	}
	c.row, c.cells, c.width = number, 0, 0
	return nil
}

// widen counts how far to the right a cell stands.
func (c *partCheck) widen(cell xml.StartElement) error {
	column := c.width + 1
	for _, attribute := range cell.Attr {
		if attribute.Name.Local == "r" {
			column = 0
			for _, letter := range attribute.Value { // as excelize reads it: $b$2 is B2
				if letter == '$' {
					continue
				}
				if letter >= 'a' && letter <= 'z' {
					letter += 'A' - 'a'
				}
				if letter < 'A' || letter > 'Z' || column > maxCells {
					break
				}
				column = 26*column + int(letter-'A') + 1
			}
		}
	}
	if column > c.width {
		c.area += column - c.width
		c.width = column
	}
	if c.area > maxArea {
		return fmt.Errorf("its rows come to more than %d cells, most of them empty", maxArea)
	}
	return nil
}
