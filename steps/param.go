package steps

import (
	"fmt"
	"slices"

	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// param is an input of an operation, and the field of the API that it becomes.
type param struct {
	workflows.Field
	// encode makes the field's value of the input's; nil: the input is the step's own, and is not sent.
	encode encoder
	// fallback is sent where the input is not given; nil: nothing is.
	fallback any
}

// encoder makes what is sent of an input. It may return left, as if the input were not given.
type encoder func(in inputs, field string) (any, error)

// marker is the type of left and null.
type marker string

const (
	left marker = "left out"
	null marker = "null" // as a fallback: the field is there, and null
)

// must makes an input required.
func (p param) must() param { p.Required = true; return p }

// key makes an input one that takes text or a number.
func (p param) key() param { p.Key = true; return p }

// or gives what is sent where the input is not given. The vendor requires such a field, or shows it always.
func (p param) or(fallback any) param { p.fallback = fallback; return p }

func newParam(name, api, description string, kind expression.Type, encode encoder) param {
	return param{Field: workflows.Field{Name: name, APIName: api, Description: description, Type: kind}, encode: encode}
}

// textParam is a text that may be empty, of at most so many characters.
func textParam(name, api, description string, most int) param {
	return newParam(name, api, description, textType(), func(in inputs, field string) (any, error) { return in.text(field, most) })
}

// keyParam is a code, a key or an id that the API takes as text; a number counts as its digits.
func keyParam(name, api, description string) param {
	return newParam(name, api, description, expression.Type{}, func(in inputs, field string) (any, error) { return in.text(field, maxIdentifier) }).key()
}

// namedParam is such a key that must not be empty.
func namedParam(name, api, description string) param {
	return newParam(name, api, description, expression.Type{}, func(in inputs, field string) (any, error) { return in.identifier(field) }).key().must()
}

// accountParam is an operating account's number, which a table may hold as text.
func accountParam(api, description string) param {
	p := wholeParam("account", api, description)
	p.Type = expression.Type{}
	return p.key()
}

// wholeParam is a whole number; digits in a text count as one.
func wholeParam(name, api, description string) param {
	return newParam(name, api, description, integerType(), func(in inputs, field string) (any, error) { return in.whole(field) })
}

// amountParam is a number.
func amountParam(name, api, description string) param {
	return newParam(name, api, description, expression.Type{Kind: expression.Number}, func(in inputs, field string) (any, error) { return in.amount(field) })
}

// boolParam is true or false.
func boolParam(name, api, description string) param {
	return newParam(name, api, description, boolType(), func(in inputs, field string) (any, error) { return in.flag(field) })
}

// bitParam is true or false, which the API takes as 1 or 0.
func bitParam(name, api, description string) param {
	return newParam(name, api, description, boolType(), func(in inputs, field string) (any, error) {
		set, err := in.flag(field)
		if set {
			return 1, err
		}
		return 0, err
	})
}

// option is a name that a workflow gives, and what the API takes for it.
type option struct {
	name  string
	value any
}

// choiceParam is one of a few names.
func choiceParam(name, api, description string, options ...option) param {
	p := newParam(name, api, description, textType(), nil)
	for _, option := range options {
		p.Enum = append(p.Enum, option.name)
	}
	p.encode = func(in inputs, field string) (any, error) {
		i := slices.IndexFunc(options, func(o option) bool { return o.name == in.values[field] })
		if i < 0 {
			return nil, fmt.Errorf("%s must be %s, not %s", in.name(field), optionNames(options), kind(in.values[field]))
		}
		return options[i].value, nil
	}
	return p
}

func optionNames(options []option) string {
	text := options[0].name
	for i, option := range options[1:] {
		if i == len(options)-2 {
			text += " or " + option.name
		} else {
			text += ", " + option.name
		}
	}
	return text
}

// listParam is a list of texts.
func listParam(name, api, description string, most int) param {
	return newParam(name, api, description, listType(expression.Type{}), func(in inputs, field string) (any, error) { return in.texts(field, most) })
}

// webParam is an http or https address.
func webParam(name, api, description string) param {
	p := newParam(name, api, description, textType(), func(in inputs, field string) (any, error) { return in.address(field) })
	p.Field = web(p.Field)
	return p
}

// ownParam is an input that is not sent.
func ownParam(name, description string, kind expression.Type) param {
	return newParam(name, "", description, kind, nil)
}

// fieldsOf are the inputs as the catalogue describes them.
func fieldsOf(params []param) []workflows.Field {
	fields := make([]workflows.Field, len(params))
	for i, p := range params {
		fields[i] = p.Field
	}
	return fields
}

// encodeAll makes the body: the fields that are given, and the fallbacks of those that are not.
func encodeAll(params []param, in inputs) (map[string]any, error) {
	body := map[string]any{}
	for _, p := range params {
		if p.encode == nil {
			continue
		}
		value := p.fallback
		if in.has(p.Name) || p.Required {
			var err error
			if value, err = p.encode(in, p.Name); err != nil {
				return nil, err
			}
		}
		if value == left {
			value = p.fallback
		}
		switch value {
		case nil:
		case null:
			body[p.APIName] = nil
		default:
			body[p.APIName] = value
		}
	}
	return body, nil
}
