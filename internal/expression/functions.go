package expression

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/types"
)

// ownFunctions are the functions this package adds to expr's own, as the checker sees them.
func ownFunctions() map[string]types.Type {
	status := types.TypeOf(func() bool { return false })
	return map[string]types.Type{
		"success":   status,
		"failure":   status,
		"cancelled": status,
		"always":    status,
		"now":       types.TypeOf(time.Now),
		"sample":    types.TypeOf(func(any, float64) bool { return false }),
		"digest":    types.TypeOf(func(string) string { return "" }),
	}
}

// Functions lists every function an expression may call, sorted. A workflow had better not name anything like these.
func Functions() []string {
	names := sortedKeys(ownFunctions())
	for _, f := range builtin.Builtins {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// IsFunction reports whether the name is one of Functions.
func IsFunction(name string) bool { return slices.Contains(Functions(), name) }

// function finds the operation behind a function called by name.
func function(name string) operation {
	switch name {
	case "sample":
		return sample
	case "digest":
		return digest
	case "string":
		return func(m *meter, args []any) (any, error) { return stringOf(m, args[0]) }
	case "type":
		return func(m *meter, args []any) (any, error) { return typeName(args[0]), m.charge(1) }
	case "get":
		return get
	case "repeat":
		return repeat
	case "replace":
		return replace
	case "join":
		return join
	case "indexOf", "lastIndexOf":
		return indexIn(name)
	case "uniq":
		return uniq
	case "keys", "values", "toPairs":
		return fieldsOf(name)
	case "sum":
		return sum
	case "count":
		return count
	}
	return library(name)
}

// clockOrStatus calls a function that is found in the names of the evaluation: success(), now() and their like.
func clockOrStatus(m *meter, args []any) (any, error) {
	switch f := args[0].(type) {
	case func() bool:
		return f(), m.charge(1)
	case func() time.Time:
		return f(), m.charge(1)
	}
	return nil, fmt.Errorf("%s() cannot be used here", args[1])
}

// sample says whether a key belongs to that many percent of all keys. It depends on nothing but the key, so the same
// customer is in the sample today and tomorrow, and whoever is in 10 percent is in 20 percent too.
func sample(m *meter, args []any) (any, error) {
	key, err := stringOf(m, args[0])
	if err != nil {
		return nil, err
	}
	percent, ok := asNumber(args[1])
	if !ok {
		return nil, fmt.Errorf("sample() takes a percentage, this is %s", describe(args[1]))
	}
	if err := m.chargeText(4 * len(key)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(key))
	place := float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
	return place*100 < percent.float, nil
}

// digest is a short name for a text: the first 16 hexadecimal digits of its SHA-256.
func digest(m *meter, args []any) (any, error) {
	text, ok := args[0].(string)
	if !ok {
		return nil, wanted("a string", args[0])
	}
	if err := m.chargeText(4 * len(text)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8]), nil
}

// typeName keeps expr's names for the kinds of data and does not show Go's for the rest.
func typeName(value any) string {
	switch value.(type) {
	case time.Time:
		return "time"
	case time.Duration:
		return "duration"
	}
	if value != nil && !isData(reflect.ValueOf(value)) {
		return "opaque"
	}
	name, _ := builtin.Type(value).(string)
	return name
}

// get is get(value, key): like value[key], but nil where there is no such element.
func get(m *meter, args []any) (any, error) {
	if args[0] == nil {
		return nil, m.charge(1)
	}
	if v := reflect.ValueOf(args[0]); isList(v) {
		if index, ok := asWhole(args[1]); ok && (index >= v.Len() || index < -v.Len()) {
			return nil, m.charge(1)
		}
	}
	return member(m, []any{args[0], args[1], false, ""})
}

func repeat(m *meter, args []any) (any, error) {
	text, ok := args[0].(string)
	times, whole := asWhole(args[1])
	if !ok || !whole || times < 0 {
		return nil, errors.New("repeat() takes a string and how often, at least 0 times")
	}
	if err := m.chargeProduct(1+len(text)/8, times); err != nil {
		return nil, err
	}
	return strings.Repeat(text, times), nil
}

func replace(m *meter, args []any) (any, error) {
	text, ok := args[0].(string)
	old, oldOK := args[1].(string)
	with, withOK := args[2].(string)
	times := -1
	if len(args) == 4 {
		var whole bool
		if times, whole = asWhole(args[3]); !whole {
			return nil, wanted("a whole number", args[3])
		}
	}
	if !ok || !oldOK || !withOK {
		return nil, fmt.Errorf("replace() takes strings; these are %s, %s and %s", describe(args[0]), describe(args[1]), describe(args[2]))
	}
	if err := m.chargeText(8 * (len(text) + len(old))); err != nil {
		return nil, err
	}
	if err := m.chargeProduct(1+len(with)/8, strings.Count(text, old)); err != nil {
		return nil, err
	}
	return strings.Replace(text, old, with, times), nil
}

func join(m *meter, args []any) (any, error) {
	glue := ""
	if len(args) == 2 {
		var ok bool
		if glue, ok = args[1].(string); !ok {
			return nil, wanted("a string", args[1])
		}
	}
	list := reflect.ValueOf(args[0])
	if !list.IsValid() || !isList(list) {
		return nil, fmt.Errorf("join() takes a list of strings, this is %s", describe(args[0]))
	}
	parts := make([]string, 0, min(list.Len(), workLimit))
	for i := range list.Len() {
		part, ok := list.Index(i).Interface().(string)
		if !ok {
			return nil, fmt.Errorf("join() takes a list of strings, element %d is %s", i, describe(list.Index(i).Interface()))
		}
		if err := m.chargeText(len(part) + len(glue)); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, glue), nil
}

// indexIn counts characters, as len() and text[from:to] do, not bytes.
func indexIn(name string) operation {
	find := strings.Index
	if name == "lastIndexOf" {
		find = strings.LastIndex
	}
	return func(m *meter, args []any) (any, error) {
		text, ok := args[0].(string)
		part, both := args[1].(string)
		if !ok || !both {
			return nil, fmt.Errorf("%s() takes two strings; these are %s and %s", name, describe(args[0]), describe(args[1]))
		}
		if err := m.chargeText(8 * (len(text) + len(part))); err != nil {
			return nil, err
		}
		at := find(text, part)
		if at < 0 {
			return at, nil
		}
		return utf8.RuneCountInString(text[:at]), nil
	}
}

func uniq(m *meter, args []any) (any, error) {
	list := reflect.ValueOf(args[0])
	if !list.IsValid() || !isList(list) {
		return nil, fmt.Errorf("uniq() takes a list, this is %s", describe(args[0]))
	}
	kept := []any{}
	for i := range list.Len() {
		element := list.Index(i).Interface()
		known, err := within(m, element, kept)
		if err != nil {
			return nil, err
		}
		if !known {
			kept = append(kept, element)
		}
	}
	return kept, nil
}

// fieldsOf is keys(), values() and toPairs(), in the order of the keys, since Go's maps have none of their own.
func fieldsOf(name string) operation {
	return func(m *meter, args []any) (any, error) {
		object, ok := args[0].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s() takes an object, this is %s", name, describe(args[0]))
		}
		if err := m.chargeProduct(8, len(object)); err != nil {
			return nil, err
		}
		list := make([]any, 0, len(object))
		for _, key := range sortedKeys(object) {
			switch name {
			case "keys":
				list = append(list, key)
			case "values":
				list = append(list, object[key])
			default:
				list = append(list, []any{key, object[key]})
			}
		}
		return list, nil
	}
}

func sum(m *meter, args []any) (any, error) {
	list := reflect.ValueOf(args[0])
	if !list.IsValid() || !isList(list) {
		return nil, fmt.Errorf("sum() takes a list of numbers, this is %s", describe(args[0]))
	}
	var total any = 0
	for i := range list.Len() {
		element := list.Index(i).Interface()
		if _, text := element.(string); text || element == nil {
			return nil, fmt.Errorf("sum() takes a list of numbers, element %d is %s", i, describe(element))
		}
		if _, duration := element.(time.Duration); duration && i == 0 {
			total = time.Duration(0)
		}
		next, err := add(m, []any{total, element})
		if err != nil {
			return nil, err
		}
		total = next
	}
	return total, nil
}

// count is count(list) without a test: how many of a list of yes/no values are yes.
func count(m *meter, args []any) (any, error) {
	list := reflect.ValueOf(args[0])
	if !list.IsValid() || !isList(list) {
		return nil, fmt.Errorf("count() takes a list, this is %s", describe(args[0]))
	}
	yes := 0
	for i := range list.Len() {
		value, ok := list.Index(i).Interface().(bool)
		if !ok {
			return nil, fmt.Errorf("count() without a test takes yes/no values, element %d is %s", i, describe(list.Index(i).Interface()))
		}
		if value {
			yes++
		}
	}
	return yes, m.charge(1 + list.Len()/8)
}
