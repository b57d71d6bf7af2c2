package workflows

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// names is what the expressions of one place in a file may use.
type names struct {
	scope expression.Scope
	// explain makes more of an unknown name than the expression itself can know; nil: nothing.
	explain func(problem *expression.Error, source string)
}

// bare compiles a scalar that is always an expression. Somebody who wraps all of it in ${{ }} is understood.
func (d *decoder) bare(node *yaml.Node, what string, in names, want expression.Type) *expression.Program {
	if node.Kind == yaml.ScalarNode && (node.Tag == "!!bool" || node.Tag == "!!int" || node.Tag == "!!float") {
		return d.expression(node, node.Value, 0, in, want)
	}
	if _, ok := d.str(node, what); !ok {
		return nil
	}
	runes := []rune(node.Value)
	from, to := trimmed(runes, 0, len(runes))
	if has(runes, from, "${{") {
		pieces, open := split(string(runes[from:to]))
		if open >= 0 {
			d.unclosed(node, from+open)
			return nil
		}
		if len(pieces) != 1 || !pieces[0].expression {
			d.at(node, "expression-syntax", "%s is an expression as it stands: write it without ${{ }}", what)
			return nil
		}
		from, to = from+pieces[0].from, from+pieces[0].to
	}
	return d.expression(node, string(runes[from:to]), from, in, want)
}

func (d *decoder) unclosed(node *yaml.Node, at int) {
	span := d.text.stretch(node, at, at+3)
	if strings.ContainsRune(node.Value, '｝') {
		d.add(span, "expression-syntax", "this ${{ is never closed: the braces ｝｝ are full-width ones, write }}", "")
		return
	}
	d.add(span, "expression-syntax", "this ${{ is never closed: end the expression with }}, or write $${{ for the text itself", "")
}

// expression compiles a source that begins at a character of a scalar's value.
func (d *decoder) expression(node *yaml.Node, source string, from int, in names, want expression.Type) *expression.Program {
	if source == "" {
		d.add(d.text.stretch(node, from-1, from), expression.CodeSyntax, "the expression is empty", "")
		return nil
	}
	program, err := d.compile(source, in.scope, want)
	if err == nil {
		place := func(start, end int) diagnostic.Span {
			return d.text.stretch(node, from+start, from+end)
		}
		if !d.noteSecrets(program, place) {
			return nil
		}
		if d.compiled != nil {
			d.compiled(program, place)
		}
		return program
	}
	problem := &expression.Error{Code: expression.CodeSyntax, Message: err.Error(), End: utf8.RuneCountInString(source)}
	errors.As(err, &problem)
	if d.missesRefused(problem, source) {
		return nil
	}
	if problem.Suggestion = diagnostic.Suggest(problem.Name, problem.Candidates); in.explain != nil {
		in.explain(problem, source)
	}
	span := d.text.stretch(node, from+problem.Start, from+max(problem.End, problem.Start+1))
	d.add(span, problem.Code, problem.Message, problem.Suggestion)
	return nil
}

// missesRefused reports whether an expression uses a name that was refused where it is given: one problem, told once.
func (d *decoder) missesRefused(problem *expression.Error, source string) bool {
	if problem.Code != expression.CodeUnknownName && problem.Code != expression.CodeUnknownField {
		return false
	}
	rest := []rune(source)
	rest = rest[min(problem.Start, len(rest)):]
	return slices.ContainsFunc(d.refused, func(name string) bool { return name != "" && (name == problem.Name || has(rest, 0, name)) })
}

// value compiles a YAML value against what a field takes. Nil means that it is wrong, which is reported.
func (d *decoder) value(node *yaml.Node, what string, field *Field, in names) *Value {
	if field.Key && !d.isKey(node, what) {
		return nil
	}
	switch node.Kind {
	case yaml.MappingNode:
		return d.objectValue(node, what, field, in)
	case yaml.SequenceNode:
		return d.listValue(node, what, field, in)
	}
	return d.scalarValue(node, what, field, in)
}

const keyWanted = "text or a number"

// isKey reports whether a node may be text or a number.
func (d *decoder) isKey(node *yaml.Node, what string) bool {
	if node.Kind == yaml.ScalarNode && node.Tag != "!!bool" && !isNull(node) {
		return true
	}
	d.wrong(node, what, keyWanted)
	return false
}

// givesKey reports whether an expression may give text or a number.
func (d *decoder) givesKey(v *Value, what string) bool {
	switch v.typ.Kind {
	case expression.Any, expression.String, expression.Integer, expression.Number:
		return true
	}
	d.add(v.span, "type-mismatch", fmt.Sprintf("%s needs %s, and this is %s", what, keyWanted, typeName(v.typ)), "")
	return false
}

func (d *decoder) scalarValue(node *yaml.Node, what string, field *Field, in names) *Value {
	wrap := ""
	if field.Scalar != "" && field.Type.Kind != expression.List {
		for i := range field.Fields {
			if field.Fields[i].Name == field.Scalar {
				wrap, field = field.Scalar, &field.Fields[i]
				break
			}
		}
	}
	v := &Value{file: d.file, span: d.text.spanOf(node), want: field.Type.Kind, wrap: wrap}
	d.suspect(node)
	if node.Tag != "!!str" || !strings.Contains(node.Value, "${{") {
		value, ok := d.literal(node, what, field)
		if !ok {
			return nil
		}
		v.literal, v.typ = value, typeOf(value)
		return v
	}
	pieces, open := split(node.Value)
	switch {
	case open >= 0:
		d.unclosed(node, open)
		return nil
	case len(pieces) == 1 && pieces[0].expression:
		v = d.wholeValue(v, node, pieces[0], field, in)
		if v != nil && field.Key && !d.givesKey(v, what) {
			return nil
		}
		return v
	}
	return d.textValue(v, node, pieces, what, field, in)
}

// wholeValue is a scalar that is one expression and keeps its type.
func (d *decoder) wholeValue(v *Value, node *yaml.Node, p piece, field *Field, in names) *Value {
	// What is not known before it is computed, such as a table's cell, is converted then. What is known must fit; a
	// wrapped scalar may also be the whole object.
	v.program = d.expression(node, p.text, p.from, in, expression.Type{Kind: expression.Any})
	if v.program == nil {
		return nil
	}
	known := v.program.Type()
	if !fits(known, field.Type) && (v.wrap == "" || known.Kind != expression.Object) {
		if v.program = d.expression(node, p.text, p.from, in, field.Type); v.program == nil {
			return nil
		}
	}
	v.form, v.typ = formProgram, v.program.Type()
	v.span = d.text.stretch(node, p.from, p.to)
	return v
}

// fits tells whether a type surely is, or may turn out to be, what is wanted; else compiling for it says what is wrong.
func fits(known, want expression.Type) bool {
	switch want.Kind {
	case known.Kind:
		return known.Kind != expression.List && known.Kind != expression.Object && known.Name == want.Name
	case expression.Any:
		return true
	}
	return known.Kind == expression.Any
}

// textValue is text with expressions in it, or text that only had an escaped ${{.
func (d *decoder) textValue(v *Value, node *yaml.Node, pieces []piece, what string, field *Field, in names) *Value {
	if k := field.Type.Kind; k != expression.String && k != expression.Any {
		d.at(node, "type-mismatch", "%s needs %s, and text around an expression makes text", what, wantName(field.Type))
		return nil
	}
	v.typ = expression.Type{Kind: expression.String}
	if len(pieces) == 1 {
		v.literal = pieces[0].text
		return v
	}
	ok := true
	for _, p := range pieces {
		if !p.expression {
			v.parts = append(v.parts, part{text: p.text})
			continue
		}
		program := d.expression(node, p.text, p.from, in, expression.Type{Kind: expression.Any})
		span := d.text.stretch(node, p.from, p.to)
		if program == nil {
			ok = false
			continue
		}
		switch program.Type().Kind {
		case expression.List, expression.Object, expression.Opaque:
			d.add(span, "type-mismatch", "this expression gives "+typeName(program.Type())+", of which no text can be made", "")
			ok = false
		}
		v.parts = append(v.parts, part{program: program, span: span})
	}
	v.form = formText
	if !ok {
		return nil
	}
	return v
}

// literal checks a scalar without expressions against a field.
func (d *decoder) literal(node *yaml.Node, what string, field *Field) (any, bool) {
	if isNull(node) {
		if field.Type.Kind == expression.Any && len(field.Enum) == 0 {
			return nil, true
		}
		d.wrong(node, what, wantName(field.Type))
		return nil, false
	}
	value, ok := d.literalOf(node, what, field.Type)
	if !ok {
		return nil, false
	}
	return value, d.allowedValue(node, what, field, value)
}

func (d *decoder) literalOf(node *yaml.Node, what string, want expression.Type) (any, bool) {
	switch want.Kind {
	case expression.Any:
		return d.plain(node, what)
	case expression.Bool:
		return d.boolean(node, what)
	case expression.Integer:
		return d.integer(node, what, -1<<53, 1<<53)
	case expression.Number:
		if value, ok := d.plain(node, what); !ok {
			return nil, false
		} else if number, err := toNumber(value); err == nil && node.Tag != "!!str" {
			return number, true
		}
	case expression.String:
		if node.Tag == "!!str" || node.Tag == "!!timestamp" {
			return node.Value, true
		}
	case expression.Time:
		if value, err := parseTime(node.Value); err == nil {
			return value, true
		}
	case expression.Duration:
		return d.duration(node, what)
	}
	d.wrong(node, what, wantName(want))
	return nil, false
}

// plain reads a scalar as YAML does.
func (d *decoder) plain(node *yaml.Node, what string) (any, bool) {
	switch node.Tag {
	case "!!bool":
		return strings.EqualFold(node.Value, "true"), true
	case "!!int":
		return d.integer(node, what, -1<<53, 1<<53)
	case "!!float":
		var f float64
		if err := node.Decode(&f); err != nil || f != f || f > 1e300 || f < -1e300 {
			d.at(node, "wrong-type", "%s: %s is not a number that can be used", what, node.Value)
			return nil, false
		}
		return f, true
	case "!!null":
		return nil, true
	}
	return node.Value, true
}

// allowedValue checks enum and pattern.
func (d *decoder) allowedValue(node *yaml.Node, what string, field *Field, value any) bool {
	if len(field.Enum) > 0 && !contains(field.Enum, value) {
		suggestion := ""
		if s, ok := value.(string); ok {
			suggestion = diagnostic.Suggest(s, texts(field.Enum))
		}
		message := fmt.Sprintf("%s cannot be %q: it is one of %s", what, fmt.Sprint(value), strings.Join(texts(field.Enum), ", "))
		d.add(d.text.spanOf(node), "not-allowed", message, suggestion)
		return false
	}
	s, isText := value.(string)
	if !isText {
		return true
	}
	if field.Inside && !filepath.IsLocal(s) {
		d.at(node, "outside-project", "%s leaves the project folder: write it relative to the folder of youmiflow.yaml, without going above it", what)
		return false
	}
	if field.Pattern == "" {
		return true
	}
	pattern, err := regexp.Compile(field.Pattern)
	if err != nil {
		d.at(node, "pattern", "the pattern of %s in the catalogue is wrong: %s", what, err)
		return false
	}
	if !pattern.MatchString(s) && field.Form != "" {
		d.at(node, "pattern", "%s needs %s", what, field.Form)
		return false
	}
	if !pattern.MatchString(s) {
		d.at(node, "pattern", "%s does not match the pattern %s", what, field.Pattern)
		return false
	}
	return true
}

// contains compares as YAML values are compared: 1 and 1.0 are the same.
func contains(list []any, value any) bool {
	for _, one := range list {
		if one == value || isNumber(one) && isNumber(value) && fmt.Sprint(one) == fmt.Sprint(value) {
			return true
		}
	}
	return false
}

func isNumber(value any) bool {
	switch value.(type) {
	case int, int64, float64:
		return true
	}
	return false
}

func texts(list []any) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = fmt.Sprint(one)
	}
	return out
}
