package workflows

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// MaxSource is the largest file that is read: 1 MiB.
const MaxSource = 1 << 20

// text is a source file as the YAML reader counts it: without byte order mark, with \n at the end of each line.
type text struct {
	source string
	starts []int // byte offset of each line

	// placed is the scalar that was last looked for, and found where its characters stand: one text can hold thousands
	// of expressions.
	placed *yaml.Node
	found  []place
}

// readText checks what no YAML file may hold, so that lines and columns mean the same to us as to the YAML reader.
// A refused source is a problem in the list; the text is then empty.
func readText(source []byte, problems *problems) (*text, bool) {
	if len(source) > MaxSource {
		problems.add(start, "too-large", "the file is larger than 1 MiB, which is the most that is read: split it, and keep data in files of its own", "")
		return nil, false
	}
	if bytes.HasPrefix(source, []byte{0xff, 0xfe}) || bytes.HasPrefix(source, []byte{0xfe, 0xff}) {
		problems.add(start, "not-utf8", "the file is UTF-16, not UTF-8: save it as UTF-8", "")
		return nil, false
	}
	body := strings.TrimPrefix(string(source), "\ufeff")
	if strings.Contains(body, "\r\n") {
		body = strings.ReplaceAll(body, "\r\n", "\n")
	}
	line, column := 1, 1
	for i := 0; i < len(body); {
		r, width := rune(body[i]), 1
		if r >= utf8.RuneSelf {
			r, width = utf8.DecodeRuneInString(body[i:])
		}
		at := diagnostic.Span{Line: line, Column: column, EndColumn: column + 1}
		if r == utf8.RuneError && width == 1 {
			problems.add(at, "not-utf8", fmt.Sprintf("byte 0x%02x is not UTF-8: save the file as UTF-8", body[i]), "")
			return nil, false
		}
		if !allowed(r) {
			problems.add(at, "bad-character", fmt.Sprintf("the character U+%04X cannot stand in a file: remove it, or write it as an escape in double quotes", r), "")
			return nil, false
		}
		i += width
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return newText(body), true
}

// allowed are YAML's printable characters, except the exotic line breaks (a lone carriage return, U+0085, U+2028 and
// U+2029), at which editors and YAML count lines differently.
func allowed(r rune) bool {
	switch {
	case r == '\t', r == '\n', r >= 0x20 && r <= 0x7e:
		return true
	case r == 0x2028, r == 0x2029, r == 0xfeff:
		return false
	case r >= 0xa0 && r <= 0xd7ff, r >= 0xe000 && r <= 0xfffd, r >= 0x10000:
		return true
	}
	return false
}

func newText(source string) *text {
	t := &text{source: source, starts: make([]int, 1, 64)}
	for i := range len(source) {
		if source[i] == '\n' {
			t.starts = append(t.starts, i+1)
		}
	}
	return t
}

// line returns a line without its break; "" for one that is not there.
func (t *text) line(number int) string {
	if number < 1 || number > len(t.starts) {
		return ""
	}
	from, to := t.starts[number-1], len(t.source)
	if number < len(t.starts) {
		to = t.starts[number] - 1
	}
	return t.source[from:to]
}

// offset finds the byte at a line and column, both from 1.
func (t *text) offset(line, column int) int {
	at := t.starts[line-1]
	for ; column > 1 && at < len(t.source) && t.source[at] != '\n'; column-- {
		_, width := utf8.DecodeRuneInString(t.source[at:])
		at += width
	}
	return at
}

// inside moves a span into the file: the YAML reader puts what is missing behind the last line.
func (t *text) inside(span diagnostic.Span) diagnostic.Span {
	if span.Line > len(t.starts) {
		last := len(t.starts)
		for last > 1 && strings.TrimSpace(t.line(last)) == "" {
			last--
		}
		end := utf8.RuneCountInString(t.line(last)) + 1
		return diagnostic.Span{Line: last, Column: end, EndColumn: end}
	}
	span.Line = max(span.Line, 1)
	end := utf8.RuneCountInString(t.line(span.Line)) + 1
	span.Column = min(max(span.Column, 1), end)
	span.EndColumn = min(max(span.EndColumn, span.Column), end)
	return span
}

// whole is the span of a line without its indentation.
func (t *text) whole(number int) diagnostic.Span {
	line := strings.TrimRight(t.line(number), " \t")
	blank := len(line) - len(strings.TrimLeft(line, " \t"))
	return t.inside(diagnostic.Span{Line: number, Column: blank + 1, EndColumn: utf8.RuneCountInString(line) + 1})
}
