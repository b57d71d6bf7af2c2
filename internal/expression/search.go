package expression

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strings"
)

// within is the operator `in`: an element of a list, or a key of an object. Nothing is in what is empty.
func within(m *meter, needle, stack any) (bool, error) {
	switch s := stack.(type) {
	case nil:
		return false, m.charge(1)
	case []any:
		for _, element := range s {
			if same, err := equal(m, needle, element, 0); same || err != nil {
				return same, err
			}
		}
		return false, nil
	case map[string]any:
		key, ok := needle.(string)
		if !ok {
			return false, m.charge(1)
		}
		_, there := s[key]
		return there, m.chargeText(len(key))
	case string:
		return false, errors.New("`in` looks into a list; write contains to look into a string")
	}
	v := reflect.ValueOf(stack)
	if !isList(v) {
		return false, fmt.Errorf("`in` looks into a list, this is %s", describe(stack))
	}
	for i := range v.Len() {
		if same, err := equal(m, needle, v.Index(i).Interface(), 0); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// search is contains, startsWith and endsWith. Nothing is found in what is empty.
func search(m *meter, symbol string, a, b any) (bool, error) {
	if a == nil || b == nil {
		return false, m.charge(1)
	}
	text, ok := a.(string)
	part, both := b.(string)
	if !ok || !both {
		return false, fmt.Errorf("%s looks into a string for a string; these are %s and %s", symbol, describe(a), describe(b))
	}
	if err := m.chargeText(4 * (len(text) + len(part))); err != nil {
		return false, err
	}
	switch symbol {
	case "contains":
		return strings.Contains(text, part), nil
	case "startsWith":
		return strings.HasPrefix(text, part), nil
	}
	return strings.HasSuffix(text, part), nil
}

// pattern is a regular expression with what one character costs to match.
type pattern struct {
	compiled *regexp.Regexp
	steps    int
}

// maxPattern bounds a regular expression, in bytes: compiling one takes time and memory that grow with it.
const maxPattern = 1_000

var errNoPattern = errors.New("this is not a pattern that can be read (a regular expression)")

func compilePattern(text string) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("a pattern may have at most %d characters", maxPattern)
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, errNoPattern
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, errors.New("this pattern is too complicated")
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, errNoPattern
	}
	return &pattern{compiled: compiled, steps: len(program.Inst)}, nil
}

func matches(m *meter, args []any) (any, error) {
	if args[0] == nil || args[1] == nil {
		return false, m.charge(1)
	}
	text, ok := args[0].(string)
	if !ok {
		return nil, wanted("a string", args[0])
	}
	p, ok := args[1].(*pattern)
	if !ok {
		written, ok := args[1].(string)
		if !ok {
			return nil, wanted("a pattern", args[1])
		}
		// Measured: compiling takes up to 100 µs for a short pattern with large repeat counts.
		if err := m.charge(1_000); err != nil {
			return nil, err
		}
		compiled, err := compilePattern(written)
		if err != nil {
			return nil, err
		}
		p = compiled
	}
	if err := m.chargeProduct(1+p.steps/8, 1+len(text)); err != nil {
		return nil, err
	}
	return p.compiled.MatchString(text), nil
}
