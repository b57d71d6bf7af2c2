package workflows

import "strings"

// piece is a stretch of a scalar: text, or the expression between ${{ and }}. From and to count characters of the
// scalar's value; for an expression they are those of its source without the blanks around it.
type piece struct {
	text       string
	expression bool
	from, to   int
}

// split cuts a scalar into text and expressions. $${{ stands for ${{ as text. Open is the place of a ${{ that has no
// end, or -1.
func split(value string) (pieces []piece, open int) {
	if !strings.Contains(value, "${{") {
		return []piece{{text: value, to: len(value)}}, -1
	}
	runes := []rune(value)
	var plain strings.Builder
	flush := func(at int) {
		if plain.Len() > 0 {
			pieces = append(pieces, piece{text: plain.String(), to: at})
			plain.Reset()
		}
	}
	for i := 0; i < len(runes); {
		switch {
		case has(runes, i, "$${{"):
			plain.WriteString("${{")
			i += 4
		case has(runes, i, "${{"):
			end := closing(runes, i+3)
			if end < 0 {
				return nil, i
			}
			flush(i)
			from, to := trimmed(runes, i+3, end)
			pieces = append(pieces, piece{text: string(runes[from:to]), expression: true, from: from, to: to})
			i = end + 2
		default:
			plain.WriteRune(runes[i])
			i++
		}
	}
	flush(len(runes))
	return pieces, -1
}

func has(runes []rune, at int, text string) bool {
	for _, r := range text {
		if at >= len(runes) || runes[at] != r {
			return false
		}
		at++
	}
	return true
}

// closing finds the }} that ends an expression: not one in quotes, and not one that closes braces opened within.
func closing(runes []rune, from int) int {
	depth := 0
	var quote rune
	for i := from; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote != 0:
			if r == '\\' && quote != '`' {
				i++
			} else if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case r == '{':
			depth++
		case r == '}' && depth > 0:
			depth--
		case has(runes, i, "}}"):
			return i
		}
	}
	return -1
}

func trimmed(runes []rune, from, to int) (int, int) {
	for from < to && strings.ContainsRune(" \t\n", runes[from]) {
		from++
	}
	for to > from && strings.ContainsRune(" \t\n", runes[to-1]) {
		to--
	}
	return from, to
}
