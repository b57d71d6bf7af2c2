package expression

import (
	"fmt"
	"reflect"
	"time"
)

// isMethod lists what may be called on a time or a duration: nothing that depends on the machine (Local), changes
// something or speaks Go.
func isMethod(name string) bool {
	switch name {
	case "Year", "Month", "Day", "Hour", "Minute", "Second", "Weekday", "YearDay",
		"Unix", "UnixMilli", "Format", "Before", "After", "Equal", "Add", "Sub", "AddDate", "In", "UTC", "IsZero",
		"Hours", "Minutes", "Seconds", "Milliseconds", "Truncate", "Round", "Abs", "String":
		return true
	}
	return false
}

// method is when.Year() and its like: on times and durations only. Its arguments are the value, whether it stands before
// ?., the name, and the method's own.
func method(m *meter, args []any) (any, error) {
	receiver, optional, name := args[0], args[1].(bool), args[2].(string)
	if err := m.charge(10); err != nil {
		return nil, err
	}
	if _, skipped := receiver.(absent); skipped || optional && receiver == nil {
		return absent{}, nil
	}
	switch receiver.(type) {
	case time.Time, time.Duration:
	default:
		return nil, fmt.Errorf("%s() can be called on a time, this is %s", name, describe(receiver))
	}
	f := reflect.ValueOf(receiver).MethodByName(name)
	if !f.IsValid() || !isMethod(name) {
		return nil, fmt.Errorf("%s has no %s()", describe(receiver), name)
	}
	given, err := methodArguments(m, f.Type(), name, args[3:])
	if err != nil {
		return nil, err
	}
	result := f.Call(given)[0]
	if result.CanInt() && result.Type() != reflect.TypeFor[time.Duration]() {
		return int(result.Int()), nil // a month, a weekday
	}
	return result.Interface(), nil
}

func methodArguments(m *meter, f reflect.Type, name string, args []any) ([]reflect.Value, error) {
	if f.NumIn() != len(args) {
		return nil, fmt.Errorf("%s() takes %d values, not %d", name, f.NumIn(), len(args))
	}
	given := make([]reflect.Value, len(args))
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			if err := m.chargeText(16 * len(text)); err != nil {
				return nil, err
			}
		}
		if f.In(i).Kind() == reflect.Int {
			if whole, ok := asWhole(arg); ok {
				arg = whole
			}
		}
		given[i] = reflect.ValueOf(arg)
		if !given[i].IsValid() || !given[i].Type().AssignableTo(f.In(i)) {
			return nil, fmt.Errorf("%s() cannot take %s", name, describe(arg))
		}
	}
	return given, nil
}
