// Package telemetry writes OpenTelemetry traces of what the daemon does: a span for each slice of a lane, and below it one
// for each call. It wraps the steps and the work like internal/metrics, and the engine knows nothing of it. Spans hold runs,
// steps, operations and outcomes, and never customers, texts or addresses. It imports engine.
package telemetry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"youmiflow/engine"
)

// flushWithin bounds how long closing waits for spans to reach their collector.
const flushWithin = 3 * time.Second

// Traces writes spans. Nil writes none, and everything may be asked of it. Safe for concurrent use.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Wanted reports whether the environment names a collector, as OpenTelemetry has it.
func Wanted(lookup func(string) (string, bool)) bool {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if value, ok := lookup(name); ok && value != "" {
			return true
		}
	}
	return false
}

// Open writes spans to the collector that the OTEL_… variables of the process name, by OTLP over HTTP. Spans that it does
// not take are dropped, and nobody waits for it.
func Open(ctx context.Context, version string) (*Traces, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES stand above what the program says of itself.
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "youmiflow"), attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("traces: OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	return New(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

// New writes spans to what the options say.
func New(options ...sdk.TracerProviderOption) *Traces {
	provider := sdk.NewTracerProvider(options...)
	return &Traces{provider: provider, tracer: provider.Tracer("youmiflow")}
}

// Close sends what is left, within 3 s. What is lost then is logged: no run is worse for it.
func (t *Traces) Close(ctx context.Context, logger *slog.Logger) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		logger.Warn("the last spans have not reached their collector", "error", err)
	}
}

// Work writes a span for each slice of a lane. All slices of a run are in one trace, whatever process works on them.
func (t *Traces) Work(ctx context.Context, lane engine.LaneKey, work func(context.Context) (*time.Time, error)) (*time.Time, error) {
	if t == nil {
		return work(ctx)
	}
	name := "run"
	if lane.Step != "" {
		name = "slice"
	}
	ctx, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, ofRun(lane.Run)), name,
		trace.WithAttributes(attribute.String("youmiflow.run", lane.Run), attribute.String("youmiflow.step", lane.Step)))
	defer span.End()
	again, err := work(ctx)
	if err != nil {
		span.SetStatus(codes.Error, "the slice failed") // its text may hold anything
	}
	return again, err
}

// ofRun is the parent of all slices of a run: it follows from the run's id.
func ofRun(run string) trace.SpanContext {
	sum := sha256.Sum256([]byte(run))
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled, Remote: true,
	})
}

// Steps writes a span for each call of steps.
func (t *Traces) Steps(steps engine.Steps) engine.Steps {
	if t == nil {
		return steps
	}
	return tracedSteps{steps, t}
}

type tracedSteps struct {
	engine.Steps
	traces *Traces
}

func (s tracedSteps) Step(name string) (engine.Step, bool) {
	step, ok := s.Steps.Step(name)
	if !ok {
		return nil, false
	}
	return tracedStep{step, s.traces}, true
}

type tracedStep struct {
	engine.Step
	traces *Traces
}

// Prepare prepares the step, and has a span written for its call where it makes one.
func (s tracedStep) Prepare(input engine.Input) (engine.Action, error) {
	action, err := s.Step.Prepare(input)
	if err != nil || action.Request == nil || action.Perform == nil {
		return action, err
	}
	operation, perform := action.Request.Operation, action.Perform
	action.Perform = func(ctx context.Context) engine.Outcome {
		ctx, span := s.traces.tracer.Start(ctx, "call "+operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("youmiflow.run", input.Run), attribute.String("youmiflow.step", input.Step),
			attribute.String("youmiflow.operation", operation), attribute.String("youmiflow.effect", string(action.Request.Effect))))
		defer span.End()
		outcome := perform(ctx)
		span.SetAttributes(attribute.String("youmiflow.outcome", string(outcome.State)), attribute.String("youmiflow.code", outcome.Code),
			attribute.String("youmiflow.request_id", outcome.RequestID))
		if outcome.State != engine.Succeeded {
			span.SetStatus(codes.Error, string(outcome.State))
		}
		return outcome
	}
	return action, nil
}
