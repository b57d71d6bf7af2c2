package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
)

// named looks for what the inputs of a step name in the workflow. What is only known when the step runs is not looked for.
func (p *parser) named(typ *StepType, with fields, f *frame) {
	var of *Foreach
	for i := range typ.Inputs {
		if node := with.get(typ.Inputs[i].Name); typ.Inputs[i].Names == NamesForeach && isPlain(node) {
			of = p.namedForeach(node, fmt.Sprintf("input %q", typ.Inputs[i].Name), f)
		}
	}
	for i := range typ.Inputs {
		if field := &typ.Inputs[i]; field.Names == NamesColumns && of != nil {
			p.namedColumns(with.get(field.Name), field.Own, of)
		}
	}
}

// isPlain reports whether a node is text without an expression in it.
func isPlain(node *yaml.Node) bool {
	return node != nil && node.Kind == yaml.ScalarNode && node.Tag == "!!str" && !strings.Contains(node.Value, "${{")
}

// namedForeach finds the foreach of an id. Nil means that there is none which has ended here, and that is reported.
func (p *parser) namedForeach(node *yaml.Node, what string, f *frame) *Foreach {
	id := strings.TrimSpace(node.Value)
	places, at := p.declared[id], p.text.spanOf(node)
	i := slices.IndexFunc(places, func(place declaration) bool { return place.foreach })
	switch {
	case len(places) == 0:
		p.add(at, "unknown-name", fmt.Sprintf("no foreach has the id %q", id), diagnostic.Suggest(id, p.foreachIDs()))
	case i < 0:
		p.at(node, "not-allowed", "%s names a foreach, and the step %q of line %d is none", what, id, places[0].line)
	case apart(places[i].branches, f.branches):
		p.at(node, "step-out-of-reach", "the foreach %q of line %d runs at the same time, in another branch: only steps after the parallel see it", id, places[i].line)
	default:
		if _, ended := f.visible[id]; ended {
			return p.loops[id]
		}
		p.at(node, "step-not-yet-run", "the foreach %q of line %d has not ended at this point", id, places[i].line)
	}
	return nil
}

func (p *parser) foreachIDs() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(p.declared)) {
		if slices.ContainsFunc(p.declared[id], func(place declaration) bool { return place.foreach }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// namedColumns has columns of a foreach's list looked for: which there are is known when the list is read.
func (p *parser) namedColumns(list *yaml.Node, own []string, of *Foreach) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, node := range list.Content {
		name := node.Value
		if !isPlain(node) || slices.Contains(own, name) {
			continue
		}
		if !slices.ContainsFunc(of.Columns, func(known Column) bool { return known.Name == name }) {
			of.Columns = append(of.Columns, Column{Name: name, Span: p.text.spanOf(node), Listed: true})
		}
	}
}

// hasKey reports whether an object has a key.
func hasKey(object *yaml.Node, name string) bool {
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return true
		}
	}
	return false
}
