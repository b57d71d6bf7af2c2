// Package metrics counts what the daemon does, for Prometheus. It holds the names and units of all metrics, and wraps the
// steps and the limiter so that they are counted: the engine knows nothing of it. Labels never hold customers or texts. It
// imports engine.
package metrics

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// Metrics are all that there is to count. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	calls     *prometheus.CounterVec
	took      *prometheus.HistogramVec
	waits     *prometheus.HistogramVec
	refused   *prometheus.CounterVec
	fires     *prometheus.CounterVec
	lag       prometheus.Histogram
	commits   prometheus.Histogram
	committed prometheus.Counter
	events    prometheus.Counter
	working   prometheus.Gauge
}

// New returns metrics of their own registry, with those of the process. Version is that of the binary.
func New(version string) *Metrics {
	const seconds = 1e-3
	quick := prometheus.ExponentialBuckets(seconds, 4, 8) // 1 ms to 16 s
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "youmiflow_calls_total",
			Help: "API calls made, by operation and outcome; those of an earlier process too that are settled at the start."}, []string{"operation", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "youmiflow_call_seconds",
			Help: "How long API calls took.", Buckets: quick}, []string{"operation"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "youmiflow_limit_wait_seconds",
			Help: "How far ahead the slots are that the limits gave, by the limit that decided.", Buckets: []float64{0.01, 0.1, 1, 10, 60, 600, 3600, 86400}}, []string{"limit"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "youmiflow_limit_refused_total",
			Help: "Calls that a frequency cap had skipped, or that were too late for their deadline."}, []string{"reason"}),
		fires: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "youmiflow_schedule_fires_total",
			Help: "Instants of triggers, by what came of them."}, []string{"outcome"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "youmiflow_schedule_lag_seconds",
			Help: "How long after its instant a run was added.", Buckets: quick}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "youmiflow_ledger_commit_seconds",
			Help: "How long commits of the ledger took, the wait for the disk included.", Buckets: prometheus.ExponentialBuckets(seconds/4, 4, 8)}),
		committed: prometheus.NewCounter(prometheus.CounterOpts{Name: "youmiflow_ledger_entries_total",
			Help: "Entries committed: many to a commit."}),
		events: prometheus.NewCounter(prometheus.CounterOpts{Name: "youmiflow_events_total", Help: "Events received and kept."}),
		working: prometheus.NewGauge(prometheus.GaugeOpts{Name: "youmiflow_lanes_working",
			Help: "Lanes that are being worked on."}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "youmiflow_build_info", Help: "1, with the version.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.calls, m.took, m.waits, m.refused, m.fires, m.lag, m.commits, m.committed, m.events,
		m.working, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Page answers with all metrics, in the format that Prometheus reads.
func (m *Metrics) Page() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Fire counts an instant of a trigger.
func (m *Metrics) Fire(fire engine.Fire) {
	m.fires.WithLabelValues(string(fire.Outcome)).Inc()
	if fire.Run != "" {
		m.lag.Observe(fire.At.Sub(fire.Instant).Seconds())
	}
}

// Commit counts a commit of the ledger.
func (m *Metrics) Commit(took time.Duration, entries int) {
	m.commits.Observe(took.Seconds())
	m.committed.Add(float64(entries))
}

// Event counts a received event.
func (m *Metrics) Event() { m.events.Inc() }

// Working counts a lane that is being worked on; the function it returns ends that.
func (m *Metrics) Working() func() {
	m.working.Inc()
	return m.working.Dec
}

// Steps counts the calls of steps.
func (m *Metrics) Steps(steps engine.Steps) engine.Steps { return countedSteps{steps, m} }

type countedSteps struct {
	engine.Steps
	metrics *Metrics
}

func (c countedSteps) Step(name string) (engine.Step, bool) {
	step, ok := c.Steps.Step(name)
	if !ok {
		return nil, false
	}
	return countedStep{step, c.metrics}, true
}

type countedStep struct {
	engine.Step
	metrics *Metrics
}

// Prepare prepares the step, and has its call counted where it makes one.
func (c countedStep) Prepare(input engine.Input) (engine.Action, error) {
	action, err := c.Step.Prepare(input)
	if err != nil || action.Request == nil || action.Perform == nil {
		return action, err
	}
	operation, perform := operationLabel(action.Request.Operation), action.Perform
	action.Perform = func(ctx context.Context) engine.Outcome {
		began := time.Now()
		outcome := perform(ctx)
		c.metrics.took.WithLabelValues(operation).Observe(time.Since(began).Seconds())
		c.metrics.calls.WithLabelValues(operation, string(outcome.State)).Inc()
		return outcome
	}
	return action, nil
}

// Lost counts a call that an earlier process made and did not live to count.
func (m *Metrics) Lost(call engine.Call) {
	m.calls.WithLabelValues(operationLabel(call.Operation), string(call.State)).Inc()
}

// operationLabel bounds what an operation adds to the page.
func operationLabel(operation string) string {
	if operation == "" || len(operation) > 64 {
		return "other"
	}
	return operation
}

// Limiter counts what a limiter gives. now is the limiter's time.
func (m *Metrics) Limiter(limiter engine.Limiter, now func() time.Time) engine.Limiter {
	return countedLimiter{limiter, m, now}
}

type countedLimiter struct {
	engine.Limiter
	metrics *Metrics
	now     func() time.Time
}

func (c countedLimiter) Reserve(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) (engine.Slot, error) {
	slot, err := c.Limiter.Reserve(ctx, call, own)
	var capped *engine.CapError
	var late *engine.LateError
	switch {
	case errors.As(err, &capped):
		c.metrics.refused.WithLabelValues("cap").Inc()
	case errors.As(err, &late):
		c.metrics.refused.WithLabelValues("deadline").Inc()
	case err == nil && slot.Limit != "":
		c.metrics.waits.WithLabelValues(slot.Limit).Observe(max(0, slot.At.Sub(c.now()).Seconds()))
	}
	return slot, err
}
