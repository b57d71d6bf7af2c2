package rehearsal

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is the JSON Schema of files of tests, in draft-07, for editors: it completes and describes every key. It accepts
// every file that Read accepts; what needs more than a look at one place only Read and Check find. The text ends with a
// line break.
func Schema() ([]byte, error) {
	root := object(fileKeys, "tests")()
	root.Schema, root.Title = "http://json-schema.org/draft-07/schema#", "Tests of a workflow of youmiflow"
	plain, err := json.Marshal(root)
	if err != nil {
		return nil, fmt.Errorf("writing the schema of tests: %w", err)
	}
	var text bytes.Buffer
	if err := json.Indent(&text, plain, "", " "); err != nil {
		return nil, fmt.Errorf("writing the schema of tests: %w", err)
	}
	text.WriteByte('\n')
	return text.Bytes(), nil
}

// object is one that has these keys and no others, of which some are needed.
func object(keys func() []key, needed ...string) func() *jsonschema.Schema {
	return func() *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "object", Required: needed, Properties: map[string]*jsonschema.Schema{},
			AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
		for _, one := range keys() {
			value := one.shape()
			value.Description = one.about
			s.Properties[one.name] = value
			s.PropertyOrder = append(s.PropertyOrder, one.name)
		}
		return s
	}
}

func listOf(shape func() *jsonschema.Schema) func() *jsonschema.Schema {
	return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "array", Items: shape()} }
}

// namedOf is an object of any keys.
func namedOf(shape func() *jsonschema.Schema) func() *jsonschema.Schema {
	return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "object", AdditionalProperties: shape()} }
}

func either(shapes ...func() *jsonschema.Schema) func() *jsonschema.Schema {
	return func() *jsonschema.Schema {
		s := &jsonschema.Schema{}
		for _, shape := range shapes {
			s.AnyOf = append(s.AnyOf, shape())
		}
		return s
	}
}

func oneOf(words ...string) func() *jsonschema.Schema {
	return func() *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string"}
		for _, word := range words {
			s.Enum = append(s.Enum, word)
		}
		return s
	}
}

func onlyTrue() *jsonschema.Schema { return &jsonschema.Schema{Enum: []any{true}} }

func whole(least, most float64) func() *jsonschema.Schema {
	return func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "integer", Minimum: &least, Maximum: &most}
	}
}

func text() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: `\S`} }

// scalar is anything that is read as the text that it is written as.
func scalar() *jsonschema.Schema {
	return &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
}

func anyObject() *jsonschema.Schema { return &jsonschema.Schema{Type: "object"} }
