package audience

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxSQL bounds a statement, in bytes.
const maxSQL = 64 << 10

// oneReadingStatement refuses what is clearly no query before a database sees it. That nothing is written is left to the
// database, which knows better; but SQLite would run several statements at once, and MySQL write a file.
func oneReadingStatement(text string) error {
	if len(text) > maxSQL {
		return fmt.Errorf("the statement is longer than %d bytes", maxSQL)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return errors.New("there is a NUL character in the statement")
	}
	// Wherever these stand: how MySQL reads quotes and comments depends on its settings.
	for _, writes := range []string{"OUTFILE", "DUMPFILE", "/*!", "/*M!"} {
		if strings.Contains(strings.ToUpper(text), writes) {
			return fmt.Errorf("the statement holds %s, with which MySQL could write a file or carry out a comment", writes)
		}
	}
	words, err := sqlWords(text)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return errors.New("the statement is empty")
	}
	if !slices.Contains([]string{"SELECT", "WITH", "VALUES", "TABLE", "("}, words[0]) {
		return fmt.Errorf("the statement begins with %s: an audience is read with SELECT or WITH", quoted(words[0]))
	}
	for i, word := range words {
		if word == ";" && slices.ContainsFunc(words[i:], func(w string) bool { return w != ";" }) {
			return errors.New("there is something after the ; that ends the statement: only one is allowed")
		}
	}
	return nil
}

// sqlWords takes a statement apart as far as it takes to tell words from what stands in quotes and comments: words in
// capitals, ; and (. It reads as SQLite does; PostgreSQL and MySQL refuse a second statement themselves.
func sqlWords(text string) ([]string, error) {
	var words []string
	for i := 0; i < len(text); {
		rest := text[i:]
		switch c := text[i]; {
		case strings.HasPrefix(rest, "--"):
			i += through(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			i += 2 + through(rest[2:], "*/")
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(rest[1:], c)
			if end < 0 {
				return nil, fmt.Errorf("a quote (%c) in the statement is not closed", c)
			}
			i += end + 2
			words = append(words, "''")
		case c == ';' || c == '(':
			words = append(words, string(c))
			i++
		case isWord(rune(c)):
			end := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
			if end < 0 {
				end = len(rest)
			}
			words = append(words, strings.ToUpper(rest[:end]))
			i += end
		case c <= ' ':
			i++
		default:
			words = append(words, string(c))
			i++
		}
	}
	return words, nil
}

// through is how many bytes there are to the end of a mark, or of the text.
func through(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}

func isWord(r rune) bool {
	return r == '_' || r >= 0x80 || unicode.IsLetter(r) || unicode.IsDigit(r)
}
