package workflows

import (
	"cmp"
	"fmt"
	"slices"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxProblems is how many problems of one file are listed.
const maxProblems = 1000

// start is the span of a problem that concerns a file as a whole.
var start = diagnostic.Span{Line: 1, Column: 1, EndColumn: 1}

// problems gathers what is wrong with one file.
type problems struct {
	file string
	list diagnostic.List
	more int
	bad  bool // there was an error
	// private are the lines of which nothing may be shown but the very places of problems; nil: none are.
	private map[int]bool
	// typedIn is where characters are looked for that values were refused for; nil: nowhere.
	typedIn *text
}

// add keeps an error. Suggestion is what to write instead, or "".
func (p *problems) add(span diagnostic.Span, code, message, suggestion string) {
	p.bad = true
	span, message, suggestion = p.typed(span, code, message, suggestion)
	p.keep(span, diagnostic.Error, code, message, suggestion)
}

// typed places an error at the character that it comes from, when that is one of a Chinese keyboard. Expressions name theirs
// themselves.
func (p *problems) typed(span diagnostic.Span, code, message, suggestion string) (diagnostic.Span, string, string) {
	switch code {
	case "yaml-syntax", expression.CodeSyntax, expression.CodeTypeMismatch:
		return span, message, suggestion
	}
	if p.typedIn == nil || p.private[span.Line] {
		return span, message, suggestion
	}
	at, says, ok := p.typedIn.refusedFor(span)
	switch {
	case !ok:
		return span, message, suggestion
	case p.private != nil && p.typedIn.mayHoldSecret(at.Line): // what a key was taken for may be the secret behind it
		p.private[at.Line], at.EndColumn = true, at.Column
		return at, says, ""
	}
	return at, says + " (" + message + ")", ""
}

// warn keeps a warning.
func (p *problems) warn(span diagnostic.Span, code, message string) {
	p.keep(span, diagnostic.Warning, code, message, "")
}

func (p *problems) keep(span diagnostic.Span, severity diagnostic.Severity, code, message, suggestion string) {
	if len(p.list) >= maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, diagnostic.Diagnostic{
		File: p.file, Span: span, Severity: severity, Code: code, Message: message, Suggestion: suggestion,
	})
}

// sorted returns the problems by place, and how many more there are.
func (p *problems) sorted() diagnostic.List {
	slices.SortStableFunc(p.list, func(a, b diagnostic.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range p.list {
		p.list[i].Private = p.private[p.list[i].Line]
	}
	if p.more == 0 {
		return p.list
	}
	last := p.list[len(p.list)-1]
	severity := diagnostic.Warning
	if p.bad {
		severity = diagnostic.Error
	}
	message := fmt.Sprintf("%d more problems follow in this file: mend these first", p.more)
	if p.more == 1 {
		message = "one more problem follows in this file: mend these first"
	}
	return append(p.list, diagnostic.Diagnostic{
		File: p.file, Span: last.Span, Severity: severity, Code: "more",
		Message: message,
	})
}
