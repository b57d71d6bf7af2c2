package workflows

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// suspect warns of text that hardly anybody means as it stands. It would reach a customer.
func (d *decoder) suspect(node *yaml.Node) {
	if node.Tag != "!!str" {
		return
	}
	if from, to := missingDollar(node.Value); to > 0 {
		d.warn(d.text.stretch(node, from, to), "missing-dollar",
			"`{{` without `$` is plain text: write ${{ … }} for an expression")
	}
	if node.Style == 0 && inChineseQuotes(node.Value) {
		d.warn(d.text.spanOf(node), "chinese-quotes",
			`Chinese quotes are part of the text: leave them out, or write "…" instead; put "…" around them where they are meant`)
	}
}

// missingDollar finds the first {{ … }} of a scalar that is neither an expression nor stands in one; to is 0 for none.
func missingDollar(value string) (from, to int) {
	if !strings.Contains(value, "{{") {
		return 0, 0
	}
	runes := []rune(value)
	for i := 0; i < len(runes); i++ {
		switch {
		case has(runes, i, "$${{"):
			i += 3
		case has(runes, i, "${{"):
			end := closing(runes, i+3)
			if end < 0 {
				return 0, 0 // reported as an error
			}
			i = end + 1
		case has(runes, i, "{{"):
			if end := closing(runes, i+2); end >= 0 {
				return i, end + 2
			}
		}
	}
	return 0, 0
}

// inChineseQuotes tells text that is wrapped in one pair of quotes from text that begins and ends with a quoted word.
func inChineseQuotes(value string) bool {
	inner, opened := strings.CutPrefix(strings.TrimSpace(value), "“")
	inner, closed := strings.CutSuffix(inner, "”")
	return opened && closed && !strings.ContainsAny(inner, "“”")
}
