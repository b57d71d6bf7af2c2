package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
)

var (
	// pipedName is a function behind | that nothing follows.
	pipedName = regexp.MustCompile(`(?:^|[^|])\|\s*([\pL_][\pL\pN_]*)\s*$`)
	// calledFunction is one before its parenthesis.
	calledFunction = regexp.MustCompile(`(?:^|[^.\pL\pN_])([\pL_][\pL\pN_]*)\s*$`)
	lastWord       = regexp.MustCompile(`(\pL+|[^\pL\pN\s"')\]}]+)\s*$`)
)

// unfinished finds out what is missing where the parser came to the end too early, or to what cannot follow a function behind
// |. Nil: it is something else.
func (c *compilation) unfinished(problem *file.Error) *Error {
	runes := []rune(c.source)
	ends := problem.Message == "unexpected token EOF" || problem.Message == "unexpected end of expression"
	read := c.source
	if !ends && !strings.HasPrefix(problem.Message, "unexpected token ") {
		return nil
	}
	if !ends {
		read = string(runes[:min(max(problem.From, 0), len(runes))])
	}
	if found := pipedName.FindStringSubmatchIndex(read); found != nil {
		name := read[found[2]:found[3]]
		failure := c.noFunction(name, len([]rune(read[:found[2]])))
		if failure == nil {
			failure = &Error{Code: CodeSyntax, Message: fmt.Sprintf("a function behind | needs its parentheses: write %s()", name)}
			failure.Start = len([]rune(read[:found[2]]))
			failure.End = failure.Start + len([]rune(name))
		}
		return failure
	}
	if !ends {
		return nil
	}
	if at := openBracket(runes); at >= 0 {
		before := string(runes[:at])
		if found := calledFunction.FindStringSubmatchIndex(before); found != nil && runes[at] == '(' && !isOperator(before[found[2]:found[3]]) {
			if failure := c.noFunction(before[found[2]:found[3]], len([]rune(before[:found[2]]))); failure != nil {
				return failure
			}
		}
		return &Error{Code: CodeSyntax, Message: fmt.Sprintf("the %c here is not closed", runes[at]), Start: at, End: at + 1}
	}
	message := "the expression ends too early"
	if last := lastWord.FindStringSubmatch(c.source); last != nil {
		message += fmt.Sprintf(": something is missing behind %s", last[1])
	}
	return &Error{Code: CodeSyntax, Message: message, Start: problem.From, End: problem.To}
}

// noFunction says that there is no function of a name; nil: there is.
func (c *compilation) noFunction(name string, at int) *Error {
	if slices.Contains(Functions(), name) {
		return nil
	}
	return &Error{Code: CodeUnknownFunction, Message: fmt.Sprintf("there is no function %q", name), Name: name, Candidates: Functions(),
		Start: at, End: at + len([]rune(name))}
}

// isOperator holds for words behind which a parenthesis begins a group.
func isOperator(word string) bool {
	return slices.Contains(strings.Fields("not and or in matches contains startsWith endsWith let if else"), word)
}

// openBracket is where the innermost bracket stands that is not closed; -1 for none.
func openBracket(runes []rune) int {
	var open []int
	quote := rune(0)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case quote != 0 && r == '\\' && quote != '`':
			i++
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'' || r == '`':
			quote = r
		case r == '(' || r == '[' || r == '{':
			open = append(open, i)
		case (r == ')' || r == ']' || r == '}') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return -1
	}
	return open[len(open)-1]
}
