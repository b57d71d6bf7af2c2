package diagnostic

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds the characters of a source line that are printed, so that a file of one long line does not fill the
// screen.
const maxShown = 200

// Text prints the list for people, each problem with the line it is in and a mark under the place:
//
//	workflows/vip.yaml:31:13: unknown name "custmer" in expression [unknown-name]
//	   |
//	31 |       where: custmer.tier in ["gold", "vip"]
//	   |              ^~~~~~~ did you mean "customer"?
//
// source gives the bytes of a file as it was read; where it fails, or the place is not in the file, the problem is
// printed without its line. The error is the writer's.
func Text(w io.Writer, list List, source func(file string) ([]byte, error), colour bool) error {
	out := bufio.NewWriter(w)
	files := map[string][]byte{}
	for _, d := range list {
		text, known := files[d.File]
		if !known && source != nil {
			// A file that has gone since costs its snippet, not the message.
			if read, err := source(d.File); err == nil {
				text = read
			}
			files[d.File] = text
		}
		printOne(out, d, text, painter(colour))
	}
	return out.Flush()
}

// painter wraps text in a colour, or leaves it as it is.
type painter bool

const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
	reset  = "\x1b[0m"
)

func (p painter) paint(colour, text string) string {
	if !p || text == "" {
		return text
	}
	return colour + text + reset
}

func printOne(out io.Writer, d Diagnostic, source []byte, p painter) {
	tone := red
	label := ""
	if !d.stops() {
		tone, label = yellow, "warning: "
	}
	fmt.Fprintf(out, "%s: %s%s %s\n", p.paint(bold, shown(d.place())), p.paint(tone, label), shown(d.Message), p.paint(tone, "["+d.Code+"]"))
	line, ok := lineOf(source, d.Line)
	if !ok || d.Column < 1 {
		if d.Suggestion != "" {
			fmt.Fprintf(out, "   | %s\n", hint(d))
		}
		return
	}
	if d.Private {
		line = only(line, d.Span)
	}
	s := cut(line, d.Span)
	number := strconv.Itoa(d.Line)
	blank := strings.Repeat(" ", max(len(number), 2))
	gutter := fmt.Sprintf("%*s", len(blank), number)
	fmt.Fprintf(out, "%s\n", p.paint(blue, blank+" |"))
	fmt.Fprintf(out, "%s %s\n", p.paint(blue, gutter+" |"), s.text)
	mark := s.indent + p.paint(tone, s.mark)
	if d.Suggestion != "" {
		mark += " " + hint(d)
	}
	fmt.Fprintf(out, "%s %s\n", p.paint(blue, blank+" |"), mark)
}

func hint(d Diagnostic) string { return fmt.Sprintf("did you mean %q?", d.Suggestion) }

// only is a line of which nothing shows but the span.
func only(line string, span Span) string {
	runes := []rune(strings.ToValidUTF8(line, "\uFFFD"))
	start := min(span.Column-1, len(runes))
	end := min(max(span.EndColumn-1, start), len(runes))
	blanks := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(runes[:start]))
	return blanks + string(runes[start:end]) + " ***"
}

// lineOf finds line n, counted from 1, without its line end.
func lineOf(source []byte, n int) (string, bool) {
	if n < 1 || len(source) == 0 {
		return "", false
	}
	for ; n > 1; n-- {
		end := bytes.IndexByte(source, '\n')
		if end < 0 {
			return "", false
		}
		source = source[end+1:]
	}
	if end := bytes.IndexByte(source, '\n'); end >= 0 {
		source = source[:end]
	}
	return string(bytes.TrimSuffix(source, []byte("\r"))), true
}

// snippet is a line as it is printed, with what goes under it.
type snippet struct {
	text   string
	indent string // tabs stay tabs, so that both lines are indented alike whatever the terminal's tab width
	mark   string
}

// cut shows the part of a line around a span, and puts the mark under the span.
func cut(line string, span Span) snippet {
	runes := []rune(strings.ToValidUTF8(line, "\uFFFD"))
	start := min(span.Column-1, len(runes))
	end := min(max(span.EndColumn-1, start+1), len(runes))
	from, to := 0, len(runes)
	if to > maxShown {
		from = max(0, min(start-maxShown/4, len(runes)-maxShown))
		to = from + maxShown
	}
	before, after := "", ""
	if from > 0 {
		before = "… "
	}
	if to < len(runes) {
		after = " …"
	}
	var s snippet
	s.text = before + shown(string(runes[from:to])) + after
	s.indent = strings.Repeat(" ", cells(before)) + indentUnder(runes[from:start])
	s.mark = "^"
	if wide := cells(shown(string(runes[start:max(start, min(end, to))]))); wide > 1 {
		s.mark += strings.Repeat("~", wide-1)
	}
	return s
}

// indentUnder is as wide as the text above it.
func indentUnder(text []rune) string {
	var b strings.Builder
	for _, part := range strings.SplitAfter(string(text), "\t") {
		head, tab := strings.CutSuffix(part, "\t")
		b.WriteString(strings.Repeat(" ", cells(shown(head))))
		if tab {
			b.WriteByte('\t')
		}
	}
	return b.String()
}

// shown replaces what would move the cursor or colour the screen: a file is from outside, a terminal obeys.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case unicode.IsControl(r), r == utf8.RuneError, isDirection(r):
			return '\uFFFD'
		}
		return r
	}, text)
}

// isDirection holds for the marks that turn the direction of writing and so can make text read as it is not.
func isDirection(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}
