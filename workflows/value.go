package workflows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// Value is a YAML value that may hold expressions: a scalar that is one whole `${{ }}` keeps the expression's type,
// text around expressions makes a string, lists and objects hold Values.
type Value struct {
	form    form
	literal any
	program *expression.Program
	parts   []part   // of text
	items   []*Value // of a list
	names   []string // of an object, one for each item
	// want is what the value must be in the end; expressions whose type was not known are converted to it.
	want expression.Kind
	// wrap names the field that a bare scalar stands for: the value is put into an object with it.
	wrap string
	typ  expression.Type
	file string
	span diagnostic.Span
}

type form int

const (
	formLiteral form = iota
	formProgram
	formText
	formList
	formObject
)

// part is a piece of text, or an expression within it.
type part struct {
	text    string
	program *expression.Program
	span    diagnostic.Span
}

// EvalError is an expression that could not be computed, or gave what does not fit.
type EvalError struct {
	File    string
	Span    diagnostic.Span
	Message string
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Span.Line, e.Span.Column, e.Message)
}

// Eval computes the value: nil, bool, int, float64, string, []any, map[string]any, or whatever an expression gave.
// Literal lists and objects are shared between calls and must not be changed. The error is an *EvalError. It is safe
// for concurrent use.
func (v *Value) Eval(names map[string]any) (any, error) { return v.EvalIn(names, nil) }

// EvalIn is Eval with memory that is lent: where scratch is not nil, the lists and objects of the result are only valid until
// its next Reset.
func (v *Value) EvalIn(names map[string]any, scratch *Scratch) (any, error) {
	result, err := v.eval(names, scratch)
	if err != nil || v.wrap == "" {
		return result, err
	}
	if object, ok := result.(map[string]any); ok {
		return object, nil
	}
	if result == nil {
		return nil, nil
	}
	object := scratch.wrapOf(v)
	object[v.wrap] = result
	return object, nil
}

func (v *Value) eval(names map[string]any, scratch *Scratch) (any, error) {
	switch v.form {
	case formProgram:
		return v.compute(names)
	case formText:
		return v.concatenate(names)
	case formList:
		list := scratch.listOf(v)
		for i, item := range v.items {
			value, err := item.EvalIn(names, scratch)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case formObject:
		object := scratch.objectOf(v)
		for i, item := range v.items {
			value, err := item.EvalIn(names, scratch)
			if err != nil {
				return nil, err
			}
			object[v.names[i]] = value
		}
		return object, nil
	}
	return v.literal, nil
}

// Literal is the value itself, when no expression is in it. It must not be changed.
func (v *Value) Literal() (any, bool) {
	if v.form != formLiteral {
		return nil, false
	}
	value, _ := v.Eval(nil) // a literal cannot fail
	return value, true
}

// Type is what is known of the value before it is computed.
func (v *Value) Type() expression.Type { return v.typ }

func (v *Value) compute(names map[string]any) (any, error) {
	value, err := v.program.Eval(names)
	if err != nil {
		return nil, v.failed(v.span, v.program, err)
	}
	if v.want == expression.Any || v.typ.Kind == v.want && v.wrap == "" {
		return value, nil
	}
	if _, object := value.(map[string]any); object && v.wrap != "" {
		return value, nil
	}
	fitted, err := convert(v.want, value)
	if err != nil {
		message := fmt.Sprintf("the expression %q gave %s", v.program.Source(), err)
		return nil, &EvalError{File: v.file, Span: v.span, Message: message}
	}
	return fitted, nil
}

// failed places an error: at the very operation, where the expression stands in the file as it is.
func (v *Value) failed(span diagnostic.Span, program *expression.Program, err error) error {
	var inner *expression.EvalError
	if errors.As(err, &inner) && span.EndColumn-span.Column == utf8.RuneCountInString(program.Source()) {
		span.Column, span.EndColumn = span.Column+inner.Start, span.Column+inner.End
	}
	return &EvalError{File: v.file, Span: span, Message: err.Error()}
}

func (v *Value) concatenate(names map[string]any) (any, error) {
	var room [512]byte // most texts fit
	b := room[:0]
	for i := range v.parts {
		p := &v.parts[i]
		if p.program == nil {
			b = append(b, p.text...)
			continue
		}
		value, err := p.program.Eval(names)
		if err == nil && value == nil {
			err = fmt.Errorf("the expression %q has no value here, and text cannot be made of that: use `??` to give one", p.program.Source())
		}
		var text string
		if err == nil {
			text, err = asText(value)
			if err != nil {
				err = fmt.Errorf("the expression %q gave %w", p.program.Source(), err)
			}
		}
		if err != nil {
			return nil, v.failed(p.span, p.program, err)
		}
		b = append(b, text...)
	}
	return string(b), nil
}

// asText writes a value as text within text.
func asText(value any) (string, error) {
	switch x := value.(type) {
	case string:
		return x, nil
	case bool:
		return strconv.FormatBool(x), nil
	case int:
		return strconv.Itoa(x), nil
	case int64:
		return strconv.FormatInt(x, 10), nil
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), nil
	case time.Time:
		return x.Format(time.RFC3339), nil
	case time.Duration:
		return x.String(), nil
	}
	return "", fmt.Errorf("%s, of which no text can be made", describe(value))
}

// describe names a value's kind without showing the value, which may be private.
func describe(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case int, int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	}
	return "a handle"
}

var errFit = errors.New("does not fit")

// convert makes a value of what a table's cell or an open object gave: "3" becomes 3 where a number is wanted, 3
// becomes "3" where text is. An empty cell is nothing.
func convert(want expression.Kind, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if s, ok := value.(string); ok && s == "" && want != expression.String && want != expression.List && want != expression.Object {
		return nil, nil
	}
	fitted, err := convertTo(want, value)
	if err != nil {
		return nil, fmt.Errorf("%s, where %s is needed", describe(value), kindName(want))
	}
	return fitted, nil
}

func convertTo(want expression.Kind, value any) (any, error) {
	s, isText := value.(string)
	s = strings.TrimSpace(s)
	switch want {
	case expression.String:
		return asText(value)
	case expression.Integer:
		return toInteger(value)
	case expression.Number:
		return toNumber(value)
	case expression.Bool:
		if isText {
			return strconv.ParseBool(strings.ToLower(s))
		}
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case expression.Time:
		if isText {
			return time.Parse(time.RFC3339, s)
		}
		if t, ok := value.(time.Time); ok {
			return t, nil
		}
	case expression.Duration:
		if isText {
			return ParseDuration(s)
		}
		if d, ok := value.(time.Duration); ok {
			return d, nil
		}
	case expression.List:
		if list, ok := value.([]any); ok {
			return list, nil
		}
	case expression.Object:
		if object, ok := value.(map[string]any); ok {
			return object, nil
		}
	default:
		return value, nil
	}
	return nil, errFit
}

func toInteger(value any) (any, error) {
	switch x := value.(type) {
	case int:
		return x, nil
	case int64:
		return int(x), nil
	case float64:
		if x == float64(int(x)) {
			return int(x), nil
		}
	case string:
		return strconv.Atoi(strings.TrimSpace(x))
	}
	return nil, errFit
}

func toNumber(value any) (any, error) {
	switch x := value.(type) {
	case float64:
		return x, nil
	case int:
		return float64(x), nil
	case int64:
		return float64(x), nil
	case string:
		return strconv.ParseFloat(strings.TrimSpace(x), 64)
	}
	return nil, errFit
}

// kindName names a kind for messages.
func kindName(kind expression.Kind) string {
	switch kind {
	case expression.Bool:
		return "true or false"
	case expression.Integer:
		return "a whole number"
	case expression.Number:
		return "a number"
	case expression.String:
		return "text"
	case expression.Time:
		return "a time such as 2026-11-11T10:00:00+08:00"
	case expression.Duration:
		return "a duration such as 30s"
	case expression.List:
		return "a list"
	case expression.Object:
		return "an object"
	}
	return "a value"
}
