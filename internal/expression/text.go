package expression

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"time"
)

// Text is a value as it reads inside a text: `Hello ${{ customer.name }}`. Numbers are written out in full, never as
// 1e+06; times as RFC 3339; lists and objects as JSON. A value that is empty (nil) or opaque has no text and is an error.
func Text(value any) (string, error) {
	if value == nil {
		return "", errors.New("the value is empty")
	}
	return stringOf(&meter{left: workLimit}, value)
}

// stringOf is the function string(): Text, but with "" for what is empty.
func stringOf(m *meter, value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", m.charge(1)
	case string:
		return v, m.charge(1)
	case bool:
		return strconv.FormatBool(v), m.charge(1)
	case time.Time:
		return v.Format(time.RFC3339Nano), m.charge(4)
	case time.Duration:
		return v.String(), m.charge(4)
	}
	if n, ok := asNumber(value); ok {
		if n.isWhole {
			return strconv.Itoa(n.whole), m.charge(1)
		}
		return strconv.FormatFloat(n.float, 'f', -1, 64), m.charge(4)
	}
	if !isData(reflect.ValueOf(value)) {
		return "", errors.New("this can only be passed on; it has no text")
	}
	if err := chargeEach(m, []any{value}, 4); err != nil {
		return "", err
	}
	if !onlyData(value) {
		return "", errors.New("this has no text: it holds a value that can only be passed on")
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", errors.New("this has no text: it holds a number without end")
	}
	return string(text), nil
}

func toJSON(value any) (any, error) {
	if !onlyData(value) {
		return nil, errors.New("toJSON() takes data; this holds a value that can only be passed on")
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, errors.New("toJSON() cannot write this value: it holds a number without end")
	}
	return string(text), nil
}

// onlyData reports that nothing opaque is inside. The depth is bounded by the charge that comes before.
func onlyData(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		for _, element := range v {
			if !onlyData(element) {
				return false
			}
		}
		return true
	case map[string]any:
		for _, element := range v {
			if !onlyData(element) {
				return false
			}
		}
		return true
	}
	return isData(reflect.ValueOf(value))
}
