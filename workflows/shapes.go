package workflows

import (
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// shape makes the JSON Schema of what a key holds. It is told next to the key, for editors; the parser is the judge, and a
// test holds both together: what the parser accepts, the schema accepts.
type shape func() *jsonschema.Schema

// What stands for itself. Messages are those that editors show; other validators pass over the key errorMessage.
const (
	errorMessage     = "errorMessage"
	enumDescriptions = "enumDescriptions"

	holdsExpression = `\$\{\{`
	durationForm    = `(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|s|m|h|d))+`
	rateForm        = `\d+\s*/\s*(?:s|m|min|h|d)`
	timeForm        = `\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:\d{2})`
	dateForm        = `\d{4}-\d{2}-\d{2}`
	percentForm     = `\+?\d*\.?\d+(?:[eE][+-]?\d+)?\s*%`
	clockForm       = `\d{1,2}:\d{2}`
)

// matching is text of a form, told in words.
func matching(form, words string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: form, Extra: message("write " + words)}
}

// whole is a form with nothing but blanks around it.
func whole(forms ...string) string { return `^\s*(?:` + strings.Join(forms, "|") + `)\s*$` }

func textShape() *jsonschema.Schema { return matching(`\S`, "some text") }

// templateShape is text that may hold expressions.
func templateShape() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

// anythingShape is any value, with expressions in it or not.
func anythingShape() *jsonschema.Schema { return &jsonschema.Schema{} }

// expressionShape is what is always an expression. Some of those are YAML's own: true, 3.
func expressionShape(also ...string) shape {
	return func() *jsonschema.Schema {
		s := matching(`\S`, "an expression, without ${{ }}")
		s.Type, s.Types = "", append([]string{"string"}, also...)
		return s
	}
}

func conditionShape() *jsonschema.Schema { return expressionShape("boolean")() }

// insertedShape is an expression within ${{ }}.
func insertedShape(words string) shape {
	return func() *jsonschema.Schema { return matching(holdsExpression, words) }
}

func switchShape() *jsonschema.Schema { return &jsonschema.Schema{Type: "boolean"} }

func durationShape() *jsonschema.Schema {
	return matching(whole(durationForm), "a duration such as 30s, 5m, 2h or 7d")
}

func durationsShape() *jsonschema.Schema {
	return matching(whole(durationForm+`(?:\s*\.\.\s*`+durationForm+`)?`), "a duration such as 30s, or a range such as 2s..5s")
}

func rateShape() *jsonschema.Schema {
	return matching(whole(rateForm), "a rate such as 20/min, 5/s, 200/h or 1000/d")
}

func timeShape() *jsonschema.Schema {
	return matching(whole(timeForm), "a time such as 2026-11-11T10:00:00+08:00")
}

func clockShape() *jsonschema.Schema {
	return matching(whole(clockForm), `a time of the day such as "09:00"`)
}

// shareShape is a count or a percentage.
func shareShape(least float64) shape {
	return func() *jsonschema.Schema {
		s := matching(whole(percentForm), "a whole number such as 20, or a percentage such as 10%")
		s.Type, s.Types, s.Minimum = "", []string{"integer", "string"}, &least
		return s
	}
}

func wholeNumberShape(least, most float64) shape {
	return func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "integer", Minimum: &least, Maximum: &most}
	}
}

// wordShape is one of some words.
func wordShape[T ~string](words ...T) shape {
	return func() *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string"}
		for _, word := range words {
			s.Enum = append(s.Enum, string(word))
		}
		return s
	}
}

// described adds to words what each of them means.
func described(words shape, meanings ...string) shape {
	return func() *jsonschema.Schema {
		s := words()
		s.Extra = map[string]any{enumDescriptions: meanings}
		return s
	}
}

// refShape is an object that has its own entry in the schema.
func refShape(name string) shape {
	return func() *jsonschema.Schema { return &jsonschema.Schema{Ref: definitions + name} }
}

// orNothing also takes a key without a value.
func orNothing(one shape) shape {
	return eitherShape(one, func() *jsonschema.Schema { return &jsonschema.Schema{Type: "null"} })
}

func listShape(element shape) shape {
	return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "array", Items: element()} }
}

// filledShape is a list of at least one element.
func filledShape(element shape) shape {
	return func() *jsonschema.Schema {
		one := 1
		return &jsonschema.Schema{Type: "array", Items: element(), MinItems: &one}
	}
}

// namedShape is an object whose keys are names of the writer's own.
func namedShape(value shape) shape {
	return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "object", AdditionalProperties: value()} }
}

// identifiedShape is namedShape with names that expressions or the environment can use.
func identifiedShape(value shape) shape {
	return func() *jsonschema.Schema {
		s := namedShape(value)()
		s.PropertyNames = &jsonschema.Schema{Pattern: identifier.String(),
			Extra: message("a name has letters from a to z, digits and _, and begins with no digit")}
		return s
	}
}

func eitherShape(alternatives ...shape) shape {
	return func() *jsonschema.Schema {
		s := &jsonschema.Schema{}
		for _, one := range alternatives {
			s.AnyOf = append(s.AnyOf, one())
		}
		return s
	}
}

// What some keys hold, of several.

func nameShape() *jsonschema.Schema {
	return matching(identifier.String(), "a name of letters from a to z, digits and _ that begins with no digit")
}

func stepsShape() *jsonschema.Schema { return filledShape(refShape("step"))() }

func branchesShape() *jsonschema.Schema {
	return atLeastOne(namedShape(eitherShape(stepsShape, refShape("branch")))())
}

func atLeastOne(object *jsonschema.Schema) *jsonschema.Schema {
	one := 1
	object.MinProperties = &one
	return object
}

func waitShape() *jsonschema.Schema {
	return eitherShape(func() *jsonschema.Schema {
		return matching(whole(durationForm, timeForm)+"|"+holdsExpression, "a duration such as 2d, a time such as 2026-11-11T10:00:00+08:00, or an object with `until`")
	}, refShape("wait"))()
}

func approveShape() *jsonschema.Schema {
	yes := any(true)
	return eitherShape(templateShape, refShape("approve"), func() *jsonschema.Schema { return &jsonschema.Schema{Const: &yes} },
		func() *jsonschema.Schema { return &jsonschema.Schema{Type: "null"} })()
}

func rowsShape() *jsonschema.Schema {
	return eitherShape(insertedShape("an expression such as ${{ steps.customers.rows }}, or a list"), listShape(anythingShape))()
}

func wavesShape() *jsonschema.Schema { return eitherShape(wavesListShape, refShape("waves"))() }

func wavesListShape() *jsonschema.Schema {
	return eitherShape(filledShape(eitherShape(shareShape(1), refShape("wave"))), shareShape(1))()
}

func variantsShape() *jsonschema.Schema {
	return atLeastOne(namedShape(wholeNumberShape(1, 1_000_000))())
}

// valuesShape are values under names, at least one.
func valuesShape() *jsonschema.Schema { return atLeastOne(identifiedShape(anythingShape)()) }

func eventShape() *jsonschema.Schema { return wordShape(EventKinds()...)() }

func stopWhenShape() *jsonschema.Schema { return eitherShape(eventShape, refShape("stop_when"))() }

func timeOrDateShape() *jsonschema.Schema {
	return matching(whole(timeForm, dateForm), "a date such as 2026-11-11, or a time such as 2026-11-11T10:00:00+08:00")
}

// settingShape is a setting that may be empty, and is none then.
func settingShape() *jsonschema.Schema { return &jsonschema.Schema{Types: []string{"string", "null"}} }

func pathShape() *jsonschema.Schema {
	return matching(`^/`, "a path that begins with /, such as /v2/ChatMess/endTakeOver")
}

// operationsShape lists the operations that the catalogue knows; see Schemas.
func operationsShape() *jsonschema.Schema { return refShape("operations")() }
