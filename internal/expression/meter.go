package expression

import (
	"errors"
	"fmt"
	"reflect"
)

// The bounds of one expression and of one evaluation.
const (
	maxSource = 20_000 // bytes of text
	maxNodes  = 5_000  // nodes of the syntax tree, shared ones counted as often as they are used
	// workLimit is the work of one evaluation in units of about 100 ns: about 100 ms.
	workLimit = 1_000_000
	// elementLimit bounds the list and object elements the machine itself makes in one evaluation.
	elementLimit = 500_000
	maxDepth     = 100 // nesting of a value that is compared, turned into text or given back
	// loopStart is the price of starting a loop: the machine keeps the state of every loop it ever began.
	loopStart    = 20
	bytesPerUnit = 32 // bytes that are copied or compared in one unit
)

var (
	errTooLong = errors.New("the expression takes too long")
	errTooDeep = errors.New("the value is nested too deeply")
)

// meter is the budget of one evaluation. It counts work, not time, so that the same expression over the same data
// always ends the same way, however busy the machine is.
type meter struct{ left int }

func (m *meter) charge(units int) error {
	if units < 0 || units > m.left {
		m.left = 0
		return errTooLong
	}
	m.left -= units
	return nil
}

// chargeText charges for going once over that many bytes.
func (m *meter) chargeText(bytes int) error { return m.charge(1 + bytes/bytesPerUnit) }

// chargeProduct charges for a times b units without overflowing.
func (m *meter) chargeProduct(a, b int) error {
	if a > 0 && b > workLimit/a {
		return m.charge(m.left + 1)
	}
	return m.charge(a * b)
}

// chargeValue charges for going once over everything in a value, and says how much that was. Values that are not data
// (an opaque handle) are counted, not entered.
func (m *meter) chargeValue(value any) error { return m.chargeNested(value, 0) }

func (m *meter) chargeNested(value any, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch v := value.(type) {
	case string:
		return m.chargeText(len(v))
	case []any:
		return chargeList(m, v, depth)
	case map[string]any:
		return chargeMap(m, v, depth)
	case nil:
		return m.charge(1)
	}
	return m.charge(1 + lengthOf(value))
}

// lengthOf counts the elements of a list that is not a []any.
func lengthOf(value any) int {
	if v := reflect.ValueOf(value); isList(v) {
		return v.Len()
	}
	return 0
}

func chargeList(m *meter, list []any, depth int) error {
	if err := m.charge(1); err != nil {
		return err
	}
	for _, element := range list {
		if err := m.chargeNested(element, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func chargeMap(m *meter, object map[string]any, depth int) error {
	if err := m.charge(1); err != nil {
		return err
	}
	for key, element := range object {
		if err := m.chargeText(len(key)); err != nil {
			return err
		}
		if err := m.chargeNested(element, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// number is a value as a whole or a floating number.
type number struct {
	whole   int
	float   float64
	isWhole bool
}

// asNumber reads every kind of number that data may hold. Durations are not numbers.
func asNumber(value any) (number, bool) {
	switch v := value.(type) {
	case int:
		return number{whole: v, float: float64(v), isWhole: true}, true
	case int64:
		return number{whole: int(v), float: float64(v), isWhole: true}, true
	case float64:
		return number{float: v}, true
	case int32:
		return number{whole: int(v), float: float64(v), isWhole: true}, true
	case uint8:
		return number{whole: int(v), float: float64(v), isWhole: true}, true
	case float32:
		return number{float: float64(v)}, true
	}
	return number{}, false
}

func (n number) value() any {
	if n.isWhole {
		return n.whole
	}
	return n.float
}

// asWhole is the number when nothing is lost by taking it as a whole one.
func asWhole(value any) (int, bool) {
	n, ok := asNumber(value)
	if !ok {
		return 0, false
	}
	if n.isWhole {
		return n.whole, true
	}
	if whole := int(n.float); float64(whole) == n.float && n.float < 1<<53 && n.float > -(1<<53) {
		return whole, true
	}
	return 0, false
}

func wanted(what string, got any) error {
	return fmt.Errorf("%s is wanted, this is %s", what, describe(got))
}
