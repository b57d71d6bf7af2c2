package expression

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm/runtime"
)

// operation is a metered piece of an expression. It must not keep args.
type operation func(m *meter, args []any) (any, error)

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

// truth makes sure of a yes/no value before the machine decides on it.
func truth(m *meter, args []any) (any, error) {
	if _, ok := args[0].(bool); !ok {
		return nil, wanted("a yes/no value", args[0])
	}
	return args[0], m.charge(1)
}
