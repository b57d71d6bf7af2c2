// Package ledgertest holds what every engine.Ledger promises, as tests that any implementation can run. It imports
// engine and test libraries; tests of one database only do not belong here.
package ledgertest

import (
	"context"
	"encoding/json"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// Run runs the promises as subtests. Open returns an empty ledger, which the test it is called with closes.
func Run(t *testing.T, open func(*testing.T) engine.Ledger) {
	for name, test := range map[string]func(*testing.T, *bench){
		"runs":                     testRuns,
		"runs are found":           testRunFilter,
		"nothing fires twice":      testExists,
		"workflow versions":        testWorkflows,
		"runs change":              testSetRun,
		"a cancel is final":        testWanted,
		"only what is still meant": testWantedIf,
		"steps":                    testSteps,
		"audit":                    testAudit,
		"snapshots":                testSnapshot,
		"a snapshot is dropped":    testDropItems,
		"items change":             testSetItem,
		"items are cancelled":      testCancelItems,
		"items are held":           testHeld,
		"waves":                    testWaves,
		"waves have lanes":         testWaveLanes,
		"many waves":               testManyWaves,
		"decisions":                testDecide,
		"one decides":              testDecideAtOnce,
		"accounts":                 testAccounts,
		"called runs":              testCalledRuns,
		"schedules":                testSchedules,
		"idle workflows":           testIdle,
		"events wait":              testBacklogs,
		"triggers have room":       testRoom,
		"items stream":             testItems,
		"items change meanwhile":   testItemsMeanwhile,
		"lanes":                    testLanes,
		"lanes are seized":         testSeize,
		"lanes that wait say why":  testWaits,
		"fences":                   testFence,
		"calls":                    testCalls,
		"calls stream":             testCallStream,
		"outcomes":                 testSetCall,
		"settled once":             testRequireUnknown,
		"a call's intent is one":   testCallTwice,
		"takeovers":                testTakeovers,
		"order":                    testOrder,
		"entries are whole":        testWhole,
		"many at once":             testConcurrency,
		"contexts":                 testContexts,
		"counts equal rows always": testCounts,
	} {
		t.Run(name, func(t *testing.T) { test(t, &bench{t, open(t)}) })
	}
}

// bench is a ledger with what tests say often.
type bench struct {
	t *testing.T
	engine.Ledger
}

// commit commits one entry.
func (b *bench) commit(changes ...engine.Change) {
	b.t.Helper()
	require.NoError(b.t, b.try(engine.Entry{Changes: changes}))
}

func (b *bench) try(entry engine.Entry) error {
	return b.Append(b.t.Context(), entry).Wait(b.t.Context())
}

// foreach adds run "r" and items of its step "each".
func (b *bench) foreach(items ...engine.Item) {
	b.t.Helper()
	b.commit(engine.AddRun{Run: engine.Run{ID: "r", Workflow: "w", Trigger: "manual", Foreach: true, Status: engine.StatusRunning}},
		engine.AddItems{Run: "r", Step: "each", Items: items}, engine.AddLanes{Run: "r", Step: "each"})
}

func item(sequence int64, key, lane string) engine.Item {
	return engine.Item{Sequence: sequence, Key: key, Lane: lane, Status: engine.StatusPending}
}

// each returns the items of step "each".
func (b *bench) each() []engine.Item { return b.items(engine.ItemFilter{Run: "r"}) }

func (b *bench) items(filter engine.ItemFilter) []engine.Item {
	b.t.Helper()
	return all(b.t, b.Items(b.t.Context(), filter))
}

func (b *bench) calls(filter engine.CallFilter) []engine.Call {
	b.t.Helper()
	return all(b.t, b.Calls(b.t.Context(), filter))
}

// run reads the run that most of the suite is about.
func (b *bench) run() engine.Run {
	b.t.Helper()
	run, err := b.Run(b.t.Context(), "r")
	require.NoError(b.t, err)
	return run
}

func (b *bench) seize(key engine.LaneKey) engine.Lane {
	b.t.Helper()
	lane, err := b.Seize(b.t.Context(), key)
	require.NoError(b.t, err)
	return lane
}

func all[T any](t *testing.T, rows iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for row, err := range rows {
		require.NoError(t, err)
		list = append(list, row)
	}
	return list
}

func keys(items []engine.Item) []string {
	list := []string{}
	for _, i := range items {
		list = append(list, i.Key)
	}
	return list
}

func laneKey(name string) engine.LaneKey { return engine.LaneKey{Run: "r", Step: "each", Lane: name} }

func ptr[T any](value T) *T { return &value }

// instant is a time as precise as a ledger keeps it.
func instant(second int) time.Time {
	return time.Date(2026, 11, 11, 8, 0, second, 123456000, time.UTC)
}

// Nothing is wanted any more of a run that is over, and nothing else of one that is being cancelled.
func testWanted(t *testing.T, b *bench) {
	b.foreach()
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantPause)}, engine.SetRun{ID: "r", Wanted: ptr(engine.WantRun)})
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantCancel)}, engine.SetRun{ID: "r", Wanted: ptr(engine.WantCancel)})
	resume := engine.Entry{Changes: []engine.Change{engine.SetRun{ID: "r", Wanted: ptr(engine.WantRun), Status: ptr(engine.StatusRunning)}}}
	require.ErrorIs(t, b.try(resume), engine.ErrOver)
	b.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusCancelled)})
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.SetRun{ID: "r", Wanted: ptr(engine.WantCancel)}}}), engine.ErrOver)
	require.Equal(t, engine.StatusCancelled, b.run().Status)
}

// What is meant for a run that is asked for something is refused, with all of its entry, when the run is asked for
// something else.
func testWantedIf(t *testing.T, b *bench) {
	b.foreach()
	died := &engine.Failure{Code: "died", Message: "it died"}
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantPause), Error: died})
	asked := b.run().Asked()
	require.Equal(t, engine.Asked{Wanted: engine.WantPause, Code: "died"}, asked)
	resume := engine.SetRun{ID: "r", If: &asked, Wanted: ptr(engine.WantRun), Status: ptr(engine.StatusRunning), Error: &engine.Failure{}}
	for name, other := range map[string]engine.SetRun{
		"for a reason of its own": {ID: "r", Wanted: ptr(engine.WantPause), Error: &engine.Failure{}},
		"to go on":                {ID: "r", Wanted: ptr(engine.WantRun), Error: died},
	} {
		b.commit(other)
		step := engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: name, Status: engine.StatusRunning}}
		require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{step, resume}}), engine.ErrChanged, name)
		rows, err := b.Steps(t.Context(), "r")
		require.NoError(t, err)
		require.Empty(t, rows, "nothing of a refused entry is kept")
	}
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantPause), Error: died})
	b.commit(resume)
	require.Equal(t, engine.Asked{Wanted: engine.WantRun}, b.run().Asked())
	none := engine.Asked{}
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantCancel)})
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.SetRun{ID: "r", If: &none, Wanted: ptr(engine.WantRun)}}}),
		engine.ErrOver, "the reason that nothing can change comes first")
}

func testRuns(t *testing.T, b *bench) {
	run := engine.Run{
		ID: "r", Workflow: "双十一", Digest: "d1", Connection: "default", Sandbox: true,
		Params:  map[string]any{"城市": "上海", "n": 3.0, "list": []any{"a", true, nil}},
		Trigger: "schedule", ScheduledAt: instant(1), CreatedAt: instant(2), StartedAt: instant(3), FinishedAt: instant(4),
		Status: engine.StatusPending, Wanted: engine.WantRun, Plan: "p", Commit: "c",
		Error: &engine.Failure{Code: "E1", Message: "没有"},
	}
	b.commit(engine.AddRun{Run: run})
	run.Counts = map[engine.Status]int{engine.StatusPending: 1}
	run.Calls, run.Takeovers = map[engine.CallState]int{}, map[engine.TakeoverState]int{}
	require.Equal(t, run, b.run())

	require.Empty(t, b.each(), "the root is left out")
	roots := b.items(engine.ItemFilter{Run: "r", Root: true})
	require.Len(t, roots, 1)
	require.Equal(t, engine.Item{ID: roots[0].ID, Run: "r", Status: engine.StatusPending}, roots[0])
	lanes, err := b.Lanes(t.Context(), "r", "")
	require.NoError(t, err)
	require.Equal(t, []engine.Lane{{LaneKey: engine.LaneKey{Run: "r"}, Clean: true}}, lanes)

	_, err = b.Run(t.Context(), "other")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func testRunFilter(t *testing.T, b *bench) {
	for i, status := range []engine.Status{engine.StatusRunning, engine.StatusFailed, engine.StatusRunning, engine.StatusPaused} {
		b.commit(engine.AddRun{Run: engine.Run{ID: string(rune('a' + i)), Workflow: []string{"x", "y"}[i%2], Trigger: "manual", Status: status}})
	}
	find := func(filter engine.RunFilter) (ids string) {
		runs, err := b.Runs(t.Context(), filter)
		require.NoError(t, err)
		for _, run := range runs {
			ids += run.ID
		}
		return ids
	}
	require.Equal(t, "dcba", find(engine.RunFilter{}), "newest first")
	require.Equal(t, "dc", find(engine.RunFilter{Limit: 2}))
	require.Equal(t, "ca", find(engine.RunFilter{Workflow: "x"}))
	require.Equal(t, "dca", find(engine.RunFilter{Statuses: []engine.Status{engine.StatusRunning, engine.StatusPaused}}))
	require.Equal(t, "c", find(engine.RunFilter{Workflow: "x", Statuses: []engine.Status{engine.StatusRunning}, Limit: 1}))
	require.Empty(t, find(engine.RunFilter{Workflow: "z"}))
	require.Equal(t, "dcba", find(engine.RunFilter{Sandbox: ptr(false)}))
	require.Empty(t, find(engine.RunFilter{Sandbox: ptr(true)}))
	require.Equal(t, "ba", find(engine.RunFilter{Before: "c"}))
	require.Equal(t, "b", find(engine.RunFilter{Before: "d", Workflow: "y", Limit: 1}))
	require.Empty(t, find(engine.RunFilter{Before: "a"}))
	require.Empty(t, find(engine.RunFilter{Before: "none"}))
}

func testExists(t *testing.T, b *bench) {
	run := func(id, workflow, trigger string, at time.Time) engine.Change {
		return engine.AddRun{Run: engine.Run{ID: id, Workflow: workflow, Trigger: trigger, ScheduledAt: at}}
	}
	b.commit(run("1", "w", "schedule", instant(1)))
	err := b.try(engine.Entry{Changes: []engine.Change{
		engine.AddWorkflow{WorkflowVersion: engine.WorkflowVersion{Digest: "d"}}, run("2", "w", "schedule", instant(1)),
	}})
	require.ErrorIs(t, err, engine.ErrExists)
	_, err = b.Workflow(t.Context(), "d")
	require.ErrorIs(t, err, engine.ErrNotFound, "nothing of a refused entry is kept")
	_, err = b.Run(t.Context(), "2")
	require.ErrorIs(t, err, engine.ErrNotFound)

	b.commit(run("3", "w", "schedule", instant(2)), run("4", "other", "schedule", instant(1)))
	b.commit(run("5", "w", "manual", time.Time{}), run("6", "w", "manual", time.Time{}))
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{run("5", "w", "manual", time.Time{})}}), engine.ErrExists)
}

func testWorkflows(t *testing.T, b *bench) {
	first := engine.WorkflowVersion{Digest: "d", Name: "n", File: "f.yaml", Commit: "c", Source: []byte("name: 中文\n\x00")}
	b.commit(engine.AddWorkflow{WorkflowVersion: first})
	b.commit(engine.AddWorkflow{WorkflowVersion: engine.WorkflowVersion{Digest: "d", Name: "later"}})
	kept, err := b.Workflow(t.Context(), "d")
	require.NoError(t, err)
	require.Equal(t, first, kept, "one that is there is left alone")
	_, err = b.Workflow(t.Context(), "e")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func testSetRun(t *testing.T, b *bench) {
	b.commit(engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Status: engine.StatusPending, Wanted: engine.WantRun}})
	b.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusRunning), StartedAt: ptr(instant(1))})
	b.commit(engine.SetRun{ID: "r", Wanted: ptr(engine.WantPause), Error: &engine.Failure{Code: "c", Message: "m"}})
	run := b.run()
	require.Equal(t, engine.StatusRunning, run.Status)
	require.Equal(t, instant(1), run.StartedAt)
	require.Zero(t, run.FinishedAt)
	require.Equal(t, engine.WantPause, run.Wanted)
	require.Equal(t, &engine.Failure{Code: "c", Message: "m"}, run.Error)

	b.commit(engine.SetRun{ID: "r", FinishedAt: ptr(instant(2)), Error: &engine.Failure{}})
	b.commit(engine.SetRun{ID: "r", StartedAt: &time.Time{}})
	run = b.run()
	require.Equal(t, instant(2), run.FinishedAt)
	require.Zero(t, run.StartedAt)
	require.Nil(t, run.Error, "an empty failure takes the failure away")
	require.ErrorIs(t, b.try(engine.Entry{Changes: []engine.Change{engine.SetRun{ID: "x"}}}), engine.ErrNotFound)
}

func testSteps(t *testing.T, b *bench) {
	b.commit(engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: "b", Status: engine.StatusRunning}})
	b.commit(engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: "a", Status: engine.StatusFailed, Error: &engine.Failure{Code: "c"}}})
	done := engine.StepRow{Run: "r", Path: "b", Status: engine.StatusSucceeded, Outputs: json.RawMessage(`{"x":"值"}`)}
	b.commit(engine.SetStep{StepRow: done}, engine.SetStep{StepRow: engine.StepRow{Run: "other", Path: "b"}})
	steps, err := b.Steps(t.Context(), "r")
	require.NoError(t, err)
	require.Equal(t, []engine.StepRow{done, {Run: "r", Path: "a", Status: engine.StatusFailed, Error: &engine.Failure{Code: "c"}}}, steps)
}

func testAudit(_ *testing.T, b *bench) {
	b.commit(engine.AddAudit{At: instant(1), Who: "me", Action: "cancel", On: "run r", Note: "why not"})
}

func testContexts(t *testing.T, b *bench) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	receipt := b.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual"}}}})
	if err := receipt.Wait(ended); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	require.NoError(t, receipt.Wait(t.Context()), "giving up waiting takes nothing back")
	require.NoError(t, receipt.Wait(ended), "what is known is told in any case")
	_, err := b.Run(ended, "r")
	require.ErrorIs(t, err, context.Canceled)
	for _, err := range b.Items(ended, engine.ItemFilter{Run: "r", Root: true}) {
		require.ErrorIs(t, err, context.Canceled)
	}
}
