package workflows

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// EventKinds are the kinds of pushed events that a workflow can name, as the receiving end calls them.
func EventKinds() []string {
	return []string{
		"chat", "customer.changed", "device.fault", "fan.changed", "fan.owner_changed", "friends", "group", "labels",
		"message.received", "message.sent", "moment.reaction", "moment.reply", "task.result", "unknown",
	}
}

// eventNames are the platform's own names of events, for people who know those.
func eventNames() map[string]string {
	return map[string]string{
		"fansInfoChange": "fan.changed", "fansAttributionChange": "fan.owner_changed", "rpaTaskResult": "task.result",
	}
}

// eventType is what expressions see of an event. What was pushed is in values, whose fields no page lists.
func eventType() expression.Type {
	return expression.Type{Kind: expression.Object, Fields: map[string]expression.Type{
		"id": text1, "kind": text1, "source": text1, "type": text1, "at": time1, "received_at": time1, "merchant": text1,
		"account": text1, "friend": text1, "from": text1, "content": text1, "task": text1, "values": any1,
	}}
}

// eventKind reads the kind of an event.
func (p *parser) eventKind(node *yaml.Node) string {
	kind, ok := p.str(node, "event")
	if !ok {
		return ""
	}
	kinds := EventKinds()
	for _, known := range kinds {
		if kind == known {
			return kind
		}
	}
	suggestion := eventNames()[kind]
	if suggestion == "" {
		suggestion = diagnostic.Suggest(kind, kinds)
	}
	message := fmt.Sprintf("there is no event %q: docs/events.md lists them", kind)
	if suggestion == "" {
		message = fmt.Sprintf("there is no event %q: there are %s (docs/events.md)", kind, strings.Join(kinds, ", "))
	}
	p.add(p.text.spanOf(node), "unknown-event", message, suggestion)
	return ""
}

const noEvents = "no events arrive in this project, so that this has no effect: set server.events in youmiflow.yaml and run it with `youmiflow serve` (docs/events.md)"

// EventWarnings says which parts of a workflow wait for events that never come, since the project has no address for them: its
// triggers, and each stop_when.
func (p *Project) EventWarnings(w *Workflow) diagnostic.List {
	if p.ReceivesEvents() {
		return nil
	}
	found := &problems{file: w.File}
	for _, trigger := range w.Triggers {
		if trigger.Event != "" {
			found.warn(trigger.Span, "no-events", noEvents)
		}
	}
	for _, stop := range w.stops() {
		found.warn(stop.Span, "no-events", noEvents)
	}
	return found.sorted()
}

// StopWarnings is EventWarnings for a run of a workflow: the first stop_when in it, or in one that it calls. What starts runs does
// not matter to one.
func (p *Project) StopWarnings(w *Workflow) diagnostic.List {
	if p.ReceivesEvents() {
		return nil
	}
	for _, one := range slices.Backward(w.Reach()) {
		if stops := one.stops(); len(stops) > 0 {
			found := &problems{file: one.File}
			found.warn(stops[0].Span, "no-events", noEvents)
			return found.sorted()
		}
	}
	return nil
}

// Stops reports whether a workflow, or one that it calls, leaves out the rest for customers of whom an event tells.
func (w *Workflow) Stops() bool {
	return slices.ContainsFunc(w.Reach(), func(one *Workflow) bool { return len(one.stops()) > 0 })
}

// stops lists the stop_when of a workflow, in the order of the file.
func (w *Workflow) stops() []*StopWhen {
	var list []*StopWhen
	w.Each(func(step *Step) {
		if step.Foreach != nil && step.Foreach.StopWhen != nil {
			list = append(list, step.Foreach.StopWhen)
		}
	})
	return list
}
