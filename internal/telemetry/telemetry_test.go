package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"youmiflow/engine"
	"youmiflow/internal/telemetry"
)

// one is a catalogue of a single step, which is also that step.
type one struct{ outcome engine.Outcome }

func (o one) Step(name string) (engine.Step, bool) { return o, name == "send" }

func (o one) Prepare(engine.Input) (engine.Action, error) {
	return engine.Action{
		Request: &engine.Request{Operation: "doSend", Effect: "message", Account: "secret account", Friend: "secret friend"},
		Perform: func(context.Context) engine.Outcome { return o.outcome },
	}, nil
}

func TestCallsAreBelowTheSliceOfTheirRun(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	traces := telemetry.New(sdk.WithSyncer(exporter))
	steps := traces.Steps(one{engine.Outcome{State: engine.Failed, Code: "40001", Message: "secret message"}})
	_, ok := steps.Step("other")
	require.False(t, ok)
	slice := func(run string) error {
		_, err := traces.Work(t.Context(), engine.LaneKey{Run: run, Step: "each", Lane: "secret lane"}, func(ctx context.Context) (*time.Time, error) {
			step, ok := steps.Step("send")
			require.True(t, ok)
			action, err := step.Prepare(engine.Input{Run: run, Step: "send"})
			require.NoError(t, err)
			require.Equal(t, engine.Failed, action.Perform(context.WithoutCancel(ctx)).State)
			return nil, errors.New("secret error")
		})
		return err
	}
	for _, run := range []string{"r1", "r1", "r2"} {
		require.ErrorContains(t, slice(run), "secret error")
	}
	spans := exporter.GetSpans()
	require.Len(t, spans, 6)
	for i := 0; i < 6; i += 2 {
		call, lane := spans[i], spans[i+1]
		require.Equal(t, "call doSend", call.Name)
		require.Equal(t, "slice", lane.Name)
		require.Equal(t, trace.SpanKindClient, call.SpanKind)
		require.Equal(t, codes.Error, call.Status.Code)
		require.Equal(t, lane.SpanContext.SpanID(), call.Parent.SpanID())
		require.Equal(t, lane.SpanContext.TraceID(), call.SpanContext.TraceID())
		require.Contains(t, fmt.Sprint(call.Attributes), "40001")
		require.NotContains(t, fmt.Sprintf("%+v %+v", call, lane), "secret", "no customers, no texts")
	}
	require.Equal(t, spans[1].SpanContext.TraceID(), spans[3].SpanContext.TraceID(), "a run is one trace")
	require.NotEqual(t, spans[1].SpanContext.TraceID(), spans[5].SpanContext.TraceID())
}

func TestNobodyWatches(t *testing.T) {
	var none *telemetry.Traces
	steps := one{}
	require.Equal(t, steps, none.Steps(steps))
	called := false
	_, err := none.Work(t.Context(), engine.LaneKey{}, func(context.Context) (*time.Time, error) { called = true; return nil, nil })
	require.NoError(t, err)
	require.True(t, called)
	none.Close(t.Context(), nil)
}

func TestWanted(t *testing.T) {
	for name, want := range map[string]bool{"OTEL_EXPORTER_OTLP_ENDPOINT": true, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": true, "OTEL_SERVICE_NAME": false} {
		require.Equal(t, want, telemetry.Wanted(func(asked string) (string, bool) { return "http://localhost:4318", asked == name }), name)
		require.False(t, telemetry.Wanted(func(asked string) (string, bool) { return "", asked == name }), name)
	}
}
