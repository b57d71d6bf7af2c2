package workflows

import (
	"fmt"
	"slices"
	"strings"

	"youmiflow/internal/diagnostic"
)

// oddity is something in a text that YAML's reader stumbles over, at its place. The reader itself names lines only.
type oddity struct {
	kind oddityKind
	span diagnostic.Span
	last int // line on which the reader can tell
}

type oddityKind int

const (
	oddBracket    oddityKind = iota + 1 // one that is not closed, or closed by the wrong one
	oddExpression                       // ${{ }} without quotes within braces
	oddColon                            // a second ": " in a value
	oddQuote                            // one that is never closed
	oddRest                             // text behind a closing quote
	oddStart                            // a character with which no value begins
)

// syntaxScanner goes through a text as far as it takes to find oddities: it knows quotes, brackets, comments and blocks of
// text, and nothing of what they mean.
type syntaxScanner struct {
	text  *text
	found []oddity

	line   int
	runes  []rune
	at     int
	begins bool   // a value or key may begin here
	token  int    // column of the last that began
	key    int    // column of the key before the last ": " of this line; 0 for none
	value  int    // column of the value after that
	open   []mark // brackets that are open
	quote  mark   // that is open; its rune is 0 for none
	block  int    // column that the lines of a block of text are indented beyond; 0 outside any
	ended  mark   // the quote that was closed last on this line
}

// mark is a character at its place.
type mark struct {
	line, column int
	r            rune
}

// oddities lists the first oddity of each kind, in the order in which the scanner comes across them.
func (t *text) oddities() []oddity {
	s := &syntaxScanner{text: t}
	for s.line = 1; s.line <= len(t.starts); s.line++ {
		s.scanLine()
	}
	if s.quote.r != 0 {
		s.add(oddQuote, s.toLineEnd, s.quote)
	}
	if last := len(s.open) - 1; last >= 0 {
		s.add(oddBracket, s.one, s.open[last])
	}
	return s.found
}

// add keeps an oddity, the first of its kind: one line can hold a million.
func (s *syntaxScanner) add(kind oddityKind, span func(mark) diagnostic.Span, at mark) {
	if !slices.ContainsFunc(s.found, func(one oddity) bool { return one.kind == kind }) {
		s.found = append(s.found, oddity{kind, s.text.inside(span(at)), min(s.line, len(s.text.starts))})
	}
}

func (s *syntaxScanner) one(m mark) diagnostic.Span {
	return diagnostic.Span{Line: m.line, Column: m.column, EndColumn: m.column + 1}
}

// toLineEnd is from a place to the end of its line, without the blanks there.
func (s *syntaxScanner) toLineEnd(m mark) diagnostic.Span {
	end := len([]rune(strings.TrimRight(s.text.line(m.line), " \t"))) + 1
	return diagnostic.Span{Line: m.line, Column: m.column, EndColumn: max(end, m.column+1)}
}

func (s *syntaxScanner) scanLine() {
	s.runes, s.at, s.begins = []rune(s.text.line(s.line)), 0, true
	s.key, s.value, s.token, s.ended = 0, 0, 0, mark{}
	if s.quote.r == 0 && s.block > 0 {
		indent := len(s.runes) - len([]rune(strings.TrimLeft(string(s.runes), " ")))
		if indent >= s.block || strings.TrimSpace(string(s.runes)) == "" {
			return
		}
		s.block = 0
	}
	for s.at < len(s.runes) {
		if s.quote.r != 0 {
			s.inQuote()
			continue
		}
		if s.comment() {
			return
		}
		s.step()
	}
}

func (s *syntaxScanner) here() mark { return mark{s.line, s.at + 1, s.runes[s.at]} }

// next is the character after this one; a blank at the end of the line.
func (s *syntaxScanner) next() rune {
	if s.at+1 < len(s.runes) {
		return s.runes[s.at+1]
	}
	return ' '
}

func (s *syntaxScanner) comment() bool {
	return s.runes[s.at] == '#' && (s.at == 0 || s.runes[s.at-1] == ' ' || s.runes[s.at-1] == '\t')
}

// inQuote goes on to the end of a quoted text, on this line or a later one.
func (s *syntaxScanner) inQuote() {
	r, single := s.runes[s.at], s.quote.r == '\''
	switch {
	case r == '\\' && !single, r == '\'' && single && s.next() == '\'':
		s.at++ // the next stands for itself
	case r == s.quote.r:
		s.ended, s.quote, s.begins = s.quote, mark{}, false
	}
	s.at++
}

// step takes one character outside quotes.
func (s *syntaxScanner) step() {
	r, flow := s.runes[s.at], len(s.open) > 0
	blank := r == ' ' || r == '\t'
	switch {
	case blank:
	case flow && (r == ']' || r == '}'):
		s.close(r)
	case flow && r == ',':
		s.begins, s.ended = true, mark{}
	case r == ':' && (s.next() == ' ' || s.next() == '\t' || flow && (strings.ContainsRune(",[]{}", s.next()) || s.ended.r != 0)):
		s.colon(flow)
	case s.ended.r != 0:
		s.add(oddRest, s.toLineEnd, s.ended)
		s.ended = mark{}
	case s.begins:
		s.begin(r, flow)
	}
	s.at++
}

// begin takes the first character of a value or key.
func (s *syntaxScanner) begin(r rune, flow bool) {
	if (r == '-' || r == '?') && s.next() == ' ' && !flow {
		s.token = s.at + 1
		return // another may begin behind it
	}
	if s.key == 0 || flow {
		s.token = s.at + 1
	}
	s.begins = false
	switch {
	case r == '"' || r == '\'':
		s.quote = s.here()
	case r == '[' || r == '{':
		s.open, s.begins = append(s.open, s.here()), true
	case flow && has(s.runes, s.at, "${{"):
		s.expression()
	case (r == '|' || r == '>') && !flow:
		s.block = max(s.token, 1) // the column of the key or dash: what is indented further belongs to the block
		s.at = len(s.runes)
	case r == '@' || r == '`' || r == '%':
		s.add(oddStart, s.toLineEnd, s.here())
	}
	if s.key > 0 && s.value == 0 {
		s.value = s.at + 1
	}
}

// expression goes over a ${{ }} that should stand in quotes.
func (s *syntaxScanner) expression() {
	end := closing(s.runes, s.at+3)
	if end < 0 {
		end = len(s.runes) - 2
	}
	s.add(oddExpression, func(from mark) diagnostic.Span {
		return diagnostic.Span{Line: from.line, Column: from.column, EndColumn: end + 3}
	}, s.here())
	s.at = max(end+1, s.at)
}

func (s *syntaxScanner) close(r rune) {
	last := s.open[len(s.open)-1]
	if last.r == '[' != (r == ']') {
		s.add(oddBracket, s.one, last)
	}
	s.open, s.begins, s.ended = s.open[:len(s.open)-1], false, mark{}
}

func (s *syntaxScanner) colon(flow bool) {
	if !flow {
		if s.key > 0 && s.value > 0 {
			s.add(oddColon, s.toLineEnd, mark{s.line, s.value, ' '})
		}
		s.key = max(s.token, 1)
	}
	s.begins, s.ended = true, mark{}
}

// blame finds the oddity that an error of YAML's reader comes from, among those up to the line where it stopped, and says
// what is wrong in better words where there are. Without one the error is that of the whole line.
func (t *text) blame(message string, line int) (diagnostic.Span, string) {
	kinds := map[oddityKind]string{}
	for _, one := range []struct {
		has   string
		kinds map[oddityKind]string
	}{
		{"mapping values are not allowed", map[oddityKind]string{oddColon: ""}},
		{"did not find expected ',' or", map[oddityKind]string{oddExpression: expressionInBraces, oddRest: "", oddBracket: ""}},
		{"did not find expected node content", map[oddityKind]string{oddExpression: expressionInBraces, oddBracket: ""}},
		{"did not find expected key", map[oddityKind]string{oddRest: restBehindQuote}},
		{"did not find expected '-' indicator", map[oddityKind]string{oddRest: restBehindQuote}},
		{"unexpected end of stream", map[oddityKind]string{oddQuote: ""}},
		{"cannot start any token", map[oddityKind]string{oddStart: ""}},
	} {
		if strings.Contains(message, one.has) {
			kinds = one.kinds
		}
	}
	for _, odd := range t.oddities() {
		better, known := kinds[odd.kind]
		if !known || odd.span.Line > line && odd.kind != oddQuote {
			continue
		}
		switch {
		case odd.kind == oddRest && odd.last > odd.span.Line:
			better = fmt.Sprintf("the quote that begins here ends on line %d, with more behind it: one quote is missing, or one too many", odd.last)
		case better == "":
			better = plainYAML(message)
		}
		return odd.span, better
	}
	return t.whole(line), plainYAML(message)
}

const (
	expressionInBraces = "within braces and brackets an expression needs quotes: write \"${{ … }}\""
	restBehindQuote    = "there is more behind the closing quote: put all of it in quotes, or none"
)
