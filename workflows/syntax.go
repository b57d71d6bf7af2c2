package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"youmiflow/internal/diagnostic"
)

// oddity is something in a text that YAML's reader stumbles over, at its place. The reader itself names lines only.
type oddity struct {
	kind oddityKind
	span diagnostic.Span
	last int    // line on which the reader can tell
	says string // what is wrong, where that depends on the text; else ""
}

type oddityKind int

const (
	oddBracket    oddityKind = iota + 1 // one that is not closed, or closed by the wrong one
	oddExpression                       // ${{ }} without quotes within braces
	oddColon                            // a second ": " in a value
	oddQuote                            // one that is never closed
	oddRest                             // text behind a closing quote
	oddPlain                            // a value within brackets that needs quotes, for what is in it
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
	keyed  bool   // within brackets: a ": " has come since the last comma
	quote  mark   // that is open; its rune is 0 for none
	block  int    // column that the lines of a block of text are indented beyond; 0 outside any
	ended  mark   // the quote that was closed last on this line

	slipsFrom int // the line from which slips are kept; 0: none are
	slips     []slip
}

// mark is a character at its place.
type mark struct {
	line, column int
	r            rune
	keyed        bool // of a bracket: what keyed was before it
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
		s.found = append(s.found, oddity{kind: kind, span: s.text.inside(span(at)), last: min(s.line, len(s.text.starts))})
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
		s.slip()
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

func (s *syntaxScanner) here() mark { return mark{line: s.line, column: s.at + 1, r: s.runes[s.at]} }

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
		s.begins, s.ended, s.keyed = true, mark{}, false
	case s.inPlain() && strings.ContainsRune("?[{", r) && (s.keyed || s.opened() == s.line):
		s.plain()
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
		bracket := s.here()
		bracket.keyed = s.keyed
		s.open, s.begins, s.keyed = append(s.open, bracket), true, false
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
	s.keyed, s.token = last.keyed, 0
}

func (s *syntaxScanner) colon(flow bool) {
	switch {
	case flow && s.keyed && s.inPlain() && s.opened() == s.line: // else a bracket above is probably not closed
		s.plain()
		return
	case flow:
		s.keyed = true
	default:
		if s.key > 0 && s.value > 0 {
			s.add(oddColon, s.toLineEnd, mark{line: s.line, column: s.value, r: ' '})
		}
		s.key = max(s.token, 1)
	}
	s.begins, s.ended = true, mark{}
}

// inPlain reports whether a value without quotes goes on here, within brackets.
func (s *syntaxScanner) inPlain() bool {
	return len(s.open) > 0 && !s.begins && s.ended.r == 0 && s.token > 0
}

// opened is the line of the innermost open bracket.
func (s *syntaxScanner) opened() int { return s.open[len(s.open)-1].line }

// plain goes over the rest of a value that should stand in quotes.
func (s *syntaxScanner) plain() {
	from, cause := s.token-1, s.runes[s.at]
	end := plainEnd(s.runes, from)
	value := string(s.runes[from:end])
	s.add(oddPlain, func(mark) diagnostic.Span {
		return diagnostic.Span{Line: s.line, Column: from + 1, EndColumn: end + 1}
	}, s.here())
	if last := len(s.found) - 1; s.found[last].kind == oddPlain && s.found[last].says == "" {
		s.found[last].says = fmt.Sprintf("within braces and brackets a value with %q in it needs quotes: write %s", string(cause), inQuotes(value))
	}
	s.at = max(end-1, s.at)
}

// plainEnd is where a value within brackets ends, as it was meant: at a comma or a bracket that it has not opened itself.
func plainEnd(runes []rune, from int) int {
	depth, quote, end := 0, rune(0), from
	for i := from; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'' && depth > 0:
			quote = r
		case r == '[' || r == '{':
			depth++
		case depth == 0 && (r == ',' || r == ']' || r == '}'):
			return end
		case r == ']' || r == '}':
			depth--
		}
		if r != ' ' && r != '\t' {
			end = i + 1
		}
	}
	return end
}

// inQuotes is a value as it can stand anywhere.
func inQuotes(value string) string {
	switch {
	case utf8.RuneCountInString(value) > 60:
		return `"…" around it`
	case strings.ContainsAny(value, `"\\`):
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return `"` + value + `"`
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
		{"did not find expected ',' or", map[oddityKind]string{oddExpression: expressionInBraces, oddPlain: "", oddRest: restInBraces, oddBracket: ""}},
		{"did not find expected node content", map[oddityKind]string{oddExpression: expressionInBraces, oddPlain: "", oddBracket: ""}},
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
		if !known || odd.span.Line > line && odd.kind != oddQuote || odd.kind == oddColon && odd.span.Line < line {
			continue
		}
		switch {
		case odd.says != "":
			better = odd.says
		case odd.kind == oddRest && odd.last > odd.span.Line:
			better = fmt.Sprintf("the quote that begins here ends on line %d, with more behind it: one quote is missing, or one too many", odd.last)
		case better == "":
			better = plainYAML(message)
		}
		return odd.span, better
	}
	whole := t.whole(line)
	colon := strings.Contains(message, "mapping values are not allowed")
	if colon || strings.Contains(message, "did not find expected key") {
		if says := t.misplaced(whole); says != "" {
			return whole, says
		}
	}
	if colon {
		return whole, `the indentation of this line is wrong, or it has a ": " in a value without quotes`
	}
	return whole, plainYAML(message)
}

// keyWithValue is a line that is a key with its value: what stands before the key, and the key.
var keyWithValue = regexp.MustCompile(`^((?:\s|- )*)([^\s:'"{}\[\]#-][^:'"]*):\s+\S`)

// misplaced says of a line that it is indented further than the key above it, which has a value already; "" when that is not
// so.
func (t *text) misplaced(line diagnostic.Span) string {
	above := line.Line - 1
	for above > 1 && (strings.TrimSpace(t.line(above)) == "" || strings.HasPrefix(strings.TrimSpace(t.line(above)), "#")) {
		above--
	}
	found := keyWithValue.FindStringSubmatch(t.line(above))
	if found == nil {
		return ""
	}
	column := utf8.RuneCountInString(found[1]) + 1
	if line.Column <= column {
		return ""
	}
	says := fmt.Sprintf("the indentation is wrong: %q on line %d has a value already, so nothing can stand further in below it: begin this line in column %d",
		found[2], above, column)
	if t.whole(above-1).Column == line.Column && strings.TrimSpace(found[1]) == "" { // one line that stands out between its neighbours
		says += fmt.Sprintf(", or line %d in column %d, like those around it", above, line.Column)
	}
	return says
}

const (
	expressionInBraces = "within braces and brackets an expression needs quotes: write \"${{ … }}\""
	restInBraces       = "there is more behind the closing quote: a comma is missing, or put all of it in quotes"
	restBehindQuote    = "there is more behind the closing quote: put all of it in quotes, or none"
)
