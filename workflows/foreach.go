package workflows

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// maxConcurrency bounds the items in flight of one foreach.
const maxConcurrency = 10_000

// foreach reads a step whose body runs once per item.
func (p *parser) foreach(step *Step, all fields, f *frame) {
	e := all.byName["foreach"]
	if f.foreach != nil {
		p.add(p.text.spanOf(e.key), "nested-foreach", "a foreach cannot stand in a foreach: put the inner one into a workflow of its own, and `call` that", "")
	}
	step.Foreach = &Foreach{}
	p.loops[step.ID] = step.Foreach
	settings, ok := p.fields(e.value, "foreach", foreachKeys)
	if !ok {
		settings = fields{}
	}
	item := p.source(step.Foreach, settings, e, ok, f)
	if node := settings.get("as"); node != nil {
		step.Foreach.As, _ = p.freeName(node, "as")
	} else if ok {
		p.at(e.key, "missing-key", "foreach needs the key \"as\", the name of an item in expressions")
	}
	if node := settings.get("variants"); node != nil {
		step.Foreach.Variants = p.variants(node)
	}
	body := f.body(all.node, step.Foreach, item)
	p.compiled = func(program *expression.Program, place func(start, end int) diagnostic.Span) {
		step.Foreach.note(program, place)
		p.suspectVariants(step.Foreach, program, place)
	}
	defer func() { p.compiled = nil }()
	p.selection(step.Foreach, settings, body, f)
	if !all.has("steps") {
		p.at(e.key, "missing-key", "a step with \"foreach\" needs \"steps\"")
		return
	}
	step.Steps = p.list(all.get("steps"), body)
	p.lastly(step, all, body)
	namePaths(step.Steps, step.Finally)
}

// note keeps the columns that an expression of the foreach reads.
func (f *Foreach) note(program *expression.Program, place func(start, end int) diagnostic.Span) {
	if strings.Contains(program.Source(), "?") {
		return // it may do without: ??, ?. or a choice
	}
	for _, member := range program.Members(f.As) {
		known := slices.ContainsFunc(f.Columns, func(column Column) bool { return column.Name == member.Name })
		if member.Name != "" && !known {
			f.Columns = append(f.Columns, Column{Name: member.Name, Span: place(member.Start, member.End)})
		}
	}
}

// source reads `in` and says what an item is.
func (p *parser) source(into *Foreach, settings fields, e entry, complete bool, f *frame) expression.Type {
	unknown := expression.Type{Kind: expression.Object, Open: true}
	node := settings.get("in")
	if node == nil {
		if complete {
			p.at(e.key, "missing-key", "foreach needs the key \"in\", the rows or the list to go over")
		}
		return unknown
	}
	into.In = p.value(node, "in", &Field{}, p.in(f, f.names))
	if into.In == nil {
		return unknown
	}
	switch t := into.In.Type(); {
	case t.Kind == expression.Opaque && t.Name == "rows":
		if t.Element != nil {
			return *t.Element
		}
		return unknown
	case t.Kind == expression.List:
		if t.Element != nil {
			return *t.Element
		}
		return any1
	case t.Kind == expression.Any && !isLiteral(into.In):
		return any1
	default:
		p.at(node, "type-mismatch", "in needs rows or a list, and this is %s", typeName(t))
		return unknown
	}
}

func isLiteral(v *Value) bool {
	_, literal := v.Literal()
	return literal
}

// selection reads which rows become items, and how they are worked on.
func (p *parser) selection(into *Foreach, settings fields, body, outer *frame) {
	row := p.in(outer, body.names)
	if node := settings.get("key"); node != nil {
		p.keeping("`key`", func() { into.Key = p.scalarExpression(node, "key", p.in(outer, body.beforeKey())) })
	}
	if node := settings.get("where"); node != nil {
		into.Where = p.bare(node, "where", row, bool1)
	}
	if node := settings.get("lane"); node != nil {
		p.keeping("`lane`", func() { into.Lane = p.scalarExpression(node, "lane", row) })
	}
	if node := settings.get("concurrency"); node != nil {
		into.Concurrency, _ = p.integer(node, "concurrency", 1, maxConcurrency)
	}
	if node := settings.get("waves"); node != nil {
		into.Waves = p.waves(node)
	}
	if node := settings.get("tolerate"); node != nil {
		into.Tolerate = p.tolerate(node, into.Waves)
	}
	if node := settings.get("stop_when"); node != nil {
		into.StopWhen = p.stopWhen(node, body)
	}
}

// scalarExpression compiles an expression whose value is used as text.
func (p *parser) scalarExpression(node *yaml.Node, what string, in names) *expression.Program {
	program := p.bare(node, what, in, any1)
	if program == nil {
		return nil
	}
	switch program.Type().Kind {
	case expression.Any, expression.String, expression.Integer, expression.Number:
		return program
	}
	p.at(node, "type-mismatch", "%s needs text or a number, and this is %s", what, typeName(program.Type()))
	return nil
}

// namePaths gives every step of one scope its path: the id, else what it does, with a number when that repeats. Groups
// belong to the scope they stand in; the bodies of foreach steps name their own.
func namePaths(lists ...[]*Step) {
	taken := map[string]bool{}
	walk(lists, func(step *Step) {
		if step.ID != "" {
			step.Path = step.ID
			taken[step.ID] = true
		}
	})
	count := map[string]int{}
	walk(lists, func(step *Step) {
		if step.ID != "" {
			return
		}
		word := kindWord(step)
		for step.Path = ""; step.Path == "" || taken[step.Path]; {
			count[word]++
			step.Path = word
			if count[word] > 1 {
				step.Path = fmt.Sprintf("%s-%d", word, count[word])
			}
		}
		taken[step.Path] = true
	})
}

// walk visits the steps of one scope in the order of the file.
func walk(lists [][]*Step, visit func(*Step)) {
	for _, list := range lists {
		for _, step := range list {
			visit(step)
			if step.Foreach == nil {
				walk(step.lists(), visit)
			}
		}
	}
}

// lists are the steps right below a step.
func (s *Step) lists() [][]*Step {
	lists := [][]*Step{s.Steps, s.Finally}
	for _, branch := range s.Parallel {
		lists = append(lists, branch.Steps)
	}
	return lists
}

// Each visits every step of the workflow in the order of the file, those of groups, branches and foreach bodies too, and
// not those of the workflows that it calls.
func (w *Workflow) Each(visit func(*Step)) {
	var each func([][]*Step)
	each = func(lists [][]*Step) {
		for _, list := range lists {
			for _, step := range list {
				visit(step)
				each(step.lists())
			}
		}
	}
	each([][]*Step{w.Steps, w.Finally})
}

func kindWord(step *Step) string {
	switch {
	case step.Uses != nil:
		return step.Uses.Name
	case step.Foreach != nil:
		return "foreach"
	case step.Parallel != nil:
		return "parallel"
	case step.Call != nil:
		return "call"
	case step.Wait != nil:
		return "wait"
	case step.Approve != nil:
		return "approve"
	case step.Set != nil:
		return "set"
	}
	return "group"
}
