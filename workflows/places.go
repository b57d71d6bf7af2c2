package workflows

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// place is where one character of a scalar's value stands in the file.
type place struct{ line, column, end int }

// places finds every character of a scalar's value in the file, through quotes, escapes, folding and indentation. What
// is not white space is found exactly; white space that folding made is found near its line break. The result is nil
// when value and file cannot be matched.
func (t *text) places(node *yaml.Node) []place {
	if t.placed != node {
		t.placed, t.found = node, t.find(node)
	}
	return t.found
}

func (t *text) find(node *yaml.Node) []place {
	if node.Line < 1 || node.Line > len(t.starts) {
		return nil
	}
	w := &walker{text: t, at: t.offset(node.Line, node.Column), line: node.Line, column: node.Column, style: node.Style}
	w.enter()
	found := make([]place, 0, len(node.Value))
	for _, r := range node.Value {
		at, ok := w.match(r)
		if !ok {
			return nil
		}
		found = append(found, at)
	}
	return found
}

// walker goes through a scalar's text in the file, a character at a time.
type walker struct {
	text         *text
	at           int
	line, column int
	style        yaml.Style
}

func (w *walker) peek() rune {
	if w.at >= len(w.text.source) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(w.text.source[w.at:])
	return r
}

func (w *walker) next() {
	r, width := utf8.DecodeRuneInString(w.text.source[w.at:])
	w.at += width
	w.column++
	if r == '\n' {
		w.line, w.column = w.line+1, 1
	}
}

func (w *walker) skip(set string) {
	for r := w.peek(); r >= 0 && strings.ContainsRune(set, r); r = w.peek() {
		w.next()
	}
}

// enter goes over an anchor, an opening quote or a block's header.
func (w *walker) enter() {
	if w.peek() == '&' {
		for r := w.peek(); r >= 0 && !strings.ContainsRune(" \t\n", r); r = w.peek() {
			w.next()
		}
		w.skip(" \t\n")
	}
	switch {
	case w.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		w.next()
	case w.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		for r := w.peek(); r >= 0 && r != '\n'; r = w.peek() {
			w.next()
		}
		if w.peek() == '\n' {
			w.next()
		}
	}
}

// match finds the value's next character, and goes behind it.
func (w *walker) match(want rune) (place, bool) {
	if strings.ContainsRune(" \t\n", want) {
		return w.matchBlank(want), true
	}
	for {
		w.skip(" \t\n")
		at := place{w.line, w.column, w.column}
		got := w.peek()
		switch {
		case got < 0:
			return at, false
		case got == '\\' && w.style&yaml.DoubleQuotedStyle != 0:
			r, joins := w.escape()
			if joins {
				continue
			}
			at.end = w.column
			return at, r == want
		case got == '\'' && w.style&yaml.SingleQuotedStyle != 0:
			w.next()
		}
		w.next()
		at.end = w.column
		return at, got == want
	}
}

// matchBlank finds white space of the value: as it stands, as an escape, or as a line break that was folded.
func (w *walker) matchBlank(want rune) place {
	for {
		at := place{w.line, w.column, w.column + 1}
		before := *w
		if w.peek() == '\\' && w.style&yaml.DoubleQuotedStyle != 0 {
			r, joins := w.escape()
			if joins {
				continue
			}
			if r == want {
				at.end = w.column
				return at
			}
			*w = before
			return place{w.line, w.column, w.column}
		}
		if w.peek() == want {
			w.next()
			return at
		}
		w.skip(" \t")
		if w.peek() == '\n' {
			at = place{w.line, w.column, w.column}
			w.next()
			return at
		}
		*w = before
		return place{w.line, w.column, w.column}
	}
}

// escape reads a backslash and what follows it in double quotes. An escaped line break joins two lines and stands for
// nothing.
func (w *walker) escape() (r rune, joins bool) {
	w.next()
	kind := w.peek()
	if kind < 0 {
		return -1, false
	}
	w.next()
	switch kind {
	case '\n':
		w.skip(" \t")
		return 0, true
	case 'x':
		return w.hex(2), false
	case 'u':
		return w.hex(4), false
	case 'U':
		return w.hex(8), false
	}
	const names, values = "0abtnvfre_NLP", "\x00\a\b\t\n\v\f\r\x1b\u00a0\u0085\u2028\u2029"
	if i := strings.IndexRune(names, kind); i >= 0 {
		return []rune(values)[i], false
	}
	return kind, false
}

func (w *walker) hex(digits int) rune {
	if w.at+digits > len(w.text.source) {
		return -1
	}
	n, err := strconv.ParseUint(w.text.source[w.at:w.at+digits], 16, 32)
	if err != nil {
		return -1
	}
	for range digits {
		w.next()
	}
	return rune(n)
}

// stretch is span for whoever has not looked for the places of the scalar's characters; most stand as they are written.
func (t *text) stretch(node *yaml.Node, from, to int) diagnostic.Span {
	column, ok := t.asWritten(node)
	if !ok {
		return t.span(node, t.places(node), from, to)
	}
	length := utf8.RuneCountInString(node.Value)
	from = min(max(from, 0), length)
	to = min(max(to, from), length)
	if from < length {
		to = max(to, from+1)
	}
	return t.inside(diagnostic.Span{Line: node.Line, Column: column + from, EndColumn: column + to})
}

// asWritten finds the column at which a scalar's value begins, when each of its characters stands for itself, on one line.
func (t *text) asWritten(node *yaml.Node) (column int, ok bool) {
	if node.Line < 1 || node.Line > len(t.starts) || node.Value == "" || node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return 0, false
	}
	at, column := t.offset(node.Line, node.Column), node.Column
	switch {
	case node.Style&yaml.SingleQuotedStyle != 0 && strings.Contains(node.Value, `'`), node.Style&yaml.DoubleQuotedStyle != 0 && strings.Contains(node.Value, `\`):
		return 0, false // it may be written otherwise and look the same
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if at >= len(t.source) || !strings.ContainsRune(`'"`, rune(t.source[at])) {
			return 0, false // an anchor stands before it
		}
		at, column = at+1, column+1
	}
	return column, at <= len(t.source) && strings.HasPrefix(t.source[at:], node.Value) && !strings.Contains(node.Value, "\n")
}

// span is the stretch of the file from one character of a scalar's value to before another, cut at the line's end.
func (t *text) span(node *yaml.Node, found []place, from, to int) diagnostic.Span {
	if len(found) == 0 {
		return t.spanOf(node)
	}
	from = min(max(from, 0), len(found))
	to = min(max(to, from), len(found))
	if from == len(found) {
		last := found[from-1]
		return t.inside(diagnostic.Span{Line: last.line, Column: last.end, EndColumn: last.end})
	}
	first := found[from]
	span := diagnostic.Span{Line: first.line, Column: first.column, EndColumn: first.end}
	for _, p := range found[from:to] {
		if p.line != first.line {
			break
		}
		span.EndColumn = max(span.EndColumn, p.end)
	}
	return t.inside(span)
}

// spanOf is where a node stands: a scalar's whole text on its first line, else the node's first character or key.
func (t *text) spanOf(node *yaml.Node) diagnostic.Span {
	span := diagnostic.Span{Line: node.Line, Column: node.Column, EndColumn: node.Column + 1}
	switch {
	case node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle == 0 && len(node.Content) > 0:
		return t.spanOf(node.Content[0])
	case node.Kind == yaml.AliasNode:
		span.EndColumn = node.Column + 1 + utf8.RuneCountInString(node.Value)
	case node.Kind != yaml.ScalarNode:
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
	case node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		span.EndColumn = t.quoteEnd(node)
	default:
		span.EndColumn = node.Column + utf8.RuneCountInString(node.Value)
	}
	return t.inside(span)
}

// quoteEnd is the column after a quoted scalar, or after its line when it goes on.
func (t *text) quoteEnd(node *yaml.Node) int {
	if column, ok := t.asWritten(node); ok {
		return column + utf8.RuneCountInString(node.Value) + 1
	}
	found := t.places(node)
	end := node.Column + 1
	for _, p := range found {
		if p.line != node.Line {
			return utf8.RuneCountInString(t.line(node.Line)) + 1
		}
		end = p.end
	}
	return end + 1
}
