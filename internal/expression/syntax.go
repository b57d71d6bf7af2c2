package expression

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/file"
)

// syntaxError puts what expr's parser says into words.
func (c *compilation) syntaxError(err error) *Error {
	var problem *file.Error
	if !errors.As(err, &problem) {
		return c.whole(CodeSyntax, "this cannot be read as an expression")
	}
	if strings.Contains(problem.Message, "maximum allowed nodes") {
		return c.tooLarge()
	}
	if strings.TrimSpace(c.source) == "" {
		return c.whole(CodeSyntax, "the expression is empty")
	}
	if failure := c.unfinished(problem); failure != nil {
		return failure
	}
	failure := &Error{Code: CodeSyntax, Message: c.syntaxMessage(problem), Start: problem.From, End: problem.To}
	if strings.HasPrefix(problem.Message, "literal not terminated") {
		failure.Start, failure.End = openQuote(c.source), c.runes
	}
	return failure
}

// openQuote is where the last quote is that nothing closes.
func openQuote(source string) int {
	open, at, escaped := rune(0), 0, false
	for i, r := range []rune(source) {
		switch {
		case escaped:
			escaped = false
		case open == 0 && (r == '"' || r == '\'' || r == '`'):
			open, at = r, i
		case open != 0 && r == '\\' && open != '`':
			escaped = true
		case r == open:
			open = 0
		}
	}
	return at
}

var tokenText = regexp.MustCompile(`^unexpected token \w+\("(.*)"\)$`)

func (c *compilation) syntaxMessage(problem *file.Error) string {
	message := problem.Message
	switch {
	case message == "unexpected token EOF", message == "unexpected end of expression":
		return "the expression ends too early"
	case strings.HasPrefix(message, "unexpected token "):
		if token := tokenText.FindStringSubmatch(message); token != nil {
			return unexpected(token[1])
		}
		return "this is not expected here"
	case strings.HasPrefix(message, "literal not terminated"):
		return "a quote is opened and not closed"
	case strings.HasPrefix(message, "unrecognized character"):
		return c.unreadable(problem)
	case strings.HasPrefix(message, "unclosed comment"):
		return "a comment is opened and not closed"
	case strings.HasPrefix(message, "invalid char escape"):
		return `a \ in quotes must be followed by n, t, ", ' or \`
	case strings.Contains(message, "coalesce"):
		return "put parentheses around the part with ??"
	case strings.Contains(message, "literal"), strings.HasPrefix(message, "bad number"):
		return "this number cannot be read"
	case strings.HasPrefix(message, "expected at least"):
		return "a value is missing between the parentheses"
	case strings.HasPrefix(message, "expected name"):
		return "a name is expected after the dot"
	case strings.HasPrefix(message, "a map key"):
		return "the name of a field is expected here"
	case strings.HasPrefix(message, "wrap predicate"):
		return "put { and } around the test"
	}
	return "this cannot be read as an expression"
}

func unexpected(token string) string {
	token = strings.ReplaceAll(token, `\"`, `"`)
	switch lower := strings.ToLower(token); {
	case token == "=":
		return "= is not expected here; write == to compare"
	case token != lower && slices.Contains([]string{"and", "or", "not", "in", "contains", "matches"}, lower):
		return fmt.Sprintf("%s is not expected here; write %s", token, lower)
	}
	return fmt.Sprintf("%s is not expected here", token)
}

// unreadable names the character; the punctuation of a Chinese keyboard is the usual reason.
func (c *compilation) unreadable(problem *file.Error) string {
	runes := []rune(c.source)
	if problem.From >= len(runes) {
		return "this character cannot be used here"
	}
	typed := runes[min(max(problem.To-1, problem.From), len(runes)-1)]
	return Unreadable(typed)
}

// Unreadable says of a character that it cannot stand where it does, and what to write instead where that is certain.
func Unreadable(typed rune) string {
	message := fmt.Sprintf("the character %c cannot be used here", typed)
	if ascii, ok := Plain(typed); ok {
		message += "; write " + ascii
	}
	return message
}

// Plain is what is meant by a character of a Chinese keyboard that stands where a plain one is needed: the same sign, letter or
// digit in ASCII, and "a space" for a wide one.
func Plain(typed rune) (string, bool) {
	switch typed {
	case '“', '”':
		return `"`, true
	case '‘', '’':
		return "'", true
	case '、':
		return ",", true
	case '。':
		return ".", true
	case '【':
		return "[", true
	case '】':
		return "]", true
	case '—', '–':
		return "-", true
	case '\u3000', '\u00a0':
		return "a space", true
	}
	if typed >= '！' && typed <= '～' { // the wide form of each ASCII character
		return string(typed - '！' + '!'), true
	}
	return "", false
}
