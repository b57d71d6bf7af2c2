package workflows

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// listValue compiles a YAML list.
func (d *decoder) listValue(node *yaml.Node, what string, field *Field, in names) *Value {
	if k := field.Type.Kind; k != expression.List && k != expression.Any {
		d.wrong(node, what, wantName(field.Type))
		return nil
	}
	element := elementOf(field)
	v := &Value{form: formList, file: d.file, span: d.text.spanOf(node), want: expression.List, typ: expression.Type{Kind: expression.List}}
	ok := true
	for i, child := range node.Content {
		item := d.value(child, fmt.Sprintf("%s[%d]", what, i), element, in)
		if item == nil {
			ok = false
			continue
		}
		v.items = append(v.items, item)
	}
	if !ok {
		return nil
	}
	return v.settle()
}

// elementOf describes the elements of a list field.
func elementOf(field *Field) *Field {
	element := &Field{Name: field.Name, Fields: field.Fields, OneOf: field.OneOf, Scalar: field.Scalar, Enum: field.Enum,
		Pattern: field.Pattern, Form: field.Form}
	switch {
	case field.Type.Kind != expression.List:
		return &Field{Name: field.Name}
	case field.Type.Element != nil:
		element.Type = *field.Type.Element
	case len(field.Fields) > 0:
		element.Type.Kind = expression.Object
	}
	return element
}

// objectValue compiles a YAML object against the fields it may have.
func (d *decoder) objectValue(node *yaml.Node, what string, field *Field, in names) *Value {
	if k := field.Type.Kind; k != expression.Object && k != expression.Any {
		d.wrong(node, what, wantName(field.Type))
		return nil
	}
	all, ok := d.object(node, what)
	if !ok {
		return nil
	}
	known := field.Fields
	if len(known) == 0 && field.Type.Kind == expression.Object {
		known = fieldsOfType(field.Type)
	}
	open := len(known) == 0 || field.Type.Open
	return d.inputs(all, what, "key", d.text.spanOf(node), known, field.OneOf, open, in)
}

// fieldsOfType makes fields of an object's type, for objects that are described by their type alone.
func fieldsOfType(t expression.Type) []Field {
	list := make([]Field, 0, len(t.Fields))
	for name, typ := range t.Fields {
		list = append(list, Field{Name: name, Type: typ})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// inputs compiles an object's values and checks which of the known fields are there. Noun is what the message calls a
// field; span is where something missing is reported.
func (d *decoder) inputs(all fields, what, noun string, span diagnostic.Span, known []Field, rules []Choice, open bool, in names) *Value {
	v := &Value{form: formObject, file: d.file, span: span, want: expression.Object}
	v.typ = expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{}, Open: open}
	ok, strange := true, false
	for _, e := range all.entries {
		field := fieldNamed(known, e.key.Value)
		if field == nil && !open {
			d.unknownInput(e.key, what, noun, known)
			ok, strange = false, true
			continue
		}
		if field == nil {
			field = &Field{}
		}
		item := d.value(e.value, fmt.Sprintf("%s %q", noun, e.key.Value), field, in)
		if item == nil {
			ok = false
			continue
		}
		v.names = append(v.names, e.key.Value)
		v.items = append(v.items, item)
		v.typ.Fields[e.key.Value] = item.typ
	}
	for _, field := range known {
		if field.Required && !all.has(field.Name) {
			d.add(span, "missing-input", fmt.Sprintf("%s needs the %s %q", what, noun, field.Name), "")
			ok = false
		}
	}
	for _, rule := range rules {
		if strange { // the misspelt key may be the one that was chosen
			break
		}
		ok = d.choose(rule, all, what, noun, span) && ok
	}
	if !ok {
		return nil
	}
	return v.settle()
}

func fieldNamed(known []Field, name string) *Field {
	for i := range known {
		if known[i].Name == name {
			return &known[i]
		}
	}
	return nil
}

func (d *decoder) unknownInput(key *yaml.Node, what, noun string, known []Field) {
	candidates := make([]string, len(known))
	for i := range known {
		candidates[i] = known[i].Name
	}
	message := fmt.Sprintf("%s has no %s %q", what, noun, key.Value)
	suggestion := diagnostic.Suggest(key.Value, candidates)
	if suggestion == "" && len(candidates) > 0 {
		message += ": there are " + strings.Join(candidates, ", ")
	}
	d.add(d.text.spanOf(key), "unknown-input", message, suggestion)
}

// choose checks that exactly one group of a rule is given, and that it is whole.
func (d *decoder) choose(rule Choice, all fields, what, noun string, span diagnostic.Span) bool {
	var given [][]string
	for _, group := range rule.Groups {
		if slices.ContainsFunc(group, all.has) {
			given = append(given, group)
		}
	}
	switch len(given) {
	case 0:
		d.add(span, "input-choice", fmt.Sprintf("%s needs %s", what, groupNames(rule.Groups)), "")
		return false
	case 1:
	default:
		second := given[1][slices.IndexFunc(given[1], all.has)]
		message := fmt.Sprintf("%s takes only one of %s", what, groupNames(given))
		d.add(d.text.spanOf(all.byName[second].key), "input-choice", message, "")
		return false
	}
	ok := true
	for _, name := range given[0] {
		if !all.has(name) {
			ok = false
			d.add(span, "missing-input", fmt.Sprintf("%s needs the %s %q besides %s", what, noun, name, present(given[0], all)), "")
		}
	}
	return ok
}

func present(group []string, all fields) string {
	var there []string
	for _, name := range group {
		if all.has(name) {
			there = append(there, fmt.Sprintf("%q", name))
		}
	}
	return strings.Join(there, " and ")
}

// groupNames lists alternatives: "takeover", or "account" and "friend".
func groupNames(groups [][]string) string {
	parts := make([]string, len(groups))
	for i, group := range groups {
		quoted := make([]string, len(group))
		for j, name := range group {
			quoted[j] = fmt.Sprintf("%q", name)
		}
		parts[i] = strings.Join(quoted, " and ")
	}
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " or " + parts[len(parts)-1]
}

// settle turns a list or object without expressions into a literal, computed once.
func (v *Value) settle() *Value {
	for _, item := range v.items {
		if item.form != formLiteral {
			return v
		}
	}
	v.literal, _ = v.eval(nil, nil) // literals cannot fail
	v.form = formLiteral
	return v
}
