package steps

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/internal/notify"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

// maxTo is how many channels one notify.send may name.
const maxTo = 20

// notifySend is described as local, since no customer is reached: no send window holds it. It is a call all the same, so
// that the ledger remembers that people were told.
func notifySend(config Config) *entry {
	channel := workflows.Field{Name: "to", Type: expression.Type{}, Required: true, Names: workflows.NamesChannels,
		Description: "a channel, or a list of them, by their names under notify.channels in youmiflow.yaml"}
	return &entry{
		StepType: workflows.StepType{
			Name:    "notify.send",
			Effect:  workflows.EffectLocal,
			Summary: "Tells people of the team, through channels of the project. A channel that cannot be reached fails nothing.",
			Inputs: []workflows.Field{
				channel,
				{Name: "text", Type: textType(), Required: true, Description: "what to tell"},
				{Name: "title", Type: textType(), Description: "a first line, and the subject of a mail"},
			},
			Outputs: []workflows.Field{
				{Name: "delivered", Type: boolType(), Description: "whether every channel has it"},
				{Name: "problem", Type: textType(), Description: "why one has not; empty when all have"},
			},
			Example: `uses: notify.send
with:
  to: team
  text: the list is checked
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			return prepareNotify(config, inputs{values: input.With})
		},
	}
}

func prepareNotify(config Config, in inputs) (engine.Action, error) {
	if one, ok := in.values["to"].(string); ok {
		in.values = maps.Clone(in.values)
		in.values["to"] = []any{one}
	}
	to, err := in.texts("to", maxTo)
	if err != nil {
		return engine.Action{}, err
	}
	there := config.ChannelsNow()
	for _, name := range to {
		if there != nil && !slices.Contains(there, name) {
			return engine.Action{}, fmt.Errorf("there is no channel %q under notify.channels in youmiflow.yaml", name)
		}
	}
	text, err := in.required("text", maxText)
	if err != nil {
		return engine.Action{}, err
	}
	title, err := in.text("title", maxText)
	if err != nil {
		return engine.Action{}, err
	}
	body, err := youmi.Encode(map[string]any{"to": to, "title": title, "text": text})
	if err != nil {
		return engine.Action{}, err
	}
	return engine.Action{
		Request: &engine.Request{Operation: "notify.send", Effect: workflows.EffectIdempotent, Body: body, Team: true},
		Assumed: map[string]any{"delivered": true, "problem": ""},
		Perform: func(ctx context.Context) engine.Outcome {
			return tell(ctx, config, to, notify.Message{Title: title, Text: text})
		},
	}, nil
}

// tell tells every channel, and succeeds whatever comes of it: no run fails over a notification. In a rehearsal nobody is
// told.
func tell(ctx context.Context, config Config, to []string, message notify.Message) engine.Outcome {
	var problems []string
	for _, name := range to {
		if config.Rehearsal {
			continue
		}
		if err := config.Notify(ctx, name, message); err != nil {
			problems = append(problems, err.Error())
			config.Logger.WarnContext(ctx, "a notification was not delivered", "channel", name, "error", err)
		}
	}
	return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{
		"delivered": len(problems) == 0, "problem": strings.Join(problems, "; "),
	}}
}
