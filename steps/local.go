package steps

import (
	"context"
	"log/slog"

	"youmiflow/engine"
	"youmiflow/workflows"
)

func assert() *entry {
	return &entry{
		StepType: workflows.StepType{
			Name:    "assert",
			Effect:  workflows.EffectLocal,
			Summary: "Fails when something does not hold.",
			Inputs: []workflows.Field{
				{Name: "that", Type: boolType(), Required: true, Description: "what must hold"},
				{Name: "message", Type: textType(), Description: "what to say when it does not"},
			},
			Example: `uses: assert
with:
  that: ${{ 1 + 1 == 2 }}
  message: arithmetic has changed
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			in := inputs{values: input.With}
			message, err := in.text("message", maxText)
			if err != nil {
				return engine.Action{}, err
			}
			if message == "" {
				message = "what `that` says does not hold"
			}
			held := in.values["that"] == true
			return engine.Action{Perform: func(context.Context) engine.Outcome {
				if !held {
					return engine.Outcome{State: engine.Failed, Code: "assert", Message: message}
				}
				return engine.Outcome{State: engine.Succeeded}
			}}, nil
		},
	}
}

func log(config Config) *entry {
	return &entry{
		StepType: workflows.StepType{
			Name:    "log",
			Effect:  workflows.EffectLocal,
			Summary: "Writes a line to the log.",
			Inputs: []workflows.Field{
				{Name: "message", Type: textType(), Required: true, Description: "what to write"},
				{Name: "level", Type: textType(), Enum: []any{"debug", "info", "warning", "error"}, Description: "how serious it is; default info"},
			},
			Example: `uses: log
with:
  message: the audience is ready
  level: info
`,
		},
		prepare: func(input engine.Input) (engine.Action, error) {
			in := inputs{values: input.With}
			message, err := in.text("message", maxText)
			if err != nil {
				return engine.Action{}, err
			}
			level := level(in.values["level"])
			// A plan goes on with no outputs, and so without writing the line.
			return engine.Action{Once: true, Assumed: map[string]any{}, Perform: func(ctx context.Context) engine.Outcome {
				of := []any{"run", input.Run, "step", input.Step}
				if input.Item != "" {
					of = append(of, "item", input.Item)
				}
				config.Logger.Log(ctx, level, message, of...)
				return engine.Outcome{State: engine.Succeeded}
			}}, nil
		},
	}
}

func level(name any) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
