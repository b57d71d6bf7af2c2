package engine_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// steered drives runs by hand on a clock of its own: a lane is worked on when it was woken or when its instant has come,
// and when nothing is due the clock goes on to the next instant. Engines can be replaced in between, as after a crash.
type steered struct {
	t         *testing.T
	dir       string
	box       *sandbox.Sandbox
	catalogue *steps.Catalogue
	ledger    *ledger.Ledger
	config    engine.Config
	engine    *engine.Engine
	others    map[string]string // workflows by name, for calls
	resolved  func(path string, files []string)

	mu  sync.Mutex
	now time.Time
	due map[engine.LaneKey]time.Time
}

func steer(t *testing.T) *steered {
	t.Helper()
	v := &steered{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC),
		due: map[engine.LaneKey]time.Time{}, others: map[string]string{}}
	var err error
	v.box, err = sandbox.New(sandbox.Config{Seed: 1})
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), v.box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, v.box.Close()) })
	client, err := youmi.New(youmi.Config{BaseURL: url, TokenURL: url + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	v.catalogue, err = steps.New(steps.Config{
		API: func(string) (steps.API, error) { return client, nil },
		Resolve: func(path string, files []string) (string, error) {
			if v.resolved != nil {
				v.resolved(path, files)
			}
			return filepath.Join(v.dir, path), nil
		},
	})
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	v.ledger, err = ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(v.dir, "ledger.db"), Logger: logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.ledger.Close()) })
	v.ledger.SetWake(v.woken)
	v.config = engine.Config{Ledger: v.ledger, Limiter: limit.New(limit.Config{Store: v.ledger}), Steps: v.catalogue,
		Catalogue: v.catalogue, Logger: logger, Now: v.clock, Slice: time.Millisecond, Grace: time.Millisecond}
	v.restart()
	return v
}

func (v *steered) clock() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *steered) woken(_ context.Context, _ *sql.Tx, wakes []engine.Wake) (func(), error) {
	return func() {
		for _, wake := range wakes {
			v.at(wake.LaneKey, wake.At)
		}
	}, nil
}

// at has a lane worked on at an instant, or earlier where that is so already.
func (v *steered) at(key engine.LaneKey, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if before, ok := v.due[key]; !ok || at.Before(before) {
		v.due[key] = at
	}
}

// restart puts a new engine over the ledger: it knows what the ledger knows.
func (v *steered) restart() { v.engine = engine.New(v.config) }

// crash does so, forgets every wake, and recovers the runs as a process does that finds them.
func (v *steered) crash() {
	v.t.Helper()
	v.mu.Lock()
	clear(v.due)
	v.mu.Unlock()
	v.restart()
	require.NoError(v.t, v.engine.Recover(v.t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
}

// next takes the lane whose turn it is; none when nothing is due until then.
func (v *steered) next(until time.Time) (engine.LaneKey, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var key engine.LaneKey
	found := false
	for other, at := range v.due {
		if !found || at.Before(v.due[key]) || at.Equal(v.due[key]) && fmt.Sprint(other) < fmt.Sprint(key) {
			key, found = other, true
		}
	}
	if !found || v.due[key].After(until) {
		return key, false
	}
	if at := v.due[key]; at.After(v.now) {
		v.now = at
	}
	delete(v.due, key)
	return key, true
}

// step works on one lane, when one is due until then.
func (v *steered) step(until time.Time) bool {
	v.t.Helper()
	key, ok := v.next(until)
	if !ok {
		return false
	}
	again, err := v.engine.Work(v.t.Context(), key)
	require.NoError(v.t, err)
	if again != nil {
		v.at(key, *again)
	}
	return true
}

// until drives everything up to an instant.
func (v *steered) until(at time.Time) {
	v.t.Helper()
	for n := 0; v.step(at); n++ {
		require.Less(v.t, n, 100_000, "something is worked on for ever")
	}
	v.mu.Lock()
	if v.now.Before(at) {
		v.now = at
	}
	v.mu.Unlock()
}

// pass drives everything for a length of time.
func (v *steered) pass(length time.Duration) { v.t.Helper(); v.until(v.clock().Add(length)) }

// Source finds the workflows that others call.
func (v *steered) Source(name string) (string, []byte, error) {
	text, ok := v.others[name]
	if !ok {
		return "", nil, fmt.Errorf("there is no workflow %q", name)
	}
	return name + ".yaml", []byte(text), nil
}

func (v *steered) parse(text string) *workflows.Workflow {
	v.t.Helper()
	workflow, problems := workflows.ParseIn("test.yaml", []byte(text), v.catalogue, v)
	require.NoError(v.t, problems.Err())
	return workflow
}

func (v *steered) start(text string) string {
	v.t.Helper()
	run, err := v.engine.Create(v.t.Context(), engine.Submission{Workflow: v.parse(text)})
	require.NoError(v.t, err)
	return run.ID
}

func (v *steered) file(name, text string) {
	v.t.Helper()
	require.NoError(v.t, os.WriteFile(filepath.Join(v.dir, name), []byte(text), 0o600))
}

func (v *steered) run(id string) engine.Run {
	v.t.Helper()
	run, err := v.ledger.Run(v.t.Context(), id)
	require.NoError(v.t, err)
	return run
}

func (v *steered) children(id string) []engine.Run {
	v.t.Helper()
	runs, err := v.ledger.Runs(v.t.Context(), engine.RunFilter{Parent: id})
	require.NoError(v.t, err)
	return runs
}

// steps are the rows of the run's own steps, by path.
func (v *steered) steps(id string) map[string]engine.StepRow {
	v.t.Helper()
	rows, err := v.ledger.Steps(v.t.Context(), id)
	require.NoError(v.t, err)
	byPath := map[string]engine.StepRow{}
	for _, row := range rows {
		byPath[row.Path] = row
	}
	return byPath
}

// texts are the messages that were delivered, in their order.
func (v *steered) texts() []string {
	v.t.Helper()
	texts := []string{}
	for _, delivery := range v.box.Deliveries() {
		var body struct{ Text string }
		require.NoError(v.t, json.Unmarshal(delivery.Body, &body))
		texts = append(texts, body.Text)
	}
	return texts
}
