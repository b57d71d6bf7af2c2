package engine_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// cutOff is an audience whose source breaks off after one row. A connection that is cut says io.EOF.
type cutOff struct{ engine.Steps }

func (c cutOff) Step(name string) (engine.Step, bool) {
	if name == "audience.friends" {
		return c, true
	}
	return c.Steps.Step(name)
}

func (c cutOff) Prepare(engine.Input) (engine.Action, error) {
	return engine.Action{Perform: func(context.Context) engine.Outcome {
		return engine.Outcome{State: engine.Succeeded, Outputs: map[string]any{"rows": c}}
	}}, nil
}

func (c cutOff) Open(context.Context) (engine.RowReader, error) { return &cutReader{}, nil }

type cutReader struct{ told bool }

func (r *cutReader) Next() (map[string]any, int, error) {
	if r.told {
		return nil, 0, fmt.Errorf("page 2: reading the answer: %w", io.EOF)
	}
	r.told = true
	return map[string]any{"account": "a", "friend": "f", "name": "n"}, 1, nil
}

func (r *cutReader) Close() error { return nil }

// Nobody may take a list that breaks off for one that ends, and leave out whoever comes after.
func TestAnAudienceThatBreaksOffFailsTheRun(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1})
	h.engine.Steps = cutOff{h.engine.Steps}
	run := h.wait(h.start(toFans("", 100)), over)
	require.Equal(t, engine.StatusFailed, run.Status)
	require.Contains(t, run.Error.Message, "page 2: reading the answer")
	require.Empty(t, h.box.Deliveries())
}
