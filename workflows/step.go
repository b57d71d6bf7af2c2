package workflows

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

var (
	stepKeys = keySet{
		known: []string{"id", "name", "if", "retry", "timeout", "continue_on_error", "finally", "uses", "with", "foreach", "steps", "set"},
		later: []string{"parallel", "call", "wait", "approve"},
	}
	retryKeys   = keySet{known: []string{"attempts", "backoff", "if"}}
	foreachKeys = keySet{
		known: []string{"in", "as", "key", "where", "lane", "concurrency"},
		later: []string{"waves", "tolerate", "variants"},
	}
)

// list reads the steps of one list, in order.
func (p *parser) list(node *yaml.Node, f *frame) []*Step {
	nodes, ok := p.items(node, "steps")
	if !ok {
		return nil
	}
	if len(nodes) == 0 {
		p.at(node, "empty", "there is no step in this list")
		return nil
	}
	steps := make([]*Step, 0, len(nodes))
	for _, one := range nodes {
		if p.steps++; p.steps > maxSteps {
			if p.steps == maxSteps+1 {
				p.at(one, "too-many-steps", "a workflow has at most %d steps: use foreach for many rows, or several files", maxSteps)
			}
			return steps
		}
		if step := p.step(one, f); step != nil {
			steps = append(steps, step)
		}
	}
	return steps
}

func (p *parser) step(node *yaml.Node, f *frame) *Step {
	if isNull(node) {
		p.at(node, "empty", "this step is empty")
		return nil
	}
	all, ok := p.fields(node, "a step", stepKeys)
	if !ok {
		return nil
	}
	step := &Step{Span: p.text.spanOf(node)}
	if id := all.get("id"); id != nil {
		step.ID = p.id(id, f)
	}
	if name := all.get("name"); name != nil {
		step.Name, _ = p.str(name, "name")
	}
	if condition := all.get("if"); condition != nil {
		step.If = p.bare(condition, "if", p.in(f, f.names), bool1)
		step.IfSeesStatus = step.If != nil && seesStatus(step.If)
	}
	if node := all.get("continue_on_error"); node != nil {
		step.ContinueOnError, _ = p.boolean(node, "continue_on_error")
	}
	p.kind(step, all, f)
	p.attempts(step, all, f)
	if id := all.get("id"); id != nil && id.Kind == yaml.ScalarNode && identifier.MatchString(id.Value) {
		f.visible[id.Value] = stepType(step)
	}
	return step
}

func seesStatus(program *expression.Program) bool {
	return slices.ContainsFunc([]string{"success", "failure", "cancelled", "always"}, program.Calls)
}

// kind reads the one key that says what the step does.
func (p *parser) kind(step *Step, all fields, f *frame) {
	var kinds []string
	for _, e := range all.entries {
		if name := e.key.Value; name == "uses" || name == "foreach" || name == "set" || name == "steps" && !hasKey(all.node, "foreach") {
			kinds = append(kinds, name)
		}
	}
	if len(kinds) > 1 {
		p.at(all.byName[kinds[1]].key, "step-kind", "a step does one thing: this one has both %q and %q", kinds[0], kinds[1])
	}
	switch {
	case all.has("uses"):
		step.Uses = p.uses(all, f)
	case all.has("foreach"):
		p.foreach(step, all, f)
	case all.has("steps"):
		step.Steps = p.list(all.get("steps"), f)
		p.lastly(step, all, f)
	case all.has("set"):
		p.set(step, all, f)
	case hasKey(all.node, stepKeys.later...), len(all.entries)*2 < len(all.node.Content): // reported key by key
		return
	default:
		p.add(step.Span, "step-kind", "this step does nothing: it needs one of \"uses\", \"foreach\", \"steps\" or \"set\"", "")
	}
	if with := all.byName["with"]; with.key != nil && !all.has("uses") && !hasKey(all.node, "call") {
		p.at(with.key, "step-kind", "\"with\" belongs to a step with \"uses\"")
	}
	if last := all.byName["finally"]; last.key != nil && !all.has("steps") {
		p.at(last.key, "step-kind", "\"finally\" belongs to a step with \"steps\"")
	}
}

// hasKey looks for keys as the file has them, also those that come later.
func hasKey(node *yaml.Node, names ...string) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if slices.Contains(names, node.Content[i].Value) {
			return true
		}
	}
	return false
}

// lastly reads the finally of a step with steps.
func (p *parser) lastly(step *Step, all fields, f *frame) {
	if node := all.get("finally"); node != nil {
		step.Finally = p.list(node, f)
	}
}

// uses reads a step of the catalogue. An unknown one keeps its name, so that what follows is checked all the same.
func (p *parser) uses(all fields, f *frame) *Uses {
	node := all.get("uses")
	name, ok := p.str(node, "uses")
	if !ok {
		return &Uses{}
	}
	uses := &Uses{Name: name}
	typ, found := p.catalogue.Lookup(name)
	if !found {
		message := fmt.Sprintf("there is no step %q", name)
		if strings.Contains(name, "${{") {
			message = "\"uses\" must name a step as it stands, without an expression"
		}
		p.add(p.text.spanOf(node), "unknown-step", message, diagnostic.Suggest(name, p.catalogue.Names()))
		return uses
	}
	uses.Type = typ
	with := fields{byName: map[string]entry{}}
	if value := all.get("with"); value != nil && !isNull(value) {
		if with, ok = p.object(value, "with"); !ok {
			return uses
		}
	}
	uses.With = p.inputs(with, name, "input", p.text.spanOf(node), typ.Inputs, typ.OneOf, false, p.in(f, f.names))
	return uses
}

// set reads values that later steps see.
func (p *parser) set(step *Step, all fields, f *frame) {
	if !all.has("id") {
		p.at(all.byName["set"].key, "missing-key", "a step with \"set\" needs an \"id\", under which its values are seen")
	}
	values, ok := p.object(all.get("set"), "set")
	if !ok {
		return
	}
	if len(values.entries) == 0 {
		p.at(all.get("set"), "empty", "there is no value in this set")
	}
	taken := statusFields()
	for _, e := range values.entries {
		name, ok := p.identifier(e.key, "the name")
		if _, clash := taken[name]; ok && clash {
			p.at(e.key, "reserved-name", "every step has its own %q: choose another name", name)
			ok = false
		}
		var value *Value
		p.keeping("a value of `set`", func() {
			value = p.value(e.value, fmt.Sprintf("%q", e.key.Value), &Field{}, p.in(f, f.names))
		})
		if ok {
			step.Set = append(step.Set, Assignment{Name: name, Value: value})
		}
	}
}

// attempts reads retry and timeout, which are those of a call.
func (p *parser) attempts(step *Step, all fields, f *frame) {
	for _, key := range []string{"retry", "timeout"} {
		if e := all.byName[key]; e.key != nil && !all.has("uses") {
			p.at(e.key, "not-yet", "%q on a step without \"uses\" is not supported yet: set it on the steps within", key)
		}
	}
	if node := all.get("timeout"); node != nil {
		step.Timeout, _ = p.duration(node, "timeout")
	}
	node := all.get("retry")
	if node == nil {
		return
	}
	retry, ok := p.fields(node, "retry", retryKeys)
	if !ok {
		return
	}
	step.Retry = &Retry{}
	if attempts := retry.get("attempts"); attempts != nil {
		step.Retry.Attempts, _ = p.integer(attempts, "attempts", 1, 100)
	} else {
		p.at(all.byName["retry"].key, "missing-key", "retry needs the key \"attempts\"")
	}
	if backoff := retry.get("backoff"); backoff != nil {
		step.Retry.BackoffMin, step.Retry.BackoffMax = p.durations(backoff, "backoff")
	}
	if condition := retry.get("if"); condition != nil {
		scope := f.with("error", expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{
			"code": text1, "message": text1, "retryable": bool1,
		}})
		step.Retry.If = p.bare(condition, "if", p.in(f, scope), bool1)
	}
}
