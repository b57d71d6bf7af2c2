package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// call reads a call of another workflow, and checks it against what that one takes.
func (p *parser) call(step *Step, all fields, f *frame) {
	node := all.get("call")
	name, ok := p.str(node, "call")
	if !ok {
		return
	}
	step.Call = &Call{Workflow: name}
	with := fields{byName: map[string]entry{}}
	if value := all.get("with"); value != nil && !isNull(value) {
		if with, ok = p.object(value, "with"); !ok {
			return
		}
	}
	in := p.in(f, f.names)
	callee := p.callee(node, name)
	if callee == nil {
		p.inputs(with, name, "param", p.text.spanOf(node), nil, nil, true, in) // its expressions are checked all the same
		return
	}
	if p.calls == nil {
		p.calls = map[string]*Workflow{}
	}
	p.calls[name] = callee
	p.keeping("a param of a run", func() {
		step.Call.With = p.inputs(with, "the workflow "+name, "param", p.text.spanOf(node), paramFields(callee.Params), nil, false, in)
	})
}

// callee finds and reads the workflow of a name. Nil means that it cannot be called, which is reported.
func (p *parser) callee(node *yaml.Node, name string) *Workflow {
	at := p.text.spanOf(node)
	if strings.Contains(name, "${{") {
		p.add(at, "unknown-workflow", "\"call\" must name a workflow as it stands, without an expression", "")
		return nil
	}
	if p.library.folder == nil {
		p.add(at, "call-alone", fmt.Sprintf("the workflow %q cannot be looked for: this text is read without its folder", name), "")
		return nil
	}
	found, err := p.library.find(name)
	if err != nil {
		p.add(at, "unknown-workflow", err.Error(), p.library.suggest(name))
		return nil
	}
	if cycle := p.library.cycle(p.document, found); cycle != nil {
		p.add(at, "call-cycle", "this call never ends: "+strings.Join(cycle, " calls "), "")
		return nil
	}
	workflow, problems := p.library.parse(found)
	if workflow == nil {
		p.add(at, codeInvalidWorkflow, fmt.Sprintf("the workflow %q has %s: %s", name, problems.Count(), firstError(problems)), "")
	}
	return workflow
}

const codeInvalidWorkflow = "invalid-workflow"

// firstError says where the first error is and what, unless that is but one more call of something that has errors.
func firstError(problems diagnostic.List) string {
	for _, problem := range problems {
		if problem.Severity != diagnostic.Error {
			continue
		}
		place := fmt.Sprintf("%s:%d:%d", problem.File, problem.Line, problem.Column)
		if problem.Code == codeInvalidWorkflow {
			return "the first is at " + place
		}
		return place + ": " + problem.Message
	}
	return ""
}

// Reach lists a workflow and those that it calls, and they call in turn, each once: first those that are called.
func (w *Workflow) Reach() []*Workflow {
	var list []*Workflow
	seen := map[*Workflow]bool{}
	var visit func(*Workflow)
	visit = func(one *Workflow) {
		if seen[one] {
			return
		}
		seen[one] = true
		for _, name := range slices.Sorted(maps.Keys(one.Calls)) {
			visit(one.Calls[name])
		}
		list = append(list, one)
	}
	visit(w)
	return list
}
