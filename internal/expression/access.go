package expression

import (
	"errors"
	"fmt"
	"reflect"
)

// absent is what a?.b gives when a is empty, until the end of the chain makes it nil: the rest of the chain is skipped.
type absent struct{}

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
