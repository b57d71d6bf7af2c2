package expression

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm/runtime"
)

// operation is a metered piece of an expression. It must not keep args.
type operation func(m *meter, args []any) (any, error)

// absent is what a?.b gives when a is empty, until the end of the chain makes it nil: the rest of the chain is skipped.
type absent struct{}

// operator finds the operation behind a binary operator, or nil where the machine's own will do (and, or, ??).
func operator(symbol string) operation {
	switch symbol {
	case "==":
		return func(m *meter, args []any) (any, error) { return equal(m, args[0], args[1], 0) }
	case "!=":
		return func(m *meter, args []any) (any, error) {
			same, err := equal(m, args[0], args[1], 0)
			return !same, err
		}
	case "<", "<=", ">", ">=":
		return func(m *meter, args []any) (any, error) { return compare(m, symbol, args[0], args[1]) }
	case "+":
		return add
	case "-", "*", "/", "%", "**", "^":
		return func(m *meter, args []any) (any, error) { return calculate(m, symbol, args[0], args[1]) }
	case "in":
		return func(m *meter, args []any) (any, error) { return within(m, args[0], args[1]) }
	case "contains", "startsWith", "endsWith":
		return func(m *meter, args []any) (any, error) { return search(m, symbol, args[0], args[1]) }
	case "matches":
		return matches
	case "..":
		return span
	}
	return nil
}

// equal compares data; what is not data is only compared with nil.
func equal(m *meter, a, b any, depth int) (bool, error) {
	if depth > maxDepth {
		return false, errTooDeep
	}
	if err := m.charge(1); err != nil {
		return false, err
	}
	if a == nil || b == nil {
		return runtime.IsNil(a) && runtime.IsNil(b), nil
	}
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return x == y, m.chargeText(len(x))
	}
	if x, ok := asNumber(a); ok {
		y, ok := asNumber(b)
		return ok && (x.isWhole && y.isWhole && x.whole == y.whole || (!x.isWhole || !y.isWhole) && x.float == y.float), nil
	}
	switch x := a.(type) {
	case bool:
		return a == b, nil
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	case time.Duration:
		return a == b, nil
	}
	return equalNested(m, a, b, depth)
}

func equalNested(m *meter, a, b any, depth int) (bool, error) {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	switch {
	case isList(x) && isList(y):
		if x.Len() != y.Len() {
			return false, nil
		}
		for i := range x.Len() {
			if same, err := equal(m, x.Index(i).Interface(), y.Index(i).Interface(), depth+1); !same {
				return false, err
			}
		}
		return true, nil
	case x.Kind() == reflect.Map && x.Type() == y.Type():
		if x.Len() != y.Len() {
			return false, nil
		}
		for each := x.MapRange(); each.Next(); {
			other := y.MapIndex(each.Key())
			if !other.IsValid() {
				return false, m.charge(1)
			}
			if same, err := equal(m, each.Value().Interface(), other.Interface(), depth+1); !same {
				return false, err
			}
		}
		return true, nil
	case isData(x) && isData(y):
		return false, nil
	}
	return false, errors.New("this can only be passed on or compared with nil")
}

func isList(v reflect.Value) bool { return v.Kind() == reflect.Slice || v.Kind() == reflect.Array }

// isData holds for what a JSON-like value is made of, times and durations included.
func isData(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool, reflect.String, reflect.Slice, reflect.Array, reflect.Map:
		return true
	case reflect.Struct:
		return v.Type() == reflect.TypeFor[time.Time]()
	}
	return v.CanInt() || v.CanUint() || v.CanFloat()
}

func compare(m *meter, symbol string, a, b any) (bool, error) {
	if err := m.charge(1); err != nil {
		return false, err
	}
	order, ok := 0, false
	if x, isNumber := asNumber(a); isNumber {
		if y, both := asNumber(b); both {
			if x.isWhole && y.isWhole {
				return holds(symbol, x.whole, y.whole), nil
			}
			return holds(symbol, x.float, y.float), nil
		}
	}
	switch x := a.(type) {
	case string:
		var y string
		if y, ok = b.(string); ok {
			if err := m.chargeText(min(len(x), len(y))); err != nil {
				return false, err
			}
			order = strings.Compare(x, y)
		}
	case time.Time:
		var y time.Time
		if y, ok = b.(time.Time); ok {
			order = x.Compare(y)
		}
	case time.Duration:
		var y time.Duration
		if y, ok = b.(time.Duration); ok {
			return holds(symbol, x, y), nil
		}
	}
	if !ok {
		return false, cannotJoin("compared", a, b)
	}
	return holds(symbol, order, 0), nil
}

func holds[T int | float64 | time.Duration](symbol string, a, b T) bool {
	switch symbol {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// cannotJoin is the sentence for two values an operator does not take together.
func cannotJoin(verb string, a, b any) error {
	switch {
	case a == nil && b == nil:
		return fmt.Errorf("these cannot be %s: both are empty", verb)
	case a == nil:
		return fmt.Errorf("these cannot be %s: the left side is empty", verb)
	case b == nil:
		return fmt.Errorf("these cannot be %s: the right side is empty", verb)
	}
	return fmt.Errorf("%s and %s cannot be %s", describe(a), describe(b), verb)
}

func add(m *meter, args []any) (any, error) {
	switch a := args[0].(type) {
	case string:
		if b, ok := args[1].(string); ok {
			if err := m.chargeText(len(a) + len(b)); err != nil {
				return nil, err
			}
			return a + b, nil
		}
	case time.Time:
		if b, ok := args[1].(time.Duration); ok {
			return a.Add(b), m.charge(1)
		}
	case time.Duration:
		switch b := args[1].(type) {
		case time.Duration:
			return a + b, m.charge(1)
		case time.Time:
			return b.Add(a), m.charge(1)
		}
	}
	return calculate(m, "+", args[0], args[1])
}

// calculate does arithmetic on numbers, times and durations.
func calculate(m *meter, symbol string, a, b any) (any, error) {
	if err := m.charge(1); err != nil {
		return nil, err
	}
	x, leftNumber := asNumber(a)
	y, rightNumber := asNumber(b)
	if leftNumber && rightNumber {
		return arithmetic(symbol, x, y)
	}
	if result, ok := timeArithmetic(symbol, a, b, x, y); ok {
		return result, nil
	}
	verb := map[string]string{"+": "added", "-": "subtracted", "*": "multiplied"}[symbol]
	if verb == "" {
		verb = "divided"
	}
	err := cannotJoin(verb, a, b)
	_, leftText := a.(string)
	_, rightText := b.(string)
	if symbol == "+" && (leftText && rightNumber || rightText && leftNumber) {
		return nil, fmt.Errorf("%w; write string(…) around the number", err)
	}
	return nil, err
}

func timeArithmetic(symbol string, a, b any, x, y number) (any, bool) {
	switch left := a.(type) {
	case time.Time:
		switch right := b.(type) {
		case time.Time:
			return left.Sub(right), symbol == "-"
		case time.Duration:
			return left.Add(-right), symbol == "-"
		}
	case time.Duration:
		switch right := b.(type) {
		case time.Duration:
			return left - right, symbol == "-"
		case int, int64, float64:
			return time.Duration(float64(left) * y.float), symbol == "*"
		}
	case int, int64, float64:
		if right, ok := b.(time.Duration); ok {
			return time.Duration(float64(right) * x.float), symbol == "*"
		}
	}
	return nil, false
}

func arithmetic(symbol string, x, y number) (any, error) {
	switch symbol {
	case "/":
		if y.float == 0 {
			return nil, errors.New("a division by zero")
		}
		return x.float / y.float, nil
	case "%":
		if !x.isWhole || !y.isWhole {
			return nil, errors.New("% takes whole numbers")
		}
		if y.whole == 0 {
			return nil, errors.New("a division by zero")
		}
		return x.whole % y.whole, nil
	case "**", "^":
		return math.Pow(x.float, y.float), nil
	}
	if !x.isWhole || !y.isWhole {
		return floatArithmetic(symbol, x.float, y.float), nil
	}
	exact := floatArithmetic(symbol, x.float, y.float)
	if exact >= math.MaxInt64 || exact <= math.MinInt64 {
		return nil, errors.New("the number is too large")
	}
	switch symbol {
	case "+":
		return x.whole + y.whole, nil
	case "-":
		return x.whole - y.whole, nil
	}
	return x.whole * y.whole, nil
}

func floatArithmetic(symbol string, x, y float64) float64 {
	switch symbol {
	case "+":
		return x + y
	case "-":
		return x - y
	}
	return x * y
}

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

// span is the operator `..`: the whole numbers from one to another.
func span(m *meter, args []any) (any, error) {
	from, ok := asWhole(args[0])
	to, both := asWhole(args[1])
	if !ok || !both {
		return nil, fmt.Errorf(".. takes whole numbers; these are %s and %s", describe(args[0]), describe(args[1]))
	}
	if from > to {
		return []any{}, m.charge(1)
	}
	size := uint64(to) - uint64(from) + 1
	if size == 0 || size > elementLimit {
		return nil, errTooLong
	}
	if err := m.charge(int(size)); err != nil {
		return nil, err
	}
	numbers := make([]any, size)
	for i := range numbers {
		numbers[i] = from + i
	}
	return numbers, nil
}

// member is a.b, a[b] and, when optional, a?.b. Its arguments are a, b, whether it is optional, and b as the text has it
// ("" when b is computed), which is all that a message may quote.
func member(m *meter, args []any) (any, error) {
	from, key, optional, written := args[0], args[1], args[2].(bool), args[3].(string)
	if err := m.charge(1); err != nil {
		return nil, err
	}
	switch v := from.(type) {
	case absent:
		return v, nil
	case nil:
		if optional {
			return absent{}, nil
		}
		if written == "" {
			return nil, errors.New("what stands before [ is empty")
		}
		return nil, fmt.Errorf("what stands before %q is empty", written)
	case map[string]any:
		name, err := keyText(m, key)
		if err != nil {
			return nil, err
		}
		return v[name], nil
	}
	return element(from, key, written)
}

// keyText is the name of a field as it was computed: groups by a number have that number for a name.
func keyText(m *meter, key any) (string, error) {
	if name, ok := key.(string); ok {
		return name, nil
	}
	if key == nil || !reflect.TypeOf(key).Comparable() {
		return "", wanted("the name of a field", key)
	}
	return stringOf(m, key)
}

func element(from, key any, written string) (any, error) {
	v := reflect.ValueOf(from)
	if !isList(v) {
		if written != "" {
			return nil, fmt.Errorf("%s has no field %q", describe(from), written)
		}
		return nil, fmt.Errorf("%s has no elements", describe(from))
	}
	index, ok := asWhole(key)
	if !ok {
		return nil, wanted("the number of an element", key)
	}
	if index < 0 {
		index += v.Len()
	}
	if index < 0 || index >= v.Len() {
		return nil, fmt.Errorf("the list has no element %d; it has %d, counted from 0", index, v.Len())
	}
	return v.Index(index).Interface(), nil
}

// endChain is the end of a chain with ?. in it.
func endChain(m *meter, args []any) (any, error) {
	if _, skipped := args[0].(absent); skipped {
		return nil, nil
	}
	return args[0], nil
}

// slice is a[from:to] of a list, or of the characters of a string.
func slice(m *meter, args []any) (any, error) {
	if text, ok := args[0].(string); ok {
		if err := m.chargeText(8 * len(text)); err != nil {
			return nil, err
		}
		runes := []rune(text)
		from, to, err := bounds(len(runes), args[1], args[2])
		if err != nil {
			return nil, err
		}
		return string(runes[from:to]), nil
	}
	v := reflect.ValueOf(args[0])
	if !v.IsValid() || v.Kind() != reflect.Slice {
		return nil, wanted("a list or a string", args[0])
	}
	from, to, err := bounds(v.Len(), args[1], args[2])
	if err != nil {
		return nil, err
	}
	return v.Slice3(from, to, to).Interface(), m.charge(1)
}

// bounds cuts a stretch to what there is. A missing bound (nil) is the end on its side; negative ones count from the end.
func bounds(length int, low, high any) (from, to int, err error) {
	from, to = 0, length
	if low != nil {
		n, ok := asWhole(low)
		if !ok {
			return 0, 0, wanted("a whole number", low)
		}
		from = n
	}
	if high != nil {
		n, ok := asWhole(high)
		if !ok {
			return 0, 0, wanted("a whole number", high)
		}
		to = n
	}
	if from < 0 {
		from += length
	}
	if to < 0 {
		to += length
	}
	to = min(max(to, 0), length)
	return min(max(from, 0), to), to, nil
}

func negate(m *meter, args []any) (any, error) {
	if d, ok := args[0].(time.Duration); ok {
		return -d, nil
	}
	n, ok := asNumber(args[0])
	if !ok {
		return nil, wanted("a number", args[0])
	}
	if n.isWhole {
		return -n.whole, nil
	}
	return -n.float, nil
}

func positive(m *meter, args []any) (any, error) {
	n, ok := asNumber(args[0])
	if !ok {
		return nil, wanted("a number", args[0])
	}
	return n.value(), nil
}

// truth makes sure of a yes/no value before the machine decides on it.
func truth(m *meter, args []any) (any, error) {
	if _, ok := args[0].(bool); !ok {
		return nil, wanted("a yes/no value", args[0])
	}
	return args[0], m.charge(1)
}
