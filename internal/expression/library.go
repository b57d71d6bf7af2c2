package expression

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/builtin"
)

// How much a function of expr's own is charged for its arguments.
type price int

const (
	glance  price = iota // looks at one element, whatever the size
	once                 // goes over a list's elements, or a string
	deep                 // goes over everything inside
	ordered              // sorts
	lookup               // reads a time zone
)

func priceOf(name string) price {
	switch name {
	case "len", "first", "last", "take", "abs", "ceil", "floor", "round":
		return glance
	case "flatten", "max", "min", "mean", "median", "toJSON":
		return deep
	case "sort":
		return ordered
	case "timezone", "date":
		return lookup
	}
	return once
}

func (p price) charge(m *meter, args []any) error {
	switch p {
	case glance:
		return chargeGlance(m, args)
	case deep:
		return chargeEach(m, args, 4)
	case ordered:
		return chargeEach(m, args, 10)
	case lookup:
		if err := m.charge(200 * len(args)); err != nil {
			return err
		}
	}
	for _, arg := range args {
		if err := chargeOnce(m, arg); err != nil {
			return err
		}
	}
	return nil
}

func chargeGlance(m *meter, args []any) error {
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			return m.chargeText(4 * len(text))
		}
	}
	return m.charge(1)
}

func chargeEach(m *meter, args []any, factor int) error {
	for _, arg := range args {
		before := m.left
		if err := m.chargeValue(arg); err != nil {
			return err
		}
		if err := m.charge((factor - 1) * (before - m.left)); err != nil {
			return err
		}
	}
	return nil
}

func chargeOnce(m *meter, arg any) error {
	switch v := arg.(type) {
	case string:
		return m.charge(1 + len(v)/8)
	case []any:
		return m.charge(1 + 3*len(v))
	case map[string]any:
		return m.charge(1 + 3*len(v))
	}
	return m.chargeValue(arg)
}

// library is a function of expr's own, charged, and with its panics and raw messages turned into a sentence.
func library(name string) operation {
	f := builtin.Builtins[builtin.Index[name]]
	cost := priceOf(name)
	return func(m *meter, args []any) (result any, err error) {
		if err := cost.charge(m, args); err != nil {
			return nil, err
		}
		if name == "timezone" || name == "date" {
			if err := refuseLocalZone(args); err != nil {
				return nil, err
			}
		}
		if name == "toJSON" {
			return toJSON(args[0])
		}
		defer func() {
			if recover() != nil {
				result, err = nil, cannotTake(name, args)
			}
		}()
		result, err = call(f, args)
		if err != nil {
			return nil, cannotTake(name, args)
		}
		return asData(result), nil
	}
}

// asData turns a list as Go has it (split) into one as data has it.
func asData(value any) any {
	texts, ok := value.([]string)
	if !ok {
		return value
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

func call(f *builtin.Function, args []any) (any, error) {
	switch {
	case f.Fast != nil:
		return f.Fast(args[0]), nil
	case f.Safe != nil:
		result, _, err := f.Safe(args...)
		return result, err
	}
	return f.Func(args...)
}

// refuseLocalZone keeps the machine's own time zone out: the same run must read the same on every machine.
func refuseLocalZone(args []any) error {
	for _, arg := range args {
		if zone, ok := arg.(string); ok && zone == "Local" {
			return fmt.Errorf("the time zone Local differs from machine to machine; name one, such as Asia/Shanghai")
		}
	}
	return nil
}

func cannotTake(name string, args []any) error {
	switch {
	case len(args) == 1 && args[0] == nil:
		return fmt.Errorf("%s() got an empty value", name)
	case name == "date":
		return fmt.Errorf("date() cannot read this; write a date like 2026-11-11 or 2026-11-11 10:00:00")
	case name == "duration":
		return fmt.Errorf("duration() cannot read this; write a duration like 90s, 15m or 2h")
	}
	kinds := make([]string, len(args))
	for i, arg := range args {
		kinds[i] = describe(arg)
	}
	return fmt.Errorf("%s() cannot work with this: %s", name, strings.Join(kinds, ", "))
}
