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
	stepKeys = keySetOf(
		key{"id", nameShape, "The step's name in expressions: steps.ID."},
		key{"name", textShape, "What people read."},
		key{"if", conditionShape, "An expression: the step runs only where it is true. Without it, where nothing before it in the list has failed."},
		key{"uses", textShape, "A step of the catalogue. `youmiflow steps` lists all of them."},
		key{"with", anythingShape, "The inputs of the step, or the params of the called workflow."},
		key{"retry", refShape("retry"), "With `uses`: how often and how soon a call is tried again. A message of which it is not known whether it was sent is never sent again."},
		key{"timeout", durationShape, "With `uses`: how long one attempt may take."},
		key{"continue_on_error", switchShape, "true: what follows goes on as if this step had not failed."},
		key{"foreach", refShape("foreach"), "Does `steps` once for each row of a list, and `finally` after each."},
		key{"parallel", branchesShape, "Named branches that are worked on at the same time. What comes after sees the steps of all of them."},
		key{"steps", stepsShape, "Steps of the foreach's row, of a group, or before each look of a wait."},
		key{"finally", stepsShape, "With `steps`: what is done after them in any case."},
		key{"call", textShape, "Another workflow of the folder, by its file's name without suffix, which runs with the params in `with`. Its outputs come back as steps.ID.NAME."},
		key{"wait", waitShape, "Lets time pass: a duration such as 2d, a time, or `until` an expression holds."},
		key{"approve", approveShape, "Waits for a person: the question, or an object with `text`, `for` and `default`. Answered with `runs approve` or `runs reject`."},
		key{"set", valuesShape, "Values, which later steps see as steps.ID.NAME."},
	)
	retryKeys = keySetOf(
		key{"attempts", wholeNumberShape(1, 100), "How often at the most, the first included."},
		key{"backoff", durationsShape, "How long to wait between attempts: 1s..30s doubles from the one to the other."},
		key{"if", conditionShape, "An expression that sees error.code, error.message and error.retryable."},
	).needing("attempts")
	foreachKeys = keySetOf(
		key{"in", rowsShape, "The rows: those of an audience step, as in ${{ steps.customers.rows }}, or a list."},
		key{"as", nameShape, "A row's name in expressions."},
		key{"key", expressionShape("number"), "An expression that says who a row is. A second row with the same key is skipped."},
		key{"where", conditionShape, "An expression: rows for which it is false are skipped."},
		key{"lane", expressionShape("number"), "An expression: rows of one lane are worked on in order. Without it, the row's `account`."},
		key{"concurrency", wholeNumberShape(1, maxConcurrency), "How many calls may be on their way at once, over all lanes. Without it, 16."},
		key{"waves", wavesShape, "Parts of the rows that are worked on one after the other, such as [20, 10%, 100%]; the last is repeated until nothing is left."},
		key{"tolerate", shareShape(0), "So many failures, or such a part of the wave, are borne; one more pauses the run."},
		key{"variants", variantsShape, "Names and weights of a comparison, such as { a: 50, b: 50 }. A key always gets the same; expressions see `variant`."},
		key{"stop_when", stopWhenShape, "The event of a customer that leaves out the rest of what was meant for them: its kind, or an object with `event` and `if`."},
	).needing("in", "as")
)

// stepKinds are the keys of which a step has exactly one. Steps is one on its own only.
func stepKinds() []string {
	return []string{"uses", "foreach", "parallel", "call", "wait", "approve", "set", "steps"}
}

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
		f.see(id.Value, p.stepType(step))
	}
	return step
}

func seesStatus(program *expression.Program) bool {
	return slices.ContainsFunc([]string{"success", "failure", "cancelled", "always"}, program.Calls)
}

// kind reads the one key that says what the step does.
func (p *parser) kind(step *Step, all fields, f *frame) {
	kind := p.oneKind(step, all)
	if f.looking && kind != "" {
		p.onlyReads(kind, all)
	}
	switch kind {
	case "uses":
		step.Uses = p.uses(all, f)
	case "foreach":
		p.foreach(step, all, f)
	case "parallel":
		p.parallel(step, all, f)
	case "call":
		p.call(step, all, f)
	case "wait":
		p.wait(step, all, f)
	case "approve":
		p.approve(step, all, f)
	case "set":
		p.set(step, all, f)
	case "steps":
		step.Steps = p.list(all.get("steps"), f)
		p.lastly(step, all, f)
	}
	if kind == "" {
		return // reported
	}
	if with := all.byName["with"]; with.key != nil && !all.has("uses") && !all.has("call") {
		p.at(with.key, "step-kind", "\"with\" belongs to a step with \"uses\" or \"call\"")
	}
	if last := all.byName["finally"]; last.key != nil && (!all.has("steps") || all.has("wait")) {
		p.at(last.key, "step-kind", "\"finally\" belongs to a step with \"steps\"")
	}
}

// oneKind finds what a step does; "" when the file does not say, or says something that there is not.
func (p *parser) oneKind(step *Step, all fields) string {
	var kinds []string
	for _, e := range all.entries {
		name := e.key.Value
		if slices.Contains(stepKinds(), name) && (name != "steps" || !all.has("foreach") && !all.has("wait")) {
			kinds = append(kinds, name)
		}
	}
	switch {
	case len(kinds) > 1:
		p.at(all.byName[kinds[1]].key, "step-kind", "a step does one thing: this one has both %q and %q", kinds[0], kinds[1])
	case len(kinds) == 0 && len(all.entries)*2 == len(all.node.Content): // else the key that there is not is reported
		p.add(step.Span, "step-kind", fmt.Sprintf("this step does nothing: it needs one of %s", quoted(stepKinds())), "")
	}
	for _, kind := range stepKinds() { // in this order, whatever stands first
		if slices.Contains(kinds, kind) {
			return kind
		}
	}
	return ""
}

// quoted lists words for a message: "a", "b" or "c".
func quoted(words []string) string {
	groups := make([][]string, len(words))
	for i, word := range words {
		groups[i] = []string{word}
	}
	return groupNames(groups)
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
		message, suggestion := fmt.Sprintf("there is no step %q", name), diagnostic.Suggest(name, p.catalogue.Names())
		if suggestion == "" {
			message += ": `youmiflow steps` lists them"
		}
		if strings.Contains(name, "${{") {
			message = "\"uses\" must name a step as it stands, without an expression"
		}
		p.add(p.text.spanOf(node), "unknown-step", message, suggestion)
		return uses
	}
	uses.Type = typ
	if f.looking && typ.Effect != EffectRead && typ.Effect != EffectLocal {
		p.at(node, "wait-steps", "the steps of a wait run before each look, so they may only read: %s does more", name)
	}
	with := fields{byName: map[string]entry{}}
	if value := all.get("with"); value != nil && !isNull(value) {
		if with, ok = p.object(value, "with"); !ok {
			return uses
		}
	}
	p.sending(typ, func() {
		uses.With = p.inputs(with, name, "input", p.text.spanOf(node), typ.Inputs, typ.OneOf, false, p.in(f, f.names))
	})
	p.named(typ, with, f)
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
	p.keeping("a value of `set`", func() { step.Set = p.assignments(values, f) })
}

// assignments reads values under names that a step's own do not take.
func (p *parser) assignments(values fields, f *frame) []Assignment {
	var list []Assignment
	taken := statusFields()
	for _, e := range values.entries {
		name, ok := p.identifier(e.key, "the name")
		if _, clash := taken[name]; ok && clash {
			p.at(e.key, "reserved-name", "every step has its own %q: choose another name", name)
			ok = false
		}
		value := p.value(e.value, fmt.Sprintf("%q", e.key.Value), &Field{}, p.in(f, f.names))
		if ok {
			list = append(list, Assignment{Name: name, Value: value})
		}
	}
	return list
}

// attempts reads retry and timeout, which are those of a call.
func (p *parser) attempts(step *Step, all fields, f *frame) {
	for _, key := range []string{"retry", "timeout"} {
		if e := all.byName[key]; e.key != nil && !all.has("uses") {
			p.at(e.key, "step-kind", "%q belongs to a step with \"uses\": set it on the steps within", key)
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
