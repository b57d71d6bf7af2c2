package workflows

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

var (
	paramKeys = keySetOf(
		key{"type", func() *jsonschema.Schema { return wordShape(paramTypes...)() }, "What it holds. Without it, string. A file is a path."},
		key{"required", switchShape, "true: a run cannot start without it."},
		key{"default", anythingShape, "Its value when none is given."},
		key{"pattern", textShape, "Of a string or file: a regular expression (RE2) that it must match."},
		key{"enum", filledShape(anythingShape), "The values that are allowed."},
		key{"description", textShape, "What people are told of it."},
	)
	paramTypes = []string{
		string(ParamString), string(ParamInteger), string(ParamNumber), string(ParamBool), string(ParamFile),
		string(ParamList), string(ParamTime), string(ParamDuration),
	}
)

func (p *parser) readParams(node *yaml.Node) []*Param {
	all, ok := p.object(node, "params")
	if !ok {
		return nil
	}
	var params []*Param
	for _, e := range all.entries {
		name, ok := p.identifier(e.key, "the param")
		if param := p.param(e); ok && param != nil {
			param.Name = name
			params = append(params, param)
		}
	}
	return params
}

func (p *parser) param(e entry) *Param {
	param := &Param{Type: ParamString, Span: p.text.spanOf(e.key)}
	if isNull(e.value) {
		return param
	}
	all, ok := p.fields(e.value, "a param", paramKeys)
	if !ok {
		return param
	}
	if node := all.get("type"); node != nil {
		p.paramType(param, node)
	}
	if node := all.get("required"); node != nil {
		param.Required, _ = p.boolean(node, "required")
	}
	if node := all.get("description"); node != nil {
		param.Description, _ = p.str(node, "description")
	}
	if node := all.get("pattern"); node != nil {
		p.paramPattern(param, node)
	}
	if node := all.get("enum"); node != nil {
		p.paramEnum(param, node)
	}
	if node := all.get("default"); node != nil {
		p.paramDefault(param, node)
	}
	return param
}

func (p *parser) paramType(param *Param, node *yaml.Node) {
	name, ok := p.str(node, "type")
	if !ok {
		return
	}
	if !slices.Contains(paramTypes, name) {
		suggestion := map[string]string{"int": "integer", "bool": "boolean", "float": "number", "str": "string", "text": "string", "array": "list", "path": "file", "date": "time"}[name]
		if suggestion == "" {
			suggestion = diagnostic.Suggest(name, paramTypes)
		}
		p.add(p.text.spanOf(node), "not-allowed", fmt.Sprintf("there is no param type %q: it is one of %s", name, strings.Join(paramTypes, ", ")), suggestion)
		return
	}
	param.Type = ParamType(name)
}

func (p *parser) paramPattern(param *Param, node *yaml.Node) {
	source, ok := p.str(node, "pattern")
	if !ok {
		return
	}
	if param.Type != ParamString && param.Type != ParamFile {
		p.at(node, "wrong-type", "a pattern is for params of type string or file")
		return
	}
	pattern, err := regexp.Compile(source)
	if err != nil {
		p.at(node, "pattern", "this is not a regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	param.Pattern = pattern
}

func (p *parser) paramEnum(param *Param, node *yaml.Node) {
	list, ok := p.items(node, "enum")
	if !ok {
		return
	}
	if len(list) == 0 {
		p.at(node, "empty", "the enum allows no value at all")
	}
	for _, one := range list {
		if value, ok := p.paramLiteral(param, one, "enum"); ok {
			param.Enum = append(param.Enum, value)
		}
	}
}

func (p *parser) paramDefault(param *Param, node *yaml.Node) {
	value, ok := p.paramLiteral(param, node, "default")
	if !ok {
		return
	}
	if err := param.check(value); err != nil {
		p.at(node, "not-allowed", "default %s", err)
		return
	}
	if param.Required {
		p.warn(p.text.spanOf(node), "unused-default", "a required param never takes its default")
	}
	param.Default = value
}

// paramLiteral reads a value of the param's type; expressions are not possible there.
func (p *parser) paramLiteral(param *Param, node *yaml.Node, what string) (any, bool) {
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, "${{") {
		p.at(node, "wrong-type", "%s cannot be an expression", what)
		return nil, false
	}
	value := p.value(node, what, &Field{Type: param.Type.expression()}, names{})
	if value == nil {
		return nil, false
	}
	return value.Literal()
}

// expression is the type as expressions see it.
func (t ParamType) expression() expression.Type {
	switch t {
	case ParamInteger:
		return integer1
	case ParamNumber:
		return expression.Type{Kind: expression.Number}
	case ParamBool:
		return bool1
	case ParamList:
		return expression.Type{Kind: expression.List}
	case ParamTime:
		return time1
	case ParamDuration:
		return expression.Type{Kind: expression.Duration}
	}
	return text1
}

func paramsType(params []*Param) expression.Type {
	t := expression.Type{Kind: expression.Object, Fields: make(map[string]expression.Type, len(params))}
	for _, param := range params {
		t.Fields[param.Name] = param.Type.expression()
	}
	return t
}

// check tells whether a value of the right type is allowed.
func (p *Param) check(value any) error {
	if s, ok := value.(string); ok && p.Pattern != nil && !p.Pattern.MatchString(s) {
		return fmt.Errorf("%q does not match the pattern %s", s, p.Pattern)
	}
	if len(p.Enum) > 0 && !contains(p.Enum, value) {
		return fmt.Errorf("%q is not allowed: it is one of %s", fmt.Sprint(value), strings.Join(texts(p.Enum), ", "))
	}
	return nil
}

// ParamProblem is what is wrong with one given param.
type ParamProblem struct {
	Name       string
	Message    string
	Suggestion string // the name that was probably meant; ""
}

// ParamError lists everything that is wrong with the given params.
type ParamError struct {
	Workflow string
	Problems []ParamProblem
}

func (e *ParamError) Error() string {
	parts := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		parts[i] = problem.Message
		if problem.Suggestion != "" {
			parts[i] += fmt.Sprintf(" (did you mean %q?)", problem.Suggestion)
		}
	}
	return fmt.Sprintf("params of workflow %s: %s", e.Workflow, strings.Join(parts, "; "))
}

// BindParams checks and converts given params, and fills in defaults. Text is converted where another type is declared,
// as it comes from a command line: "3", "true", "2026-11-11T10:00:00+08:00", "90s", and for a list "a,b" or a JSON-like
// [a, b]. So are the forms that JSON gives back: a whole float for an integer, nanoseconds for a duration. The result
// has every declared param; one that is neither given nor has a default is nil. The error is a *ParamError.
func (w *Workflow) BindParams(given map[string]any) (map[string]any, error) {
	bound := make(map[string]any, len(w.Params))
	failed := &ParamError{Workflow: w.Name}
	known := make([]string, len(w.Params))
	for i, param := range w.Params {
		known[i] = param.Name
		value, ok := given[param.Name]
		if !ok || value == nil {
			if bound[param.Name] = param.Default; param.Required {
				failed.Problems = append(failed.Problems, ParamProblem{Name: param.Name, Message: fmt.Sprintf("the param %q is required", param.Name)})
			}
			continue
		}
		converted, err := param.convert(value)
		if err == nil {
			err = param.check(converted)
		}
		if err != nil {
			failed.Problems = append(failed.Problems, ParamProblem{Name: param.Name, Message: fmt.Sprintf("the param %q: %s", param.Name, err)})
		}
		bound[param.Name] = converted
	}
	for name := range given {
		if !slices.Contains(known, name) {
			failed.Problems = append(failed.Problems, ParamProblem{
				Name: name, Message: fmt.Sprintf("there is no param %q", name), Suggestion: diagnostic.Suggest(name, known),
			})
		}
	}
	if len(failed.Problems) > 0 {
		slices.SortFunc(failed.Problems, func(a, b ParamProblem) int { return strings.Compare(a.Name, b.Name) })
		return nil, failed
	}
	return bound, nil
}

// convert brings a given value into the type's Go form.
func (p *Param) convert(value any) (any, error) {
	s, isText := value.(string)
	switch p.Type {
	case ParamString, ParamFile:
		if text, err := asText(value); err == nil {
			if p.Type == ParamFile && strings.TrimSpace(text) == "" {
				return nil, errors.New("the path is empty")
			}
			return text, nil
		}
	case ParamInteger:
		if n, err := toInteger(value); err == nil {
			return n, nil
		}
	case ParamNumber:
		if n, err := toNumber(value); err == nil && n.(float64)-n.(float64) == 0 { // neither infinite nor not a number
			return n, nil
		}
	case ParamBool:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		if b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(s))); isText && err == nil {
			return b, nil
		}
	case ParamList:
		if list, ok := value.([]any); ok {
			return list, nil
		}
		if isText {
			return parseList(s)
		}
	case ParamTime:
		if t, ok := value.(time.Time); ok {
			return t, nil
		}
		if isText {
			return parseTime(s)
		}
	case ParamDuration:
		if d, ok := value.(time.Duration); ok {
			return d, nil
		}
		if isText {
			return ParseDuration(s)
		}
		if n, err := toInteger(value); err == nil && n.(int) > 0 {
			return time.Duration(n.(int)), nil
		}
	}
	if isText {
		return nil, fmt.Errorf("%q is not %s", s, kindName(p.Type.expression().Kind))
	}
	return nil, fmt.Errorf("it needs %s, and this is %s", kindName(p.Type.expression().Kind), describe(value))
}

// parseList reads a list from a command line: [a, b] as YAML and JSON write it, else values between commas, as text.
func parseList(s string) (any, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "[") {
		var list []any
		if len(s) > MaxSource || strings.ContainsAny(s, "&*") {
			return nil, fmt.Errorf("the list cannot hold & or *, nor be longer than 1 MiB")
		}
		if err := yaml.Unmarshal([]byte(s), &list); err != nil {
			return nil, fmt.Errorf("%q is not a list such as [a, b]", s)
		}
		return list, nil
	}
	list := []any{}
	if s == "" {
		return list, nil
	}
	for _, one := range strings.Split(s, ",") {
		list = append(list, strings.TrimSpace(one))
	}
	return list, nil
}
