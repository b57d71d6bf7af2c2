package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"youmiflow/engine"
)

// Source is where the state of the runs that are not over is read, at each look of Prometheus.
type Source interface {
	Runs(ctx context.Context, filter engine.RunFilter) ([]engine.Run, error)
	Takeovers(ctx context.Context, filter engine.TakeoverFilter) ([]engine.Takeover, error)
	Accounts(ctx context.Context) ([]engine.Account, error)
	// CountWaiting counts the events that wait for their trigger to have room.
	CountWaiting(ctx context.Context) (map[engine.Backlog]int, error)
	// Schedules are the triggers that have come to something, with how many instants were missed.
	Schedules(ctx context.Context) ([]engine.Schedule, error)
}

// lookWithin bounds one look at the ledger.
const lookWithin = 5 * time.Second

// Watch adds what the ledger says of runs, items, takeovers, accounts and missed instants (those of rehearsals with sandbox), and
// how many workflow files are broken, and whether what was read last of the configuration could not be put in force.
func (m *Metrics) Watch(source Source, sandbox bool, broken func() int, stale func() bool) {
	m.registry.MustRegister(&state{source: source, sandbox: sandbox, broken: broken, stale: stale,
		missed: prometheus.NewDesc("youmiflow_schedule_missed_total", "Instants of a trigger that passed while nobody was there, since it was first seen; a restart counts on.",
			[]string{"workflow", "trigger"}, nil),
		runs:      prometheus.NewDesc("youmiflow_runs", "Runs that are not over, by status.", []string{"status"}, nil),
		items:     prometheus.NewDesc("youmiflow_items", "Items of runs that are not over, by status.", []string{"status"}, nil),
		takeovers: prometheus.NewDesc("youmiflow_takeovers", "Conversations that are taken over (held), may be (intended), or could not be handed back (stuck).", []string{"state"}, nil),
		tripped:   prometheus.NewDesc("youmiflow_accounts_tripped", "Accounts that are held.", nil, nil),
		waiting:   prometheus.NewDesc("youmiflow_events_waiting", "Events that wait, since their trigger has as many runs as it may have, by workflow.", []string{"workflow"}, nil),
		files:     prometheus.NewDesc("youmiflow_workflows_broken", "Workflow files with errors, and their folder or branch where that cannot be read or followed.", nil, nil),
		outdated: prometheus.NewDesc("youmiflow_configuration_stale",
			"1 while the configuration that was read last (SIGHUP) cannot be used, and the one before is in force: see what is wrong (youmiflow validate), mend it, and send SIGHUP again.", nil, nil),
	})
}

// state reads what stands in the ledger.
type state struct {
	source  Source
	sandbox bool
	broken  func() int
	stale   func() bool

	runs, items, takeovers, tripped, files, outdated, waiting, missed *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (s *state) Describe(to chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{s.runs, s.items, s.takeovers, s.tripped, s.files, s.outdated, s.waiting, s.missed} {
		to <- one
	}
}

// Collect implements prometheus.Collector. What cannot be read is told as an invalid metric, which fails the look.
func (s *state) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
	defer cancel()
	gauge := func(desc *prometheus.Desc, n int, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), labels...)
	}
	gauge(s.files, s.broken())
	stale := 0
	if s.stale() {
		stale = 1
	}
	gauge(s.outdated, stale)
	runs, err := s.source.Runs(ctx, engine.RunFilter{Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusPaused}})
	if err != nil {
		to <- prometheus.NewInvalidMetric(s.runs, err)
		return
	}
	statuses, items := map[engine.Status]int{engine.StatusPending: 0, engine.StatusRunning: 0, engine.StatusPaused: 0},
		map[engine.Status]int{engine.StatusPending: 0, engine.StatusHeld: 0}
	for _, run := range runs {
		statuses[run.Status]++
		for status, n := range run.Counts {
			items[status] += n
		}
	}
	for status, n := range statuses {
		gauge(s.runs, n, string(status))
	}
	for status, n := range items {
		gauge(s.items, n, string(status))
	}
	s.collectRest(ctx, to, gauge)
	s.collectMissed(ctx, to)
}

// collectMissed tells of each trigger apart: a sum would go back when a trigger is gone.
func (s *state) collectMissed(ctx context.Context, to chan<- prometheus.Metric) {
	rows, err := s.source.Schedules(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(s.missed, err)
		return
	}
	for _, row := range rows {
		if row.Sandbox == s.sandbox && row.Trigger != "" { // else it says of a whole workflow that it is paused
			to <- prometheus.MustNewConstMetric(s.missed, prometheus.CounterValue, float64(row.Missed), row.Workflow, row.Trigger)
		}
	}
}

func (s *state) collectRest(ctx context.Context, to chan<- prometheus.Metric, gauge func(*prometheus.Desc, int, ...string)) {
	accounts, err := s.source.Accounts(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(s.tripped, err)
		return
	}
	gauge(s.tripped, len(accounts))
	waiting, err := s.source.CountWaiting(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(s.waiting, err)
		return
	}
	workflows := map[string]int{}
	for of, n := range waiting {
		workflows[of.Workflow] += n
	}
	for workflow, n := range workflows {
		gauge(s.waiting, n, workflow)
	}
	for _, status := range []engine.TakeoverState{engine.TakeoverIntended, engine.TakeoverHeld, engine.TakeoverStuck} {
		open, err := s.source.Takeovers(ctx, engine.TakeoverFilter{States: []engine.TakeoverState{status}})
		if err != nil {
			to <- prometheus.NewInvalidMetric(s.takeovers, err)
			return
		}
		gauge(s.takeovers, len(open), string(status))
	}
}
