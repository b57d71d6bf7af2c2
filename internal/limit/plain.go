package limit

import (
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/expression"
)

// plain is a `by` that is put together here, without the machine for expressions: a plan asks it for millions of calls.
// That is members of call and texts with a + in between, such as call.account + "/" + call.friend.
type plain []piece

// piece is a member of call, or a text where member is nil.
type piece struct {
	member func(*engine.LimitedCall) string
	text   string
}

// member is one of those that expressions see, nil for any other name.
func member(name string) func(*engine.LimitedCall) string {
	switch name {
	case "account":
		return func(c *engine.LimitedCall) string { return c.Account }
	case "friend":
		return func(c *engine.LimitedCall) string { return c.Friend }
	case "operation":
		return func(c *engine.LimitedCall) string { return c.Operation }
	case "effect":
		return func(c *engine.LimitedCall) string { return string(c.Effect) }
	case "connection":
		return func(c *engine.LimitedCall) string { return c.Connection }
	case "workflow":
		return func(c *engine.LimitedCall) string { return c.Workflow }
	}
	return nil
}

// plainBy reads a `by`, and reports whether it is plain. None is.
func plainBy(program *expression.Program) (plain, bool) {
	if program == nil {
		return nil, true
	}
	var by plain
	for _, word := range cut(program.Source(), "+") {
		p, ok := pieceOf(word)
		if !ok {
			return nil, false
		}
		by = append(by, p)
	}
	return by, true
}

// plainMatch reads a `match` that compares a member to a text, and reports whether it is such. None is.
func plainMatch(program *expression.Program) (is piece, ok bool) {
	if program == nil {
		return piece{}, true
	}
	words := cut(program.Source(), "==")
	if len(words) != 2 {
		return piece{}, false
	}
	left, ok1 := pieceOf(words[0])
	right, ok2 := pieceOf(words[1])
	if !ok1 || !ok2 || left.member == nil || right.member != nil {
		return piece{}, false
	}
	return piece{left.member, right.text}, true
}

// cut takes a source apart where the mark stands. In a text it must not.
func cut(source, mark string) []string {
	words := strings.Split(source, mark)
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

func pieceOf(word string) (piece, bool) {
	if name, ok := strings.CutPrefix(word, "call."); ok {
		m := member(name)
		return piece{member: m}, m != nil
	}
	if len(word) < 2 || word[0] != '"' || word[len(word)-1] != '"' || strings.ContainsAny(word[1:len(word)-1], "\"\\\n") {
		return piece{}, false
	}
	return piece{text: word[1 : len(word)-1]}, true
}

// key appends the key of a call's bucket.
func (r *rule) key(into []byte, call *engine.LimitedCall) []byte {
	into = append(into, r.prefix...)
	for _, p := range r.by {
		if p.member != nil {
			into = append(into, p.member(call)...)
		} else {
			into = append(into, p.text...)
		}
	}
	return into
}

// holds reports whether a plain match is true of a call.
func (r *rule) holds(call *engine.LimitedCall) bool {
	return r.match.member == nil || r.match.member(call) == r.match.text
}

// bucketKey appends the key of the bucket that a call passes, and reports whether it passes one.
func (l *Limiter) bucketKey(into []byte, r *rule, call *engine.LimitedCall) ([]byte, bool, error) {
	if r.plain {
		if !r.holds(call) {
			return nil, false, nil
		}
		return r.key(into, call), true, nil
	}
	answer, err := l.ask(r, *call)
	return append(into, answer.bucket...), answer.matches, err
}
