package engine_test

import (
	"context"
	"database/sql"
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

// desk has lanes worked on, as River does, on the time of the bubble that it is made in.
type desk struct {
	work     func(context.Context, engine.LaneKey) (*time.Time, error)
	stopping context.Context
	stop     context.CancelFunc
	running  sync.WaitGroup

	mu     sync.Mutex
	busy   map[engine.LaneKey]bool // and whether it was woken meanwhile
	errors []error
}

func newDesk() *desk {
	d := &desk{busy: map[engine.LaneKey]bool{}}
	d.stopping, d.stop = context.WithCancel(context.Background())
	return d
}

// wake is the ledger's: lanes are worked on once the transaction is committed.
func (d *desk) wake(_ context.Context, _ *sql.Tx, wakes []engine.Wake) (func(), error) {
	return func() {
		for _, wake := range wakes {
			d.at(wake.At, wake.LaneKey)
		}
	}, nil
}

// at works on a lane at an instant, unless the desk stops before. For one that has come there is no timer: the race detector
// breaks when several goroutines of a bubble find their timers due at a time (golang.org/issue/78156).
func (d *desk) at(when time.Time, key engine.LaneKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping.Err() != nil {
		return // halt may be waiting already
	}
	d.running.Go(func() {
		if wait := time.Until(when); wait > 0 {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-d.stopping.Done():
			}
		}
		if d.stopping.Err() == nil {
			d.slice(key)
		}
	})
}

func (d *desk) slice(key engine.LaneKey) {
	d.mu.Lock()
	if _, busy := d.busy[key]; busy {
		d.busy[key] = true
		d.mu.Unlock()
		return
	}
	d.busy[key] = false
	d.mu.Unlock()
	again, err := d.work(d.stopping, key)
	d.mu.Lock()
	woken := d.busy[key]
	delete(d.busy, key)
	if err != nil {
		d.errors = append(d.errors, err)
	}
	d.mu.Unlock()
	switch {
	case d.stopping.Err() != nil:
	case err != nil:
		d.at(time.Now().Add(time.Second), key)
	case woken:
		d.at(time.Now(), key)
	case again != nil:
		d.at(*again, key)
	}
}

// halt stops the slices in order and waits for them.
func (d *desk) halt() {
	d.mu.Lock()
	d.stop()
	d.mu.Unlock()
	d.running.Wait()
}

// rehearsal is a project on the time of a bubble: a ledger on disk, the limits, and the sandbox.
type rehearsal struct {
	t         testing.TB
	dir       string
	box       *sandbox.Sandbox
	catalogue *steps.Catalogue
	project   *workflows.Project
	adjust    func(*engine.Config)
	durable   ledger.Durability
	ledger    *ledger.Ledger
	engine    *engine.Engine
	desk      *desk
}

// rehearse opens a project with this youmiflow.yaml. It must be called in a bubble, and its end called there too.
func rehearse(t testing.TB, dir, config string, box sandbox.Config, adjust func(*engine.Config)) *rehearsal {
	t.Helper()
	return rehearseWith(t, dir, config, box, adjust, "")
}

// rehearseWith does so with a ledger that need not survive the end of the machine, where thousands of commits are made.
func rehearseWith(t testing.TB, dir, config string, box sandbox.Config, adjust func(*engine.Config), durable ledger.Durability) *rehearsal {
	t.Helper()
	r := &rehearsal{t: t, dir: dir, adjust: adjust, durable: durable}
	r.file("youmiflow.yaml", config)
	var err error
	r.box, err = sandbox.New(box)
	require.NoError(t, err)
	client, err := youmi.New(youmi.Config{BaseURL: "http://sandbox", TokenURL: "http://sandbox/connect/token", ClientID: "id",
		ClientSecret: "secret", Transport: sandbox.Transport{Sandbox: r.box}})
	require.NoError(t, err)
	r.catalogue, err = steps.New(steps.Config{
		API:     func(string) (steps.API, error) { return client, nil },
		Resolve: func(path string, _ []string) (string, error) { return filepath.Join(dir, path), nil },
	})
	require.NoError(t, err)
	project, problems := workflows.LoadProject(dir, func(string) (string, bool) { return "", false })
	require.NoError(t, problems.Err())
	r.project = project
	r.open()
	return r
}

// open opens the ledger with a new engine, as a process that starts.
func (r *rehearsal) open() {
	r.t.Helper()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	var err error
	r.ledger, err = ledger.Open(r.t.Context(), ledger.Config{DSN: filepath.Join(r.dir, "ledger.db"), Logger: logger, Durability: r.durable})
	require.NoError(r.t, err)
	r.desk = newDesk()
	config := engine.Config{
		Ledger: r.ledger, Steps: r.catalogue, Catalogue: r.catalogue, Limits: r.project.Limits, Logger: logger, Location: time.UTC,
		Limiter: limit.New(limit.Config{Store: r.ledger, Shared: r.project.Limits}),
	}
	if r.adjust != nil {
		r.adjust(&config)
	}
	r.engine = engine.New(config)
	r.desk.work = r.engine.Work
	r.ledger.SetWake(r.desk.wake)
}

// restart stops the process in order and starts another, which goes on with everything.
func (r *rehearsal) restart() {
	r.t.Helper()
	r.close()
	r.open()
	require.NoError(r.t, r.engine.Recover(r.t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
}

// die ends the process while all of its runs wait, without handing back what they hold, and starts another.
func (r *rehearsal) die() {
	r.t.Helper()
	r.desk.halt()
	require.NoError(r.t, r.ledger.Close())
	r.open()
	require.NoError(r.t, r.engine.Recover(r.t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
}

func (r *rehearsal) handBack() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	_, err := r.engine.HandBack(ctx, func(engine.Run) bool { return true })
	require.NoError(r.t, err)
}

func (r *rehearsal) close() {
	r.t.Helper()
	r.desk.halt()
	r.handBack()
	require.NoError(r.t, r.ledger.Close())
}

func (r *rehearsal) end() {
	r.t.Helper()
	r.close()
	require.Empty(r.t, r.desk.errors)
	require.NoError(r.t, r.box.Close())
}

func (r *rehearsal) file(name, text string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600))
}

func (r *rehearsal) start(text string) string {
	r.t.Helper()
	workflow, problems := workflows.Parse("test.yaml", []byte(text), r.catalogue)
	require.NoError(r.t, problems.Err())
	run, err := r.engine.Create(r.t.Context(), engine.Submission{Workflow: workflow})
	require.NoError(r.t, err)
	return run.ID
}

func (r *rehearsal) run(id string) engine.Run {
	r.t.Helper()
	run, err := r.ledger.Run(r.t.Context(), id)
	require.NoError(r.t, err)
	return run
}

// until lets time pass until the run is as it should be, looking every step and, once it takes long, less often, for at most 90
// days.
func (r *rehearsal) until(id string, step time.Duration, as func(engine.Run) bool) engine.Run {
	r.t.Helper()
	began := time.Now()
	for time.Since(began) < 90*24*time.Hour {
		if run := r.run(id); as(run) {
			return run
		}
		time.Sleep(max(step, time.Since(began)/200))
	}
	run := r.run(id)
	require.Fail(r.t, "the run does not get there", "%s: %+v", run.Status, run)
	return run
}

func (r *rehearsal) items(id string) map[string]engine.Item {
	r.t.Helper()
	items := map[string]engine.Item{}
	for item, err := range r.ledger.Items(r.t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(r.t, err)
		items[item.Key] = item
	}
	return items
}

func (r *rehearsal) calls(id string) []engine.Call {
	r.t.Helper()
	var calls []engine.Call
	for call, err := range r.ledger.Calls(r.t.Context(), engine.CallFilter{Run: id}) {
		require.NoError(r.t, err)
		calls = append(calls, call)
	}
	return calls
}

// messages are the calls of a run that send something.
func (r *rehearsal) messages(id string) []engine.Call {
	r.t.Helper()
	var messages []engine.Call
	for _, call := range r.calls(id) {
		if call.Effect == workflows.EffectMessage {
			messages = append(messages, call)
		}
	}
	return messages
}
