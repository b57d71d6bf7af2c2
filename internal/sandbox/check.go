package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkFields tells what a schema has against a body; "" when nothing. A good body is checked without gathering
// details, which is several times faster.
func checkFields(schema *openapi3.Schema, fields map[string]any) string {
	if schema == nil || schema.VisitJSON(fields, openapi3.FailFast()) == nil {
		return ""
	}
	err := schema.VisitJSON(fields, openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
	problems := explain(nil, "", err)
	if len(problems) == 0 {
		return "the body does not match openapi.yaml"
	}
	return strings.Join(problems, "; ")
}

// maxProblems bounds what one answer explains.
const maxProblems = 10

// explain takes an error of the schema library apart: one line for each thing that is wrong, with where it is.
func explain(problems []string, at string, err error) []string {
	if len(problems) >= maxProblems {
		return problems
	}
	var many openapi3.MultiError
	var one *openapi3.SchemaError
	switch {
	case err == nil:
	case asMany(err, &many):
		for _, each := range many {
			problems = explain(problems, at, each)
		}
	case errors.As(err, &one):
		at = join(at, one.JSONPointer())
		if one.Origin != nil {
			return explain(problems, at, one.Origin)
		}
		problems = append(problems, prefix(at)+reason(one))
	default:
		problems = append(problems, prefix(at)+err.Error())
	}
	return problems
}

// asMany finds a list of errors, wrapped by no schema error.
func asMany(err error, many *openapi3.MultiError) bool {
	for err != nil {
		if list, ok := err.(openapi3.MultiError); ok {
			*many = list
			return true
		}
		if _, ok := err.(*openapi3.SchemaError); ok {
			return false
		}
		err = errors.Unwrap(err)
	}
	return false
}

// join puts a path below another. The library repeats the outer path in inner errors of a list; that is seen by
// its being the beginning.
func join(at string, path []string) string {
	inner := strings.Join(path, ".")
	if at == "" || inner == at || strings.HasPrefix(inner, at+".") {
		return inner
	}
	if inner == "" {
		return at
	}
	return at + "." + inner
}

func prefix(at string) string {
	if at == "" {
		return ""
	}
	return at + ": "
}

// reason is the library's own, but for two constructions whose message does not help: anyOf of groups of fields, and a
// property that decides which schema is meant.
func reason(err *openapi3.SchemaError) string {
	switch {
	case err.Schema == nil:
	case err.SchemaField == "anyOf":
		var groups []string
		for _, choice := range err.Schema.AnyOf {
			groups = append(groups, strings.Join(choice.Value.Required, " and "))
		}
		return "it needs " + strings.Join(groups, ", or ")
	case err.SchemaField == "discriminator":
		names := slices.Sorted(maps.Keys(err.Schema.Discriminator.Mapping))
		return fmt.Sprintf("%s must be one of %s", err.Schema.Discriminator.PropertyName, strings.Join(names, ", "))
	}
	return strings.TrimSpace(err.Reason)
}
