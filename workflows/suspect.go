package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// suspect warns of text that hardly anybody means as it stands. It would reach a customer.
func (d *decoder) suspect(node *yaml.Node) {
	if node.Tag != "!!str" {
		return
	}
	if strings.ContainsAny(node.Value, "{｛") {
		plain := besideExpressions(node.Value)
		if from, to := missingDollar(plain); to > 0 {
			d.warn(d.text.stretch(node, from, to), "missing-dollar",
				"`{{` without `$` is plain text: write ${{ … }} for an expression")
		}
		d.suspectBraces(node, string(plain))
	}
	if node.Style == 0 && inChineseQuotes(node.Value) {
		d.warn(d.text.spanOf(node), "chinese-quotes",
			`Chinese quotes are part of the text: leave them out, or write "…" instead; put "…" around them where they are meant`)
	}
}

// likeExpression is what somebody writes who means an expression and has other braces: ${ name }, $｛｛ name ｝｝. A name or a
// path of them stands in it.
var likeExpression = regexp.MustCompile(`[$＄](?:[{｛]{1,2})\s*([\pL_][^{}｛｝\n]*?)\s*(?:[}｝]{1,2})`)

// suspectBraces warns of the first in a text that is like an expression and is none.
func (d *decoder) suspectBraces(node *yaml.Node, plain string) {
	found := likeExpression.FindStringSubmatchIndex(plain)
	if found == nil {
		return
	}
	whole, inner := plain[found[0]:found[1]], plain[found[2]:found[3]]
	from := utf8.RuneCountInString(plain[:found[0]])
	span := d.text.stretch(node, from, from+utf8.RuneCountInString(whole))
	if strings.ContainsAny(whole, "＄｛｝") {
		d.warn(span, "full-width-braces", fmt.Sprintf("full-width braces are plain text: write ${{ %s }} for an expression", inner))
		return
	}
	d.warn(span, "single-brace", fmt.Sprintf("`${` with one brace is plain text in a workflow: write ${{ %s }} for an expression", inner))
}

// suspectVariants warns of a variant that an expression compares with, and that the foreach does not have.
func (p *parser) suspectVariants(foreach *Foreach, program *expression.Program, place func(start, end int) diagnostic.Span) {
	if len(foreach.Variants) == 0 || !strings.Contains(program.Source(), "variant") {
		return
	}
	names := make([]string, len(foreach.Variants))
	for i, variant := range foreach.Variants {
		names[i] = variant.Name
	}
	for _, compared := range program.ComparedWith("variant") {
		if !slices.Contains(names, compared.Name) {
			p.warn(place(compared.Start, compared.End), "unknown-variant",
				fmt.Sprintf("the foreach has no variant %q, so this is never one: there are %s", compared.Name, strings.Join(names, ", ")))
		}
	}
}

// missingDollar finds the first {{ … }} of a text outside expressions; to is 0 for none.
func missingDollar(plain []rune) (from, to int) {
	for i := range plain {
		if has(plain, i, "{{") && (i == 0 || plain[i-1] != '＄') {
			if end := closing(plain, i+2); end >= 0 {
				return i, end + 2
			}
		}
	}
	return 0, 0
}

// besideExpressions is a text with blanks in place of its expressions; nil where one is not closed, which is an error.
func besideExpressions(value string) []rune {
	runes := []rune(value)
	for i := 0; i < len(runes); {
		end := i
		switch {
		case has(runes, i, "$${{"):
			end = i + 4
		case has(runes, i, "${{"):
			if end = closing(runes, i+3) + 2; end < i+3 {
				return nil
			}
		default:
			i++
		}
		for ; i < end; i++ {
			runes[i] = ' '
		}
	}
	return runes
}

// inChineseQuotes tells text that is wrapped in one pair of quotes from text that begins and ends with a quoted word.
func inChineseQuotes(value string) bool {
	inner, opened := strings.CutPrefix(strings.TrimSpace(value), "“")
	inner, closed := strings.CutSuffix(inner, "”")
	return opened && closed && !strings.ContainsAny(inner, "“”")
}
