package expression

import (
	"errors"
	"fmt"
	"math"
	"time"
)

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
