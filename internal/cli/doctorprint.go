package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"

	"youmiflow/internal/web/result"
)

// The widths of what people read: of a terminal that does not tell its own, or of none, and the least that text is broken to.
const (
	usualWidth = 80
	leastWidth = 30
)

// widthOf is how many columns there are to write in.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usualWidth
}

// writeFindings writes findings for people: what was found stands beside each check, broken to the width, and what to do about
// it below.
func writeFindings(w io.Writer, findings []result.Finding, width int) error {
	names := len("CHECK")
	for _, found := range findings {
		names = max(names, len(found.Name))
	}
	line := func(name, status, text string) string {
		return strings.TrimRight(fmt.Sprintf("%-*s  %-6s  %s", names, name, status, text), " ")
	}
	lines := []string{line("CHECK", "STATUS", "FOUND")}
	room := max(width-names-10, leastWidth)
	for _, found := range findings {
		text := broken(found.Found, room)
		if found.Advice != "" {
			text = append(text, broken("what to do: "+found.Advice, room)...)
		}
		name, status := found.Name, string(found.Status)
		for _, part := range text {
			lines = append(lines, line(name, status, part))
			name, status = "", ""
		}
	}
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

// broken breaks a text into lines between its words. A word that is longer than a line, such as a path, stays whole.
func broken(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := len(lines) - 1
		switch {
		case lines[last] == "":
			lines[last] = word
		case runewidth.StringWidth(lines[last])+1+runewidth.StringWidth(word) > width:
			lines = append(lines, word)
		default:
			lines[last] += " " + word
		}
	}
	return lines
}
