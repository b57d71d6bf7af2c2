package engine_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/dispatch"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// house is everything that a run needs, for real: a ledger on disk, River, and the sandbox over loopback.
type house struct {
	t          *testing.T
	dir        string
	box        *sandbox.Sandbox
	catalogue  *steps.Catalogue
	ledger     *ledger.Ledger
	engine     *engine.Engine
	dispatcher *dispatch.Dispatcher
}

func build(t *testing.T, config sandbox.Config, limits ...*workflows.Limit) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.box, err = sandbox.New(config)
	require.NoError(t, err)
	url, stop, err := sandbox.Start(t.Context(), h.box)
	require.NoError(t, err)
	t.Cleanup(func() { stop(); require.NoError(t, h.box.Close()) })
	client, err := youmi.New(youmi.Config{BaseURL: url, TokenURL: url + "/connect/token", ClientID: "id", ClientSecret: "secret"})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	h.catalogue, err = steps.New(steps.Config{
		API:     func(string) (steps.API, error) { return client, nil },
		Resolve: func(path string, _ []string) (string, error) { return filepath.Join(h.dir, path), nil },
	})
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.ledger, err = ledger.Open(t.Context(), ledger.Config{DSN: filepath.Join(h.dir, "ledger.db"), Logger: logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.ledger.Close()) })
	h.engine = engine.New(engine.Config{
		Ledger: h.ledger, Limiter: limit.New(limit.Config{Store: h.ledger, Shared: limits}), Steps: h.catalogue,
		Catalogue: h.catalogue, Limits: limits, Logger: logger,
	})
	h.dispatcher, err = dispatch.New(t.Context(), dispatch.Config{DB: h.ledger.DB(), Work: h.engine.Work, Logger: logger})
	require.NoError(t, err)
	h.ledger.SetWake(h.dispatcher.Wake)
	require.NoError(t, h.dispatcher.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() { require.NoError(t, h.dispatcher.Stop(context.Background())) })
	return h
}

// file writes a file of the project.
func (h *house) file(name, text string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600))
}

// parse reads a workflow.
func (h *house) parse(text string) *workflows.Workflow {
	h.t.Helper()
	workflow, problems := workflows.Parse("test.yaml", []byte(text), h.catalogue)
	require.NoError(h.t, problems.Err())
	return workflow
}

// start adds a run.
func (h *house) start(text string) string {
	h.t.Helper()
	run, err := h.engine.Create(h.t.Context(), engine.Submission{Workflow: h.parse(text)})
	require.NoError(h.t, err)
	return run.ID
}

// wait waits until the run is as it should be.
func (h *house) wait(id string, as func(engine.Run) bool) engine.Run {
	h.t.Helper()
	var run engine.Run
	require.Eventually(h.t, func() bool {
		var err error
		run, err = h.ledger.Run(h.t.Context(), id)
		require.NoError(h.t, err)
		return as(run)
	}, 30*time.Second, 5*time.Millisecond, "run %s stays %s: %+v", id, run.Status, run)
	return run
}

func over(run engine.Run) bool { return run.Status.Over() }

// items returns the items of a run by key.
func (h *house) items(id string) map[string]engine.Item {
	h.t.Helper()
	items := map[string]engine.Item{}
	for item, err := range h.ledger.Items(h.t.Context(), engine.ItemFilter{Run: id}) {
		require.NoError(h.t, err)
		items[item.Key] = item
	}
	return items
}
