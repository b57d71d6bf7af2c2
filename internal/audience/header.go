package audience

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// blanks are what is cut off around cells and names. Wider spaces, such as the ideographic one, belong to the text.
const blanks = " \t"

// header turns the cells of a header row into the names that rows have, or says what is wrong with them.
func header(path string, row int, cells []string, options Options) ([]string, error) {
	columns := make([]string, len(cells))
	for i, cell := range cells {
		if len(cell) > maxField {
			return nil, fieldTooLong(path, row, "column "+strconv.Itoa(i+1))
		}
		name := strings.Trim(cell, blanks)
		if name == "" {
			return nil, &RowError{File: path, Row: row, Column: "column " + strconv.Itoa(i+1), Problem: "it has no name", Hint: "name it or delete the column"}
		}
		if strings.Contains(name, "\r") {
			return nil, &RowError{File: path, Row: row, Problem: "its lines end in a carriage return alone", Hint: "save it with the line ends of Windows or Linux"}
		}
		columns[i] = name
	}
	if err := unique(path, row, columns); err != nil {
		return nil, err
	}
	if err := rename(path, row, columns, options.Rename); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(options.Require, options.Filled) {
		if !slices.Contains(columns, name) {
			return nil, missingColumn(path, row, name, columns)
		}
	}
	return columns, nil
}

func unique(path string, row int, columns []string) error {
	seen := make(map[string]bool, len(columns))
	for _, name := range columns {
		if seen[name] {
			return &RowError{File: path, Row: row, Column: name, Problem: "two columns have this name", Hint: "rename or delete one of them"}
		}
		seen[name] = true
	}
	return nil
}

// rename changes columns in place.
func rename(path string, row int, columns []string, names map[string]string) error {
	before := slices.Clone(columns)
	for _, from := range sorted(names) {
		i := slices.Index(before, from)
		if i < 0 {
			return missingColumn(path, row, from, before)
		}
		columns[i] = names[from]
	}
	if len(names) == 0 {
		return nil
	}
	return unique(path, row, columns)
}

func sorted(names map[string]string) []string {
	keys := make([]string, 0, len(names))
	for key := range names {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// missingColumn lists the columns there are, and the one that was probably meant.
func missingColumn(path string, row int, name string, columns []string) *RowError {
	e := &RowError{File: path, Row: row, Column: name, Problem: "there is no such column"}
	if len(columns) == 1 && strings.ContainsAny(columns[0], ";\t|") {
		e.Hint = fmt.Sprintf("the first row reads %s: separate its columns with commas", quoted(columns[0]))
		return e
	}
	e.Hint = "the columns are " + list(columns)
	if near := nearest(name, columns); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s? %s", quoted(near), e.Hint)
	}
	return e
}

// list quotes names, the first twenty of them.
func list(names []string) string {
	const most = 20
	shown := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, quoted(name))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// quoted is strconv.Quote of the first 60 characters, so that a message stays readable whatever a file holds.
func quoted(s string) string {
	const most = 60
	if runes := []rune(s[:min(len(s), 4*most)]); len(runes) > most {
		return strconv.Quote(string(runes[:most]) + "…")
	}
	return strconv.Quote(s)
}

// nearest is the name with the fewest edits away from want, or "" when all are too far to have been meant.
func nearest(want string, names []string) string {
	best, closest := "", 1+max(1, len([]rune(want))/3)
	for _, name := range names[:min(len(names), 200)] {
		if strings.EqualFold(name, want) {
			return name
		}
		if d := edits(want, name); d < closest {
			best, closest = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance of two names, cut to 64 characters each.
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	x, y = x[:min(len(x), 64)], y[:min(len(y), 64)]
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(y)]
}
