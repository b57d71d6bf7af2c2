package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/web/result"
)

// document is an object of JSON.
type document = map[string]any

// describe makes the OpenAPI description of the table. Schemas are those of the Go types, so that what is described is
// what is answered.
func describe(table []route, version string) ([]byte, error) {
	d := describer{schemas: document{}}
	paths := document{}
	for _, one := range table {
		operation, err := d.operation(one)
		if err != nil {
			return nil, fmt.Errorf("describing %s: %w", one.id, err)
		}
		at, _ := paths[prefix+one.path].(document)
		if at == nil {
			at = document{}
			paths[prefix+one.path] = at
		}
		at[strings.ToLower(one.method)] = operation
	}
	text, err := json.MarshalIndent(document{
		"openapi": "3.1.0",
		"info": document{"title": "youmiflow", "version": version, "license": document{"name": "see LICENSE"},
			"description": "The daemon of youmiflow: workflows, runs, schedules and accounts. Every operation needs a token with a role: a viewer looks, an operator also starts and steers runs, an admin also holds accounts and pauses schedules. Errors are problems as in RFC 9457."},
		"paths":    paths,
		"security": []any{document{"token": []string{}}},
		"components": document{"schemas": d.schemas,
			"securitySchemes": document{"token": document{"type": "http", "scheme": "bearer", "description": "A token of `server.tokens` in youmiflow.yaml."}}},
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the description of the API: %w", err)
	}
	return append(text, '\n'), nil
}

// describer gathers the schemas that operations name.
type describer struct{ schemas document }

func (d describer) operation(one route) (document, error) {
	answer, err := d.answer(one)
	if err != nil {
		return nil, err
	}
	responses, err := d.problems(one)
	if err != nil {
		return nil, err
	}
	responses[strconv.Itoa(one.status)] = answer
	operation := document{
		"operationId": one.id, "tags": []string{one.tag}, "summary": one.summary, "x-role": one.role,
		"description": fmt.Sprintf("Needs the role %s.", one.role),
		"responses":   responses,
	}
	if parameters := d.parameters(one); len(parameters) > 0 {
		operation["parameters"] = parameters
	}
	if one.body != nil && one.body.NumField() > 0 {
		schema, err := d.named(one.body, true)
		if err != nil {
			return nil, err
		}
		needed := slices.ContainsFunc(reflect.VisibleFields(one.body), func(f reflect.StructField) bool {
			return !strings.Contains(f.Tag.Get("json"), ",omitempty")
		})
		operation["requestBody"] = document{"required": needed, "content": document{"application/json": document{"schema": schema}}}
	}
	return operation, nil
}

// problems describes what an operation answers when it does not do what was asked: the codes of each status.
func (d describer) problems(one route) (document, error) {
	failure, err := d.named(reflect.TypeFor[problem](), false)
	if err != nil {
		return nil, err
	}
	byStatus := map[int][]code{}
	for _, code := range codes() { // in one order
		if slices.Contains(one.problems, code) || slices.Contains(one.anyways(), code) {
			byStatus[code.status()] = append(byStatus[code.status()], code)
		}
	}
	responses := document{}
	for status, codes := range byStatus {
		words := make([]string, len(codes))
		for i, code := range codes {
			words[i] = string(code)
		}
		narrowed := document{"allOf": []any{failure, document{"properties": document{"code": document{"enum": words}}}}}
		responses[strconv.Itoa(status)] = document{"description": http.StatusText(status) + ": " + strings.Join(words, ", ") + ".",
			"content": document{"application/problem+json": document{"schema": narrowed}}}
	}
	return responses, nil
}

// inPath finds the parts of a path that stand for something.
var inPath = regexp.MustCompile(`\{(\w+)\}`)

func (d describer) parameters(one route) []document {
	var all []document
	for _, match := range inPath.FindAllStringSubmatch(one.path, -1) {
		all = append(all, document{"name": match[1], "in": "path", "required": true, "schema": document{"type": "string"}})
	}
	for _, parameter := range one.parameters() {
		in := "query"
		if parameter.header {
			in = "header"
		}
		all = append(all, document{"name": parameter.name, "in": in, "description": parameter.about, "schema": parameter.schema})
	}
	return all
}

func (d describer) answer(one route) (document, error) {
	if one.status == http.StatusNoContent {
		return document{"description": "Done."}, nil
	}
	if one.answer == reflect.TypeFor[json.RawMessage]() {
		return document{"description": one.summary + ".", "content": document{"application/json": document{"schema": document{"type": "object"}}}}, nil
	}
	schema, err := d.schema(one.answer)
	if err != nil {
		return nil, err
	}
	if one.streams {
		return document{"description": "Events `run`, whose data is the run as JSON, at once and after every change; then `end` when it is over.",
			"content": document{"text/event-stream": document{"schema": document{"type": "string"}}}}, nil
	}
	if one.paged {
		schema = document{"type": "object", "required": []string{"items", "next"}, "properties": document{
			"items": document{"type": "array", "items": schema},
			"next":  document{"type": []string{"string", "null"}, "description": "The `cursor` of the page behind this one; null on the last."},
		}}
	}
	return document{"description": one.summary + ".", "content": document{"application/json": document{"schema": schema}}}, nil
}

// schema is that of an answer; an array's is that of its elements in a list.
func (d describer) schema(kind reflect.Type) (document, error) {
	if kind.Kind() == reflect.Slice {
		element, err := d.named(kind.Elem(), false)
		return document{"type": "array", "items": element}, err
	}
	return d.named(kind, false)
}

// named puts the schema of a type among the components, and refers to it there. A body is closed: what it has no place for
// is refused. An answer is open: names may be added to it.
func (d describer) named(kind reflect.Type, closed bool) (document, error) {
	name := strings.ToUpper(kind.Name()[:1]) + kind.Name()[1:]
	reference := document{"$ref": path.Join("#/components/schemas", name)}
	if _, there := d.schemas[name]; there {
		return reference, nil
	}
	schema, err := jsonschema.ForType(kind, &jsonschema.ForOptions{TypeSchemas: ownSchemas()})
	if err != nil {
		return nil, err
	}
	tidy(schema, closed)
	d.schemas[name] = schema
	return reference, nil
}

// ownSchemas are those of types that say themselves how they look as JSON.
func ownSchemas() map[reflect.Type]*jsonschema.Schema {
	words := func(words ...string) *jsonschema.Schema {
		s := &jsonschema.Schema{Type: "string"}
		for _, word := range words {
			s.Enum = append(s.Enum, word)
		}
		return s
	}
	statuses := make([]string, 0, len(itemStatuses()))
	for _, status := range itemStatuses() {
		statuses = append(statuses, string(status))
	}
	all := make([]string, 0, len(codes()))
	for _, code := range codes() {
		all = append(all, string(code))
	}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[json.RawMessage]():     {},
		reflect.TypeFor[engine.Status]():       words(statuses...),
		reflect.TypeFor[diagnostic.Severity](): words("error", "warning"),
		reflect.TypeFor[result.Health]():       words("ok", "warn", "fail"),
		reflect.TypeFor[code]():                words(all...),
	}
}

// tidy opens the objects of an answer, and says of no list that it may be null: none is.
func tidy(schema *jsonschema.Schema, closed bool) {
	if schema == nil {
		return
	}
	if !closed && schema.AdditionalProperties != nil && len(schema.Properties) > 0 {
		schema.AdditionalProperties = nil
	}
	if slices.Equal(schema.Types, []string{"null", "array"}) {
		schema.Type, schema.Types = "array", nil
	}
	for _, property := range schema.Properties {
		tidy(property, closed)
	}
	tidy(schema.Items, closed)
	if len(schema.Properties) == 0 {
		tidy(schema.AdditionalProperties, closed)
	}
}
