package workflows

import (
	"fmt"
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
