package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of what a step takes. They are this project's own, to catch a mistake before it is sent: the vendor names none.
const (
	maxText       = 10_000 // characters of a text
	maxShort      = 2_000  // characters of a title, a name, a description
	maxURL        = 8_000  // characters of an address
	maxIdentifier = 500    // characters of an account, a friend, a key
	maxMessages   = 100    // messages of a batch
	maxFlags      = 100    // messages forwarded at once
)

// inputs are a step's evaluated inputs, or the fields of an object among them. The rest names that object, for errors only:
// what is seldom asked for is not put together for each of a million rows.
type inputs struct {
	values map[string]any
	where  string // what stands before the names, or the list that the object is in
	at     int    // its place in that list, from 1; 0: it is in none
	inner  string // the object within that one; "": it is itself
}

func (in inputs) name(field string) string {
	name := in.where
	if in.at > 0 {
		name += "[" + strconv.Itoa(in.at-1) + "]."
	}
	if in.inner != "" {
		name += in.inner + "."
	}
	return name + field
}

// inside are the fields of the object that a field holds.
func (in inputs) inside(field string, values map[string]any) inputs {
	if in.inner != "" {
		return inputs{values: values, where: in.name(field) + "."}
	}
	in.values, in.inner = values, field
	return in
}

func (in inputs) has(field string) bool { return in.values[field] != nil }

// text reads a text of at most so many characters; "" when it is absent. A number counts as its digits, since a table's
// column may hold either.
func (in inputs) text(field string, most int) (string, error) {
	value := in.values[field]
	if value == nil {
		return "", nil
	}
	s, ok := plain(value)
	switch {
	case !ok:
		return "", fmt.Errorf("%s must be a text, not %s", in.name(field), kind(value))
	case !utf8.ValidString(s):
		return "", fmt.Errorf("%s is not valid UTF-8", in.name(field))
	case len(s) > most && utf8.RuneCountInString(s) > most:
		return "", fmt.Errorf("%s has %d characters; %d is the most", in.name(field), utf8.RuneCountInString(s), most)
	}
	return s, nil
}

// required reads a text that must hold more than spaces.
func (in inputs) required(field string, most int) (string, error) {
	s, err := in.text(field, most)
	if err == nil && strings.TrimSpace(s) == "" {
		return "", fmt.Errorf("%s is empty", in.name(field))
	}
	return s, err
}

// identifier reads an account, a friend or a key: a text without spaces around it, or a whole number.
func (in inputs) identifier(field string) (string, error) {
	s, err := in.required(field, maxIdentifier)
	return strings.TrimSpace(s), err
}

// whole reads a whole number, also when a table holds it as text. A time counts as its Unix second.
func (in inputs) whole(field string) (int64, error) {
	value := in.values[field]
	if at, ok := value.(time.Time); ok {
		return at.Unix(), nil
	}
	if value != nil {
		if s, ok := plain(value); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
				return n, nil
			}
		}
		return 0, fmt.Errorf("%s must be a whole number, not %s", in.name(field), kind(value))
	}
	return 0, fmt.Errorf("%s is missing", in.name(field))
}

// objects reads a list of objects, of one to most elements.
func (in inputs) objects(field string, most int) ([]inputs, error) {
	list, err := in.list(field, most)
	if err != nil {
		return nil, err
	}
	objects := make([]inputs, len(list))
	for i := range list {
		if objects[i], err = in.element(field, list, i); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// list reads a list of one to most elements.
func (in inputs) list(field string, most int) ([]any, error) {
	list, ok := in.values[field].([]any)
	if !ok {
		return nil, fmt.Errorf("%s must be a list, not %s", in.name(field), kind(in.values[field]))
	}
	if len(list) == 0 || len(list) > most {
		return nil, fmt.Errorf("%s has %d elements; there must be 1 to %d", in.name(field), len(list), most)
	}
	return list, nil
}

// element reads an object of the list that a field holds.
func (in inputs) element(field string, list []any, i int) (inputs, error) {
	object, ok := list[i].(map[string]any)
	if !ok {
		return inputs{}, fmt.Errorf("%s[%d] must be an object, not %s", in.name(field), i, kind(list[i]))
	}
	return inputs{values: object, where: in.name(field), at: i + 1}, nil
}

// object reads an object, or a bare scalar as the field it stands for ("" for none).
func (in inputs) object(field, scalar string) (inputs, error) {
	value := in.values[field]
	if object, ok := value.(map[string]any); ok {
		return in.inside(field, object), nil
	}
	if scalar == "" {
		return inputs{}, fmt.Errorf("%s must be an object, not %s", in.name(field), kind(value))
	}
	if _, ok := plain(value); !ok {
		return inputs{}, fmt.Errorf("%s must be a text or an object, not %s", in.name(field), kind(value))
	}
	return in.inside(field, map[string]any{scalar: value}), nil
}

// plain writes a text or a number.
func plain(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case int:
		return strconv.Itoa(value), true
	case int64:
		return strconv.FormatInt(value, 10), true
	case json.Number:
		return value.String(), true
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return "", false
		}
		if value == math.Trunc(value) && math.Abs(value) < 1e15 {
			return strconv.FormatInt(int64(value), 10), true
		}
		return strconv.FormatFloat(value, 'f', -1, 64), true
	}
	return "", false
}

// kind names what a value is, for errors.
func kind(value any) string {
	switch value := value.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(clip(value))
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	if s, ok := plain(value); ok {
		return s
	}
	return fmt.Sprintf("a %T", value)
}

func clip(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

var errNoTakeover = errors.New("takeover is empty: the conversation is not held, since the step that applies for it failed or was skipped")

// amount reads a number, also when a table holds it as text.
func (in inputs) amount(field string) (float64, error) {
	if s, ok := plain(in.values[field]); ok {
		n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return n, nil
		}
	}
	if in.values[field] == nil {
		return 0, fmt.Errorf("%s is missing", in.name(field))
	}
	return 0, fmt.Errorf("%s must be a number, not %s", in.name(field), kind(in.values[field]))
}

// flag reads true or false.
func (in inputs) flag(field string) (bool, error) {
	set, ok := in.values[field].(bool)
	if !ok {
		return false, fmt.Errorf("%s must be true or false, not %s", in.name(field), kind(in.values[field]))
	}
	return set, nil
}

// texts reads a list of texts that hold more than spaces, of at most so many.
func (in inputs) texts(field string, most int) ([]string, error) {
	list, ok := in.values[field].([]any)
	if !ok {
		return nil, fmt.Errorf("%s must be a list, not %s", in.name(field), kind(in.values[field]))
	}
	if len(list) > most {
		return nil, fmt.Errorf("%s has %d elements; %d is the most", in.name(field), len(list), most)
	}
	texts := make([]string, len(list))
	for i, element := range list {
		text, err := inputs{values: map[string]any{"": element}, where: in.name(field) + "[" + strconv.Itoa(i) + "]"}.identifier("")
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

// mapping reads an object as it is.
func (in inputs) mapping(field string) (map[string]any, error) {
	object, ok := in.values[field].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s must be an object, not %s", in.name(field), kind(in.values[field]))
	}
	return object, nil
}

// within reads a whole number of a range.
func (in inputs) within(field string, least, most, fallback int64) (int64, error) {
	if !in.has(field) {
		return fallback, nil
	}
	n, err := in.whole(field)
	if err == nil && (n < least || n > most) {
		return 0, fmt.Errorf("%s is %d; it must be %d to %d", in.name(field), n, least, most)
	}
	return n, err
}
