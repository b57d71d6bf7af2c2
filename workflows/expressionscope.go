package workflows

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// reserved are names that mean something in expressions, here or there.
	reserved = []string{
		"params", "secrets", "run", "event", "steps", "variant", "item", "error", "call", "outputs",
		"success", "failure", "cancelled", "always", "now", "sample", "digest",
	}
	// afterSecrets is what stands before the name of a secret.
	afterSecrets = regexp.MustCompile(`\bsecrets\s*\??\.?\s*(\[\s*)?["']?$`)
	// afterParams is what stands before the name of a param.
	afterParams = regexp.MustCompile(`\bparams\s*\??\.?\s*(\[\s*)?["']?$`)
	// afterSteps is what stands before a step's id in an expression, wholeStep the id with that.
	afterSteps = regexp.MustCompile(`\bsteps\s*\??\.?\s*(\[\s*)?["']?$`)
	wholeStep  = regexp.MustCompile(`^steps\s*(\?\.|\.|\[)[^.]*$`)

	text1    = expression.Type{Kind: expression.String}
	integer1 = expression.Type{Kind: expression.Integer}
	bool1    = expression.Type{Kind: expression.Bool}
	time1    = expression.Type{Kind: expression.Time}
	any1     = expression.Type{Kind: expression.Any}
)

// declaration is where a step's id stands: its scope is the foreach step whose body holds it, or nil.
type declaration struct {
	scope    *yaml.Node
	branches []branch
	line     int
	foreach  bool
}

// branch is one of a parallel step, told by their nodes.
type branch struct{ parallel, key *yaml.Node }

// frame is a scope of step ids with the names its expressions may use.
type frame struct {
	foreach  *yaml.Node // the step whose body this is; nil outside any
	branches []branch   // of parallel steps around, within the scope
	// visible are the steps that have run here: those of an item's body hide outer ones of the same id.
	visible map[string]expression.Type
	added   []string // ids that this frame made visible
	names   expression.Scope
	ids     map[string]int // line of each id of this scope
	looking bool           // among the steps of a wait
}

func (p *parser) newFrame() *frame {
	f := &frame{visible: map[string]expression.Type{}, ids: map[string]int{}}
	f.names = expression.Scope{
		"params":  p.params,
		"run":     runType(),
		"secrets": p.secretsType(),
		"steps":   {Kind: expression.Object, Fields: f.visible},
	}
	if p.event {
		f.names["event"] = eventType()
	}
	return f
}

// see lets later steps see one that has run.
func (f *frame) see(id string, t expression.Type) {
	f.visible[id] = t
	f.added = append(f.added, id)
}

func runType() expression.Type {
	return expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{
		"id": text1, "workflow": text1, "trigger": text1, "scheduled_at": time1, "started_at": time1,
	}}
}

// body is the frame of a foreach's body, whose items are seen under a name.
func (f *frame) body(foreach *yaml.Node, settings *Foreach, item expression.Type) *frame {
	inner := f.inner()
	inner.foreach, inner.ids, inner.branches = foreach, map[string]int{}, nil
	inner.names["item"] = itemType("index", "row", "key")
	if settings.As != "" {
		inner.names[settings.As] = item
	}
	if len(settings.Variants) > 0 {
		inner.names["variant"] = text1
	}
	return inner
}

func (f *frame) inner() *frame {
	inner := &frame{
		foreach: f.foreach, branches: f.branches, visible: maps.Clone(f.visible), names: maps.Clone(f.names), ids: f.ids, looking: f.looking,
	}
	inner.names["steps"] = expression.Type{Kind: expression.Object, Fields: inner.visible}
	return inner
}

// branch is the frame of a parallel step's branch: it has the ids of the scope around it, and does not see other branches.
func (f *frame) branch(parallel, key *yaml.Node) *frame {
	inner := f.inner()
	inner.branches = append(slices.Clip(f.branches), branch{parallel, key})
	return inner
}

// beforeKey is what a foreach's key can be made of: the variant follows from the key.
func (f *frame) beforeKey() expression.Scope {
	scope := f.with("item", itemType("index", "row"))
	delete(scope, "variant")
	return scope
}

// itemType is what expressions see of an item: its place among the items, its row in the list, and its key.
func itemType(names ...string) expression.Type {
	t := expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{}}
	for _, name := range names {
		if t.Fields[name] = integer1; name == "key" {
			t.Fields[name] = text1
		}
	}
	return t
}

// with is the frame's names and one more.
func (f *frame) with(name string, t expression.Type) expression.Scope {
	scope := maps.Clone(f.names)
	scope[name] = t
	return scope
}

// statusFields are what every step that has run can be asked for.
func statusFields() map[string]expression.Type {
	return map[string]expression.Type{
		"status": text1, "succeeded": bool1, "failed": bool1, "skipped": bool1, "unknown": bool1,
		"error": {Kind: expression.Object, Fields: map[string]expression.Type{"code": text1, "message": text1}},
	}
}

// stepType is what expressions see of a step.
func (p *parser) stepType(step *Step) expression.Type {
	if step.Uses != nil && step.Uses.Type != nil {
		return p.library.see(step.Uses.Type)
	}
	fields := statusFields()
	switch {
	case step.Uses != nil: // an unknown step is reported already: nothing more is made of its outputs
		return expression.Type{Kind: expression.Object, Fields: fields, Open: true}
	case step.Foreach != nil:
		for _, name := range []string{"total", "succeeded_count", "failed_count", "unknown_count", "skipped_count", "cancelled_count"} {
			fields[name] = integer1
		}
	case step.Call != nil:
		callee := p.calls[step.Call.Workflow]
		if callee == nil { // reported already
			return expression.Type{Kind: expression.Object, Fields: fields, Open: true}
		}
		seeAssignments(fields, callee.Outputs)
	case step.Approve != nil:
		for _, name := range []string{"text", "decision", "by", "note"} {
			fields[name] = text1
		}
		for _, name := range []string{"asked_at", "until", "at"} {
			fields[name] = any1
		}
	}
	seeAssignments(fields, step.Set)
	return expression.Type{Kind: expression.Object, Fields: fields}
}

func seeAssignments(fields map[string]expression.Type, list []Assignment) {
	for _, assignment := range list {
		fields[assignment.Name] = any1
		if assignment.Value != nil {
			fields[assignment.Name] = assignment.Value.Type()
		}
	}
}

// outline notes every id before the steps are read, so that a name can be told to be too early or out of
// reach. Scope is the foreach step around the list, or nil; branches are those of parallel steps around it within the scope.
func (p *parser) outline(list, scope *yaml.Node, branches []branch) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, node := range list.Content {
		if node.Kind != yaml.MappingNode {
			continue
		}
		inner, around := scope, branches
		for i := 0; i+1 < len(node.Content); i += 2 {
			switch key, value := node.Content[i].Value, node.Content[i+1]; {
			case key == "id" && value.Kind == yaml.ScalarNode:
				p.declared[value.Value] = append(p.declared[value.Value], declaration{scope, branches, value.Line, hasKey(node, "foreach")})
			case key == "foreach":
				inner, around = node, nil
			}
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			switch node.Content[i].Value {
			case "steps", "finally":
				p.outline(node.Content[i+1], inner, around)
			case "parallel":
				p.outlineBranches(node.Content[i+1], inner, around)
			}
		}
	}
}

func (p *parser) outlineBranches(parallel, scope *yaml.Node, branches []branch) {
	if parallel.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(parallel.Content); i += 2 {
		list := parallel.Content[i+1]
		for j := 0; list.Kind == yaml.MappingNode && j+1 < len(list.Content); j += 2 {
			if list.Content[j].Value == "steps" {
				list = list.Content[j+1]
			}
		}
		p.outline(list, scope, append(slices.Clip(branches), branch{parallel, parallel.Content[i]}))
	}
}

// in is what expressions of a frame may use, with what can be said about step ids that are not visible.
func (p *parser) in(f *frame, scope expression.Scope) names {
	return names{scope: scope, explain: func(problem *expression.Error, source string) {
		p.explain(f, problem, source)
	}}
}

// explain tells why a step is not known at this place: it comes later, or runs in another scope, or nowhere.
func (p *parser) explain(f *frame, problem *expression.Error, source string) {
	p.explainPlace(problem, source)
	runes := []rune(source)
	if problem.Code != expression.CodeUnknownField || problem.Start < 0 || problem.End > len(runes) || problem.Start > problem.End {
		return
	}
	before, marked := string(runes[:problem.Start]), string(runes[problem.Start:problem.End])
	if afterSecrets.MatchString(before) {
		problem.Code, problem.Message = "unknown-secret", noSecret(problem.Name)
		return
	}
	if afterParams.MatchString(before) {
		problem.Message = fmt.Sprintf("there is no param %q: declare it under `params`", problem.Name)
		return
	}
	if !afterSteps.MatchString(before) && !wholeStep.MatchString(marked) {
		return
	}
	places := p.declared[problem.Name]
	if len(places) == 0 {
		problem.Code, problem.Message = expression.CodeUnknownName, fmt.Sprintf("no step has the id %q", problem.Name)
		problem.Suggestion = diagnostic.Suggest(problem.Name, slices.Collect(maps.Keys(p.declared)))
		return
	}
	problem.Suggestion = ""
	for _, place := range places {
		if place.scope == f.foreach && apart(place.branches, f.branches) {
			problem.Code = "step-out-of-reach"
			problem.Message = fmt.Sprintf("the step %q of line %d runs at the same time, in another branch: only steps after the parallel see it", problem.Name, place.line)
			return
		}
		if place.scope == f.foreach || place.scope == nil {
			problem.Code = "step-not-yet-run"
			problem.Message = fmt.Sprintf("the step %q of line %d has not run at this point", problem.Name, place.line)
			return
		}
	}
	problem.Code = "step-out-of-reach"
	problem.Message = fmt.Sprintf("the step %q of line %d runs once per item of its foreach: only steps of the same item see it", problem.Name, places[0].line)
}

// apart tells whether two places stand in different branches of one parallel step.
func apart(a, b []branch) bool {
	for _, one := range a {
		for _, other := range b {
			if one.parallel == other.parallel && one.key != other.key {
				return true
			}
		}
	}
	return false
}

// explainPlace tells where a name of the language exists that does not exist at this place.
func (p *parser) explainPlace(problem *expression.Error, _ string) {
	if problem.Code != expression.CodeUnknownName {
		return
	}
	where := map[string]string{
		"secrets": "what stands here is kept in the ledger, where no secret may stand",
		"event":   "`event` is there when one of the workflow's triggers names an event, and in stop_when",
		"variant": "`variant` is there in a foreach with `variants`, once the key is known",
		"item":    "`item` is there in a foreach",
		"error":   "`error` is there in the `if` of a retry: elsewhere it is steps.ID.error",
		"params":  "`params` are made of what stands here, so they are not there yet",
		"steps":   "no step has run at this point",
		"run":     "there is no run at this point",
	}[problem.Name]
	if where != "" {
		problem.Message, problem.Suggestion = where, ""
	}
}

// identifier reads a name that expressions can use.
func (d *decoder) identifier(node *yaml.Node, what string) (string, bool) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		d.wrong(node, what, "a name")
		return "", false
	}
	if !identifier.MatchString(node.Value) {
		d.refused = append(d.refused, node.Value)
		d.add(d.text.spanOf(node), "bad-id", fmt.Sprintf("%s %q is not a name: use letters from a to z, digits and _, and begin with a letter", what, node.Value), asIdentifier(node.Value))
		return "", false
	}
	return node.Value, true
}

var notIdentifier = regexp.MustCompile(`[^A-Za-z0-9_]+`)

// asIdentifier turns dashes and the like into underscores, or gives up.
func asIdentifier(s string) string {
	if s = notIdentifier.ReplaceAllString(s, "_"); identifier.MatchString(s) && strings.Trim(s, "_") != "" {
		return s
	}
	return ""
}

// freeName reads a name of the author's choice that must not hide one of the language.
func (p *parser) freeName(node *yaml.Node, what string) (string, bool) {
	name, ok := p.identifier(node, what)
	if !ok {
		return "", false
	}
	if slices.Contains(reserved, name) {
		p.at(node, "reserved-name", "%q means something in expressions already: choose another name", name)
		return "", false
	}
	if _, err := p.compile(name, expression.Scope{name: any1}, any1); err != nil {
		p.at(node, "reserved-name", "%q is a word of the expression language: choose another name", name)
		return "", false
	}
	return name, true
}

// id reads a step's id, which must be the only one in its scope.
func (p *parser) id(node *yaml.Node, f *frame) string {
	id, ok := p.identifier(node, "id")
	if !ok {
		return ""
	}
	if line, taken := f.ids[id]; taken {
		p.add(p.text.spanOf(node), "duplicate-id", fmt.Sprintf("the id %q is taken by the step on line %d", id, line), "")
		return ""
	}
	f.ids[id] = node.Line
	return id
}
