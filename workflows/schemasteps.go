package workflows

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"youmiflow/internal/expression"
)

// definitions is where a schema keeps the objects that others refer to.
const definitions = "#/definitions/"

func inputsName(step string) string { return "inputs." + step }

// catalogueShape lists the steps there are, each with what it does.
func catalogueShape(catalogue Catalogue) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string", Description: "A step of the catalogue. `youmiflow steps` lists all of them."}
	var about []string
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		s.Enum = append(s.Enum, name)
		about = append(about, step.Summary)
	}
	s.Extra = map[string]any{enumDescriptions: about, errorMessage: "there is no such step: `youmiflow steps` lists those there are"}
	return s
}

// stepRules are what the keys of a step have to do with each other.
func stepRules() []*jsonschema.Schema {
	rules := []*jsonschema.Schema{anyOfKeys("a step needs one of "+quoted(stepKinds()), stepKinds()...)}
	kinds := stepKinds()
	for i, kind := range kinds {
		barred := map[string]*jsonschema.Schema{}
		for _, other := range kinds[i+1:] {
			if other != "steps" || kind != "foreach" && kind != "wait" {
				barred[other] = never()
			}
		}
		if len(barred) > 0 {
			rules = append(rules, whenKey(kind, &jsonschema.Schema{Properties: barred, Extra: message("a step does one thing: this one has \"" + kind + "\" already")}))
		}
	}
	return append(rules,
		whenKey("retry", neededKey("uses", "\"retry\" belongs to a step with \"uses\"")),
		whenKey("timeout", neededKey("uses", "\"timeout\" belongs to a step with \"uses\"")),
		whenKey("with", anyOfKeys("\"with\" belongs to a step with \"uses\" or \"call\"", "uses", "call")),
		whenKey("finally", neededKey("steps", "\"finally\" belongs to a step with \"steps\"")),
		whenKey("foreach", neededKey("steps", "a step with \"foreach\" needs \"steps\"")),
		whenKey("set", neededKey("id", "a step with \"set\" needs an \"id\", under which its values are seen")),
		whenKey("steps", &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{
			"wait": {Type: "object", Extra: message("\"steps\" beside a wait run before each look at its `until`: this wait has none")},
		}}),
		whenKey("call", &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"with": orNothing(namedShape(anythingShape))()}}),
	)
}

// objectRules are what the keys of other objects have to do with each other.
func objectRules() map[string][]*jsonschema.Schema {
	frequency := "a frequency cap is so many contacts, \"max\", within a span of time, \"per\""
	triggers := []*jsonschema.Schema{anyOfKeys("a trigger needs one of \"schedule\", \"at\" or \"event\"", "schedule", "at", "event"),
		barring("schedule", "a trigger fires by one thing: this one has \"schedule\" already", "at", "event"),
		barring("at", "a trigger fires by one thing: this one has \"at\" already", "event")}
	for _, key := range triggerKeys.known {
		if kinds := triggerOnly()[key]; kinds != nil {
			triggers = append(triggers, whenKey(key, anyOfKeys("\""+key+"\" belongs to a trigger with "+quoted(kinds), kinds...)))
		}
	}
	return map[string][]*jsonschema.Schema{
		"param":   paramRules(),
		"trigger": triggers,
		"limit": {
			anyOfKeys("this limits nothing: give it a rate, gap, hourly or daily", "rate", "gap", "hourly", "daily", "rest", "warm_up", "max", "per", "over"),
			whenKey("max", neededKey("per", frequency)), whenKey("per", neededKey("max", frequency)), whenKey("over", neededKey("max", frequency)),
		},
	}
}

// paramRules say what default and enum hold, by the type.
func paramRules() []*jsonschema.Schema {
	var rules []*jsonschema.Schema
	for _, name := range paramTypes {
		value, literal := any(name), literalShape(ParamType(name))
		is := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{"type": {Const: &value}}}
		if ParamType(name) != ParamString { // which is what a param without a type is
			is.Required = []string{"type"}
		}
		then := &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"default": literal(), "enum": {Items: literal()}}}
		if t := ParamType(name); t != ParamString && t != ParamFile {
			then.Properties["pattern"] = never()
			then.Extra = message("a pattern is for params of type string or file")
		}
		rules = append(rules, &jsonschema.Schema{If: is, Then: then})
	}
	return rules
}

// literalShape is a value of a param's type, as it is written in a file.
func literalShape(t ParamType) shape {
	switch t {
	case ParamInteger:
		return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "integer"} }
	case ParamNumber:
		return func() *jsonschema.Schema { return &jsonschema.Schema{Type: "number"} }
	case ParamBool:
		return switchShape
	case ParamList:
		return listShape(anythingShape)
	case ParamTime:
		return timeShape
	case ParamDuration:
		return durationShape
	}
	return templateShape
}

func message(text string) map[string]any { return map[string]any{errorMessage: text} }

// whenKey is a rule for objects that have a key.
func whenKey(key string, then *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{DependencySchemas: map[string]*jsonschema.Schema{key: then}}
}

func neededKey(key, text string) *jsonschema.Schema {
	return &jsonschema.Schema{Required: []string{key}, Extra: message(text)}
}

// anyOfKeys is an object that has at least one of some keys.
func anyOfKeys(text string, keys ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, key := range keys {
		s.AnyOf = append(s.AnyOf, neededKey(key, text))
	}
	return s
}

// barring is a rule for objects that have a key: then they have none of the others.
func barring(key, text string, others ...string) *jsonschema.Schema {
	barred := map[string]*jsonschema.Schema{}
	for _, other := range others {
		barred[other] = never()
	}
	return whenKey(key, &jsonschema.Schema{Properties: barred, Extra: message(text)})
}

// catalogueRules say what stands in `with`, step by step.
func catalogueRules(catalogue Catalogue) []*jsonschema.Schema {
	var rules []*jsonschema.Schema
	for _, name := range catalogue.Names() {
		step, _ := catalogue.Lookup(name)
		value := any(name)
		then := &jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"with": {Ref: definitions + inputsName(name)}}}
		if needsInputs(step) {
			then.Required = []string{"with"}
		}
		rules = append(rules, &jsonschema.Schema{
			If:   &jsonschema.Schema{Type: "object", Required: []string{"uses"}, Properties: map[string]*jsonschema.Schema{"uses": {Const: &value}}},
			Then: then,
		})
	}
	return rules
}

func needsInputs(step *StepType) bool {
	if len(step.OneOf) > 0 {
		return true
	}
	for _, input := range step.Inputs {
		if input.Required {
			return true
		}
	}
	return false
}

// inputsSchema is what a step takes.
func inputsSchema(step *StepType) *jsonschema.Schema {
	s := fieldsSchema(step.Inputs, step.OneOf)
	s.Title, s.Description = "the inputs of "+step.Name, step.Summary
	if !needsInputs(step) {
		s.Type, s.Types = "", []string{"object", "null"}
	}
	return s
}

// fieldsSchema is an object with fields, of which rules say which go together.
func fieldsSchema(fields []Field, rules []Choice) *jsonschema.Schema {
	s := closedObject(nil)
	for i := range fields {
		property := fieldSchema(&fields[i])
		property.Description = fields[i].Description
		s.Properties[fields[i].Name] = property
		s.PropertyOrder = append(s.PropertyOrder, fields[i].Name)
		if fields[i].Required {
			s.Required = append(s.Required, fields[i].Name)
		}
	}
	for _, rule := range rules {
		s.AllOf = append(s.AllOf, choiceRules(rule)...)
	}
	return s
}

// choiceRules ask for exactly one group of keys, whole.
func choiceRules(rule Choice) []*jsonschema.Schema {
	one := &jsonschema.Schema{}
	rules := []*jsonschema.Schema{one}
	for i, group := range rule.Groups {
		one.AnyOf = append(one.AnyOf, &jsonschema.Schema{Required: group, Extra: message("this needs " + groupNames(rule.Groups))})
		var later []string
		for _, other := range rule.Groups[i+1:] {
			later = append(later, other...)
		}
		for _, key := range group {
			if others := without(later, group); len(others) > 0 {
				rules = append(rules, barring(key, "only one of "+groupNames(rule.Groups), others...))
			}
		}
	}
	return rules
}

// without are the words of a list that are not in another.
func without(list, other []string) []string {
	var rest []string
	for _, one := range list {
		if !slices.Contains(other, one) {
			rest = append(rest, one)
		}
	}
	return rest
}

// fieldSchema is what an input takes: a value of its type, or text that holds an expression.
func fieldSchema(field *Field) *jsonschema.Schema {
	if len(field.Enum) > 0 && field.Type.Kind != expression.List { // of a list, the elements are out of it
		return eitherShape(func() *jsonschema.Schema { return &jsonschema.Schema{Enum: field.Enum} }, insertedShape("one of the words, or an expression in ${{ }}"))()
	}
	inserted := insertedShape(wantName(field.Type) + ", or an expression in ${{ }}")
	switch field.Type.Kind {
	case expression.Object:
		return objectField(field, inserted)
	case expression.List:
		element := elementOf(field)
		return eitherShape(listShape(func() *jsonschema.Schema { return fieldSchema(element) }), inserted)()
	case expression.Any:
		if field.Key {
			return &jsonschema.Schema{Types: []string{"string", "number"}}
		}
		return &jsonschema.Schema{}
	case expression.String:
		return textField(field)
	case expression.Time:
		return matching(whole(timeForm)+"|"+holdsExpression, wantName(field.Type)+", or an expression in ${{ }}")
	case expression.Duration:
		return matching(whole(durationForm)+"|"+holdsExpression, wantName(field.Type)+", or an expression in ${{ }}")
	}
	s := inserted()
	if kind := scalarNames()[field.Type.Kind]; kind != "" {
		s.Type, s.Types = "", []string{kind, "string"}
	}
	return s
}

// scalarNames are JSON's names of types that an expression can stand in for; what a step hands out has none, and is always
// an expression.
func scalarNames() map[expression.Kind]string {
	return map[expression.Kind]string{expression.Bool: "boolean", expression.Integer: "integer", expression.Number: "number"}
}

func objectField(field *Field, inserted shape) *jsonschema.Schema {
	object := func() *jsonschema.Schema {
		known := field.Fields
		if len(known) == 0 {
			known = fieldsOfType(field.Type)
		}
		if len(known) == 0 {
			return namedShape(anythingShape)()
		}
		s := fieldsSchema(known, field.OneOf)
		s.Title = strings.TrimSpace("the fields of " + field.Name)
		if field.Type.Open {
			s.AdditionalProperties = nil
		}
		return s
	}
	if plain := fieldNamed(field.Fields, field.Scalar); plain != nil {
		return eitherShape(func() *jsonschema.Schema { return fieldSchema(plain) }, object)()
	}
	return eitherShape(object, inserted)()
}

// textField is text, of a form where the catalogue asks for one. Forms that JavaScript reads differently are left to Parse.
func textField(field *Field) *jsonschema.Schema {
	s := templateShape()
	if _, err := regexp.Compile(field.Pattern); field.Pattern == "" || err != nil || strings.Contains(field.Pattern, "(?") || strings.Contains(field.Pattern, `\p`) {
		return s
	}
	words := field.Form
	if words == "" {
		words = "text that matches " + field.Pattern
	}
	return matching("(?:"+field.Pattern+")|"+holdsExpression, words+", or an expression in ${{ }}")
}
