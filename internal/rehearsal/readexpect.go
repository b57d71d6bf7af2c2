package rehearsal

import (
	"gopkg.in/yaml.v3"

	"youmiflow/engine"
)

func (r reader) expect(node *yaml.Node, test *Test) {
	e := &test.Expect
	e.Span = r.Span(node)
	keys, ok := r.Object(node, "expect", names(expectKeys())...)
	if ok && len(keys) == 0 {
		r.Fail(node, "missing-key", "expect is empty: say what the run should come to", "")
	}
	r.given(keys["status"], func(n *yaml.Node) {
		e.Status = &Text{r.oneOf(n, "status", runStatuses()...), r.Span(n)}
	})
	r.given(keys["error"], func(n *yaml.Node) { e.Error = r.matches(n, "error", names(errorKeys())...) })
	r.given(keys["counts"], func(n *yaml.Node) { r.counts(n, e) })
	r.given(keys["items"], func(n *yaml.Node) { r.items(n, e) })
	for _, key := range []string{"calls", "calls_contain", "messages"} {
		r.given(keys[key], func(n *yaml.Node) { e.Calls = append(e.Calls, r.calls(n, key, test)) })
	}
	r.given(keys["fires"], func(n *yaml.Node) { e.Fires = r.fires(n, test) })
	r.given(keys["outputs"], func(n *yaml.Node) { r.outputs(n, e) })
	r.given(keys["takeovers"], func(n *yaml.Node) { e.Takeovers = r.oneOf(n, "takeovers", "none", "any") == "any" })
}

func runStatuses() []string {
	return words(engine.StatusSucceeded, engine.StatusPartial, engine.StatusFailed, engine.StatusCancelled, engine.StatusPaused)
}

func itemStatuses() []string {
	return words(engine.StatusPending, engine.StatusHeld, engine.StatusSucceeded, engine.StatusFailed, engine.StatusUnknown,
		engine.StatusSkipped, engine.StatusCancelled)
}

func words(statuses ...engine.Status) []string {
	list := make([]string, len(statuses))
	for i, status := range statuses {
		list[i] = string(status)
	}
	return list
}

// matches reads an object of texts; a bare one is that of the first key.
func (r reader) matches(node *yaml.Node, what string, known ...string) []Field {
	if node.Kind == yaml.ScalarNode {
		return []Field{{known[0], r.text(node, what)}}
	}
	all, _ := r.Fields(node, what, known...)
	var fields []Field
	for _, field := range all {
		fields = append(fields, Field{field.Key.Value, r.text(field.Value, field.Key.Value)})
	}
	return fields
}

func (r reader) counts(node *yaml.Node, e *Expect) {
	all, _ := r.Fields(node, "counts", names(countKeys())...)
	for _, field := range all {
		e.Counts = append(e.Counts, Count{field.Key.Value, r.number(field.Value, field.Key.Value), r.Span(field.Value)})
	}
}

func (r reader) items(node *yaml.Node, e *Expect) {
	all, _ := r.Fields(node, "items")
	for _, field := range all {
		one := Item{Key: Text{field.Key.Value, r.Span(field.Key)}}
		one.Fields = r.matches(field.Value, "an item", names(itemKeys())...)
		r.itemStatus(field.Value)
		e.Items = append(e.Items, one)
	}
}

// itemStatus checks the status of an item, wherever it is written.
func (r reader) itemStatus(node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Kind == yaml.MappingNode && node.Content[i].Value == "status" {
			r.itemStatus(node.Content[i+1])
		}
	}
	if node.Kind == yaml.ScalarNode {
		r.oneOf(node, "status", itemStatuses()...)
	}
}

func (r reader) outputs(node *yaml.Node, e *Expect) {
	all, _ := r.Fields(node, "outputs")
	for _, field := range all {
		value, _ := r.Plain(field.Value, field.Key.Value)
		e.Outputs = append(e.Outputs, Output{Text{field.Key.Value, r.Span(field.Key)}, value})
	}
}

func (r reader) calls(node *yaml.Node, key string, test *Test) *Calls {
	calls := &Calls{Key: key, Span: r.Span(node)}
	list, _ := r.Items(node, key)
	for _, item := range list {
		calls.List = append(calls.List, r.call(item, test))
	}
	return calls
}

func (r reader) call(node *yaml.Node, test *Test) Call {
	call := Call{Span: r.Span(node)}
	all, _ := r.Fields(node, "a call", names(callKeys())...)
	for _, field := range all {
		switch field.Key.Value {
		case "body":
			value, ok := r.Plain(field.Value, "body")
			if call.Body, _ = value.(map[string]any); ok && call.Body == nil {
				r.Fail(field.Value, "wrong-type", "body needs a part of the request, an object (name: value)", "")
			}
		case "at":
			text := r.text(field.Value, "at")
			at, err := parseWhen(text.Value, test.Clock)
			if err != nil {
				r.Fail(field.Value, "bad-time", "at: "+err.Error(), "")
			}
			call.At = at
		default:
			call.Fields = append(call.Fields, Field{field.Key.Value, r.text(field.Value, field.Key.Value)})
		}
	}
	return call
}
