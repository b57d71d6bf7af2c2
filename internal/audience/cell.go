package audience

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// plainCell makes of what a driver gave what a row may hold. kind is the database's name of the column's type.
func plainCell(value any, kind string) (any, error) {
	switch value := value.(type) {
	case nil, bool, int:
		return value, nil
	case int64:
		return int(value), nil
	case int32:
		return int(value), nil
	case uint64:
		if value > math.MaxInt64 {
			return strconv.FormatUint(value, 10), nil
		}
		return int(value), nil
	case float32:
		return finite(float64(value))
	case float64:
		return finite(value)
	case time.Time:
		return value.Format(time.RFC3339Nano), nil
	case []byte:
		return textCell(string(value), kind)
	case string:
		return textCell(value, kind)
	}
	return nil, fmt.Errorf("a value of the type %s cannot be used", strings.ToLower(kind))
}

func finite(number float64) (any, error) {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return nil, errors.New("the number is not finite")
	}
	return number, nil
}

// textCell is a text, or a decimal number that drivers give as one.
func textCell(text, kind string) (any, error) {
	switch {
	case len(text) > maxField:
		return nil, errors.New("the value is longer than 1 MiB")
	case !utf8.ValidString(text):
		return nil, errors.New("the value is no text in UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		return nil, errors.New("there is a NUL character in the value")
	case kind != "NUMERIC" && kind != "DECIMAL":
		return text, nil
	}
	if whole, err := strconv.Atoi(text); err == nil {
		return whole, nil
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(number) && !math.IsInf(number, 0) && exact(text) {
		return number, nil
	}
	return text, nil // as it is written: it would become another number
}

// exact reports whether a number keeps all the digits of its text.
func exact(text string) bool {
	digits := strings.Trim(strings.Replace(strings.TrimLeft(text, "-+"), ".", "", 1), "0")
	return len(digits) <= 15
}
