package workflows

import (
	"fmt"
	"slices"

	"youmiflow/internal/diagnostic"
)

// ChannelProblems lists the texts in a workflow that name a channel which the project has not. What an expression gives is
// known when the step runs, and without a youmiflow.yaml nobody can say which channels there are.
//
// It is no part of reading a workflow: the channels of a daemon can change while a workflow, or a run of it, is in force.
func (p *Project) ChannelProblems(w *Workflow) diagnostic.List {
	if p.File == "" {
		return nil
	}
	found := &problems{file: w.File}
	w.Each(func(step *Step) {
		if step.Uses == nil || step.Uses.Type == nil || step.Uses.With == nil {
			return
		}
		for i, name := range step.Uses.With.names {
			if field := fieldNamed(step.Uses.Type.Inputs, name); field != nil && field.Names == NamesChannels {
				p.findChannels(found, step.Uses.With.items[i])
			}
		}
	})
	return found.sorted()
}

// CheckChannels finds out whether every channel that a workflow names, or one that it calls, is one of the project's. The error
// is a diagnostic.List.
func (p *Project) CheckChannels(w *Workflow) error {
	var list diagnostic.List
	for _, one := range w.Reach() {
		list = append(list, p.ChannelProblems(one)...)
	}
	return list.Err()
}

// findChannels looks for the channels of a text, or of a list of them.
func (p *Project) findChannels(found *problems, value *Value) {
	for _, item := range value.items {
		p.findChannels(found, item)
	}
	literal, _ := value.Literal()
	if name, ok := literal.(string); ok {
		p.findChannel(found, value.span, name)
	}
}

// findChannel reports a name that no channel has.
func (p *Project) findChannel(found *problems, at diagnostic.Span, name string) {
	there := p.Channels()
	if slices.Contains(there, name) {
		return
	}
	message := fmt.Sprintf("there is no channel %q under notify.channels", name)
	if len(there) == 0 {
		message = fmt.Sprintf("there is no channel %q: youmiflow.yaml has none; add it under notify.channels (docs/notifications.md)", name)
	}
	found.add(at, "not-allowed", message, diagnostic.Suggest(name, there))
}
