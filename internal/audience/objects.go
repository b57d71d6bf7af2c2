package audience

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// objects reads jsonl: one JSON object a line.
type objects struct {
	file    *os.File
	path    string
	text    *text
	lines   *bufio.Scanner
	line    int
	options Options
	names   []string
	first   map[string]any // read for its names, not handed out yet
	number  int
	bad     queue
	opened  bool // the first line has been read
}

func newObjects(file *os.File, path string, options Options) (*objects, error) {
	text, err := newText(file, path, options.Encoding)
	if err != nil {
		return nil, err
	}
	o := &objects{file: file, path: path, text: text, lines: bufio.NewScanner(text), options: options}
	o.lines.Buffer(make([]byte, 0, sampleSize), maxRow)
	o.first, o.names, err = o.object()
	o.number, o.opened = o.line, true
	if errors.Is(err, io.EOF) {
		return nil, &RowError{File: path, Problem: "the file is empty", Hint: "write one JSON object per line, such as {\"friend\": \"…\"}"}
	}
	if bad, ok := errors.AsType[*RowError](err); ok && bad.Continues && bad.Err == nil {
		o.bad.waiting = append([]*RowError{bad}, o.bad.waiting...)
		return o, nil
	}
	return o, err
}

func (o *objects) columns() []string { return o.names }

func (o *objects) close() error { return o.file.Close() }

func (o *objects) next() (map[string]any, int, error) {
	if err := o.bad.pop(); err != nil {
		return nil, 0, err
	}
	if o.first != nil {
		row := o.first
		o.first = nil
		return row, o.number, nil
	}
	row, _, err := o.object()
	if err != nil {
		return nil, 0, err
	}
	return row, o.line, nil
}

// object reads the next line that is not blank.
func (o *objects) object() (map[string]any, []string, error) {
	for {
		o.text.startRow()
		if !o.lines.Scan() {
			return nil, nil, o.ended()
		}
		o.line++
		if line := bytes.TrimSpace(o.lines.Bytes()); len(line) > 0 {
			return o.decode(line)
		}
	}
}

// ended says why there is no further line.
func (o *objects) ended() error {
	switch err := o.lines.Err(); {
	case err == nil:
		return io.EOF
	case errors.Is(err, bufio.ErrTooLong), errors.Is(err, errTooLong):
		return &RowError{File: o.path, Row: o.line + 1, Problem: "the line is longer than 4 MiB", Hint: "write each object on a line of its own"}
	default:
		return o.text.problem(o.line + 1)
	}
}

func (o *objects) decode(line []byte) (map[string]any, []string, error) {
	if o.text.broke() && o.text.errLine == o.line {
		return nil, nil, o.text.problem(o.line) // the rest of this line could not be read
	}
	if o.text.spoiled(o.line) > 0 {
		return nil, nil, o.text.misencoded(o.line, o.line).only(string(line))
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	token, err := decoder.Token()
	if err == nil && token != json.Delim('{') {
		hint := "write an object, such as {\"friend\": \"…\"}"
		if token == json.Delim('[') {
			hint = "write each object on a line of its own, without [ ] around them"
		}
		e := (&RowError{File: o.path, Row: o.line, Problem: "the line is no JSON object", Hint: hint}).only(string(line))
		e.Continues = o.opened // a first line of another kind means another kind of file
		return nil, nil, e
	}
	row, names, err := o.members(decoder, err)
	if err != nil {
		return nil, nil, o.explain(err, line)
	}
	if err := o.rename(row, names); err != nil {
		return nil, nil, err
	}
	return row, names, nil
}

// members decodes what follows the opening brace, one name at a time: a name that stands twice must not go unseen.
func (o *objects) members(decoder *json.Decoder, err error) (map[string]any, []string, error) {
	if err != nil {
		return nil, nil, err
	}
	row := make(map[string]any, len(o.names))
	names := make([]string, 0, len(o.names))
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, nil, err
		}
		name, isName := token.(string)
		if _, twice := row[name]; twice || !isName || name == "" {
			problem := "the object has a name twice"
			if !twice {
				problem = "the object has an empty name"
			}
			return nil, nil, (&RowError{File: o.path, Row: o.line, Column: name, Problem: problem, Hint: "rename or delete one of them"}).only("")
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, nil, err
		}
		if row[name], err = plain(value); err != nil {
			return nil, nil, o.valueError(name, err)
		}
		names = append(names, name)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, nil, (&RowError{File: o.path, Row: o.line, Problem: "there is something after the object", Hint: "write each object on a line of its own"}).only("")
	}
	return row, names, nil
}

func (o *objects) valueError(name string, err error) error {
	var e *RowError
	if errors.As(err, &e) {
		e.File, e.Row, e.Column, e.Continues = o.path, o.line, name, true
	}
	return err
}

func (o *objects) explain(err error, line []byte) error {
	var e *RowError
	if errors.As(err, &e) {
		return err
	}
	text := err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		text = "it ends too early"
	}
	e = (&RowError{
		File: o.path, Row: o.line, Err: err,
		Problem: "the line is not valid JSON: " + strings.TrimPrefix(text, "json: "),
		Hint:    "write one complete JSON object per line",
	}).only(string(line))
	e.Continues = o.opened
	return e
}

// rename applies Options.Rename and Options.Require to one row; names change in place.
func (o *objects) rename(row map[string]any, names []string) error {
	if len(o.options.Rename) > 0 {
		if err := rename(o.path, o.line, names, o.options.Rename); err != nil {
			return err
		}
		values := make(map[string]any, len(row))
		for from, value := range row {
			to, renamed := o.options.Rename[from]
			if !renamed {
				to = from
			}
			values[to] = value
		}
		clear(row)
		for name, value := range values {
			row[name] = value
		}
	}
	for _, name := range slices.Concat(o.options.Require, o.options.Filled) {
		if !slices.Contains(names, name) {
			e := missingColumn(o.path, o.line, name, names)
			e.Continues = o.opened
			return e
		}
	}
	o.bad.fillCells(o.path, o.line, o.options.Filled, func(column string) string {
		if row[column] == nil {
			return ""
		}
		if text, ok := row[column].(string); ok {
			return strings.Trim(text, blanks)
		}
		return "something"
	})
	if err := o.bad.pop(); err != nil {
		return err
	}
	return nil
}

// plain turns json.Number into int or float64 throughout, and refuses what could not be kept exactly.
func plain(value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return number(v)
	case string:
		if len(v) > maxField {
			return nil, &RowError{Problem: "the value is longer than 1 MiB", Hint: "shorten it"}
		}
		if strings.IndexByte(v, 0) >= 0 {
			return nil, &RowError{Problem: "there is a NUL character (\\u0000) in the value", Hint: "remove it"}
		}
	case []any:
		for i := range v {
			var err error
			if v[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			var err error
			if v[name], err = plain(v[name]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// number is an int where the value is whole, also as 3.0 or 1e3. A whole number that has more digits than an int or a
// float64 can keep would silently become another one: most likely it is an id.
func number(n json.Number) (any, error) {
	if i, err := strconv.Atoi(n.String()); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil || !strings.ContainsAny(n.String(), ".eE") {
		return nil, &RowError{Problem: fmt.Sprintf("the number %s cannot be kept exactly", shortNumber(n)), Hint: "write it in quotes, as a string"}
	}
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
		return int(f), nil
	}
	return f, nil
}

func shortNumber(n json.Number) string {
	if len(n) > 40 {
		return string(n[:40]) + "…"
	}
	return string(n)
}
