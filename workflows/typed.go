package workflows

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// A character of a Chinese keyboard stands rightly in any text that reaches a customer, so none is blamed for what it is. It
// is blamed where a file cannot be read and can be with the plain one in its place, and where it stands in a value that was
// refused.

const (
	slipLines    = 20      // how far above the place of an error a slip is looked for
	longSlipLine = 2000    // a line with more characters is not looked at
	maxSlips     = 16      // how many are tried: each time the file is read anew
	slipReading  = 4 << 20 // how many bytes are read for that at the most, however large the file is
)

// slip is a character that may have been typed by mistake, and its line as it is probably meant; there may be two such lines.
type slip struct {
	line, column int
	says         string
	meant        []string
	whole        bool // it counts only when nothing else is wrong with the file
	indents      bool // it stands in the indentation
	key          bool // it stands behind a key
}

func (one *slip) span() diagnostic.Span {
	return diagnostic.Span{Line: one.line, Column: one.column, EndColumn: one.column + 1}
}

// slipped finds the character that a file cannot be read for. The first line and the last are those between which YAML's
// reader stumbled.
func (t *text) slipped(first, last int) (diagnostic.Span, string, bool) {
	slips := t.slips(max(first-slipLines, 1), last)
	tries := min(maxSlips, max(slipReading/len(t.source), 2))
	slips = slips[max(len(slips)-tries, 0):]
	if len(slips) == 0 {
		return diagnostic.Span{}, "", false
	}
	before := t.readable()
	for i := len(slips) - 1; i >= 0; i-- {
		for _, meant := range slips[i].meant {
			after := t.with(map[int]string{slips[i].line: meant}).readable()
			if after == math.MaxInt || after > before && !slips[i].whole {
				return slips[i].span(), slips[i].says, true
			}
		}
	}
	if one := t.slippedTogether(slips, before); one != nil {
		return one.span(), one.says, true
	}
	for i := len(slips) - 1; i >= 0; i-- { // how many columns it stands for is not known: it is wrong in any case
		if slips[i].indents && last-slips[i].line <= 1 {
			return slips[i].span(), slips[i].says, true
		}
	}
	return diagnostic.Span{}, "", false
}

// slippedTogether finds the first of several keys whose colons are all wide: one of them alone makes the file no better.
func (t *text) slippedTogether(slips []slip, before int) *slip {
	meant, first := map[int]string{}, (*slip)(nil)
	for i := range slips {
		if one := &slips[i]; one.key && meant[one.line] == "" {
			meant[one.line] = one.meant[0]
			if first == nil {
				first = one
			}
		}
	}
	if len(meant) < 2 {
		return nil
	}
	all := t.with(meant).readable()
	delete(meant, first.line)
	if all <= before || t.with(meant).readable() >= all {
		return nil
	}
	return first
}

// with is a text in which some lines are others.
func (t *text) with(meant map[int]string) *text {
	var b strings.Builder
	b.Grow(len(t.source) + 8*len(meant))
	at := 0
	for _, line := range slices.Sorted(maps.Keys(meant)) {
		from := t.starts[line-1]
		b.WriteString(t.source[at:from])
		b.WriteString(meant[line])
		at = from + len(t.line(line))
	}
	b.WriteString(t.source[at:])
	return newText(b.String())
}

// readable counts the lines that YAML's reader takes before it gives up; math.MaxInt when it does not.
func (t *text) readable() int {
	lines := &lineReader{text: t}
	reader := yaml.NewDecoder(lines)
	for {
		var node yaml.Node
		switch err := decodeOne(reader, &node); {
		case err == nil:
		case errors.Is(err, io.EOF):
			return math.MaxInt
		default:
			return lines.next
		}
	}
}

// slips lists what may be one in some lines.
func (t *text) slips(first, last int) []slip {
	s := &syntaxScanner{text: t, slipsFrom: first}
	for s.line = 1; s.line <= min(last, len(t.starts)); s.line++ {
		s.scanLine()
	}
	return s.slips
}

// slip keeps the character at hand when it can be a slip: only where a plain one would have a meaning.
func (s *syntaxScanner) slip() {
	if s.slipsFrom == 0 || s.line < s.slipsFrom || len(s.runes) > longSlipLine {
		return
	}
	r, next := s.runes[s.at], s.next()
	switch {
	case s.quote.r != 0:
		if s.quote.r == '"' && (r == '”' || r == '“') {
			s.keepSlip(s.at, `"`).whole = true
		}
	case isColon(r) && s.behindKey():
		s.slippedColon(r, next)
	case !s.begins:
		if plain, ok := expression.Plain(r); ok && len(s.open) > 0 && slices.Contains([]string{",", "]", "}", ":"}, plain) && s.partsEntries() {
			s.keepSlip(s.at, plain+" ")
		}
	case isWideSpace(r):
		s.slippedSpace()
	case r == '-' && isWideSpace(next) && len(s.open) == 0:
		s.keepSlip(s.at+1, " ").says = spaceSays(next)
	case isDash(r) && len(s.open) == 0 && (next == ' ' || r == '-' && unicode.IsLetter(next)):
		one := s.keepSlip(s.at, spaced('-', next))
		if r == '-' {
			one.says = `a space is missing after this dash: write "- "`
		}
	case isOpener(r):
		plain, _ := expression.Plain(r)
		s.keepSlip(s.at, plain).whole = true // else the file goes on in the quote that it opens
		s.closeSlip(plain)
	}
}

// keepSlip keeps the character at a place of the line, with what is meant by it.
func (s *syntaxScanner) keepSlip(at int, plain string) *slip {
	meant := string(s.runes[:at]) + plain + string(s.runes[at+1:])
	s.slips = append(s.slips, slip{line: s.line, column: at + 1, says: expression.Unreadable(s.runes[at]), meant: []string{meant}})
	return &s.slips[len(s.slips)-1]
}

func (s *syntaxScanner) slippedColon(r, next rune) {
	if r == ':' && isWideSpace(next) {
		one := s.keepSlip(s.at+1, " ")
		one.says, one.key = spaceSays(next), true
		return
	}
	if r == ':' && (next == ' ' || next == '\t' || next == '/') {
		return
	}
	one := s.keepSlip(s.at, spaced(':', next))
	one.says, one.key = colonSays(r), true
}

// slippedSpace takes all wide spaces from here on as one, for one space each or for two.
func (s *syntaxScanner) slippedSpace() {
	from, to := s.at, s.at
	for to < len(s.runes) && isWideSpace(s.runes[to]) {
		to++
	}
	one := s.keepSlip(from, " ")
	one.says, one.meant = spaceSays(s.runes[from]), nil
	one.indents = strings.TrimLeft(string(s.runes[:from]), " ") == ""
	for _, space := range []string{" ", "  "} {
		one.meant = append(one.meant, string(s.runes[:from])+strings.Repeat(space, to-from)+string(s.runes[to:]))
	}
}

// closeSlip gives a wide bracket or quote that was kept last its other half.
func (s *syntaxScanner) closeSlip(plain string) {
	other := map[string]string{`"`: "”", "'": "’", "[": "］】", "{": "｝"}[plain]
	one := &s.slips[len(s.slips)-1]
	line := []rune(one.meant[0])
	for i := s.at + 1; i < len(line); i++ {
		if strings.ContainsRune(other, line[i]) {
			shut, _ := expression.Plain(line[i])
			one.meant = append(one.meant, string(line[:i])+shut+string(line[i+1:]))
			return
		}
	}
}

var keyLike = regexp.MustCompile(`^[\pL_][\pL\pN_ .-]*$`)

// behindKey reports whether what stands before this place looks like a key.
func (s *syntaxScanner) behindKey() bool {
	if s.begins || s.token == 0 || s.token > s.at || s.ended.r != 0 || len(s.open) == 0 && s.key > 0 || s.keyed && len(s.open) > 0 {
		return false
	}
	return keyLike.MatchString(string(s.runes[s.token-1 : s.at]))
}

// partsEntries tells what parts two entries within brackets from the punctuation of a text in Chinese: ASCII stands on one side.
func (s *syntaxScanner) partsEntries() bool {
	if s.at == 0 || s.runes[s.at-1] < unicode.MaxASCII {
		return true
	}
	rest := strings.TrimLeft(string(s.runes[s.at+1:]), " ")
	return rest == "" || rest[0] <= unicode.MaxASCII
}

// spaced is a sign of syntax with the space that must follow it, where none does.
func spaced(sign, next rune) string {
	if next == ' ' {
		return string(sign)
	}
	return string(sign) + " "
}

func isColon(r rune) bool     { return r == '：' || r == ':' }
func isDash(r rune) bool      { return r == '-' || r == '－' || r == '—' || r == '–' }
func isWideSpace(r rune) bool { return r == '\u3000' || r == '\u00a0' }
func isOpener(r rune) bool    { return strings.ContainsRune("“‘［【｛", r) }

func colonSays(r rune) string {
	if r == ':' {
		return `a space is missing after this colon: write ": "`
	}
	return expression.Unreadable(r) + " and a space"
}

func spaceSays(r rune) string {
	kind := "wide"
	if r == '\u00a0' {
		kind = "no-break"
	}
	return fmt.Sprintf("the %s space (U+%04X) cannot be used here; write a space", kind, r)
}

// refusedFor finds the character for which a value or key was probably refused, of which a problem says where it stands: one
// that stands for syntax, or any when the whole would be plain.
func (t *text) refusedFor(span diagnostic.Span) (diagnostic.Span, string, bool) {
	runes := []rune(t.line(span.Line))
	from, to := min(span.Column-1, len(runes)), min(span.EndColumn-1, len(runes))
	if span == start || from < 0 || to < from {
		return span, "", false
	}
	if from == to { // a key without a value, at the end of it
		for from > 0 && !strings.ContainsRune("{[,", runes[from-1]) {
			from--
		}
		for from < to && strings.ContainsRune(" -", runes[from]) {
			from++
		}
	}
	if to-from > 1 && (runes[from] == '"' || runes[from] == '\'') && runes[to-1] == runes[from] {
		from, to = from+1, to-1
	}
	at, says := refusedIn(runes[from:to], beginsEntry(string(runes[:from])))
	if at < 0 {
		return span, "", false
	}
	return t.inside(diagnostic.Span{Line: span.Line, Column: from + at + 1, EndColumn: from + at + 2}), says, true
}

// beginsEntry reports whether a key may stand behind these characters of its line.
func beginsEntry(before string) bool {
	before = strings.TrimRight(before, " -")
	return before == "" || strings.HasSuffix(before, "{") || strings.HasSuffix(before, ",")
}

// refusedIn is refusedFor in a value or key; at is -1 for none.
func refusedIn(value []rune, entry bool) (at int, says string) {
	before, _, inExpression := strings.Cut(string(value), "${{")
	if value = []rune(before); len(value) == 0 {
		return -1, ""
	}
	if isOpener(value[0]) || len(value) > 1 && isDash(value[0]) && value[0] != '-' && value[1] == ' ' {
		return 0, expression.Unreadable(value[0])
	}
	first, plain := -1, !inExpression
	for i, r := range value {
		if isColon(r) && entry && keyLike.MatchString(string(value[:i])) {
			switch {
			case r == '：':
				return i, colonSays(r)
			case i+1 < len(value) && isWideSpace(value[i+1]):
				return i + 1, spaceSays(value[i+1])
			case i+1 < len(value) && !strings.ContainsRune(" \t/", value[i+1]):
				return i, colonSays(r)
			}
		}
		if r == '＃' && i > 0 && value[i-1] == ' ' {
			return i, expression.Unreadable(r)
		}
		if _, wide := expression.Plain(r); wide && first < 0 {
			first = i
		} else if !wide && (r > unicode.MaxASCII || strings.ContainsRune(`"'[]{}()`, r)) {
			plain = false
		}
	}
	if first < 0 || !plain {
		return -1, ""
	}
	if isWideSpace(value[first]) {
		return first, spaceSays(value[first])
	}
	return first, expression.Unreadable(value[first])
}
