package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"youmiflow/internal/fetch"
	"youmiflow/internal/ledger"
	"youmiflow/internal/rehearsal"
	"youmiflow/steps"
)

// testHouse makes the stages that tests run on: a fresh ledger in a temporary folder, the real steps, and a limiter and an
// engine on the test's own clock.
type testHouse struct {
	app    *app
	dir    string
	empty  []byte // a ledger in which nothing has happened: making one anew takes ten times as long as writing it
	opened atomic.Int64
	runner *rehearsal.Runner
}

func newTestHouse(ctx context.Context, a *app) (_ *testHouse, err error) {
	h := &testHouse{app: a}
	if h.runner, err = rehearsal.NewRunner(); err != nil {
		return nil, err
	}
	if h.dir, err = os.MkdirTemp("", "youmiflow-test-"); err != nil {
		return nil, fmt.Errorf("making a folder for the tests' ledgers: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	l, err := ledger.Open(ctx, h.ledger(filepath.Join(h.dir, "empty.db")))
	if err != nil {
		return nil, err
	}
	if err := l.Close(); err != nil {
		return nil, err
	}
	if h.empty, err = os.ReadFile(l.Path()); err != nil {
		return nil, fmt.Errorf("reading an empty ledger: %w", err)
	}
	return h, nil
}

func (h *testHouse) close() error { return os.RemoveAll(h.dir) }

// ledger configures one that need not outlive the machine.
func (h *testHouse) ledger(path string) ledger.Config {
	return ledger.Config{DSN: path, Durability: ledger.Off, Logger: h.app.logger()}
}

func (h *testHouse) run(ctx context.Context, one testCase) rehearsal.Result {
	return h.runner.Run(ctx, one.suite.file, one.test, one.suite.workflow, func(ctx context.Context, setting *rehearsal.Setting) (*rehearsal.Stage, error) {
		return h.stage(ctx, one.suite, setting)
	})
}

func (h *testHouse) stage(ctx context.Context, suite *testSuite, setting *rehearsal.Setting) (*rehearsal.Stage, error) {
	dir := filepath.Join(h.dir, strconv.FormatInt(h.opened.Add(1), 10))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ledger.db")
	if err := os.WriteFile(path, h.empty, 0o600); err != nil {
		return nil, err
	}
	staging := &staging{house: h, suite: suite, setting: setting, dir: dir, path: path}
	staging.Reads, staging.Push, staging.Restart, staging.Close = reads, staging.push, staging.restart, staging.close
	if err := staging.open(ctx); err != nil {
		return nil, errors.Join(err, staging.close())
	}
	return &staging.Stage, nil
}

// testCatalogue is what steps reach in a test: the simulator, the project's files, and a folder to write to that is deleted.
func testCatalogue(version string, project *project, setting *rehearsal.Setting, l *ledger.Ledger, dir string) steps.Config {
	return steps.Config{
		API:     func(string) (steps.API, error) { return setting.Client, nil },
		Resolve: project.resolve,
		ResolveNew: func(path string) (string, error) {
			if _, err := project.resolveNew(path); err != nil {
				return "", err
			}
			return filepath.Join(dir, "written", path), nil
		},
		Location: setting.Test.Location,
		HTTP:     offline{project.http(version)},
		Database: func(name string) (string, error) {
			return "", fmt.Errorf("a test reads no database: give the rows of the step under audience, in place of those of %q", name)
		},
		Outcomes: outcomes(l), Rehearsal: true, Discarded: true, Secrets: project.secretNames(), Now: setting.Clock.Now,
	}
}

// offline knows which hosts the project allows, and reaches none.
type offline struct{ *fetch.Client }

// Do implements steps.HTTP.
func (o offline) Do(_ context.Context, request fetch.Request) (*fetch.Response, error) {
	address, err := o.Allowed(request.URL)
	if err != nil {
		return nil, err
	}
	return nil, &fetch.Error{Place: address.Host, Code: "offline", Err: errors.New("a test reaches no other host: write what the step would give under answers, or its rows under audience")}
}

// testZone is where a test's times without an offset are: the project's zone, but not this machine's, which must not decide
// about a test.
func testZone(project *project) *time.Location {
	if project == nil || project.config.Timezone == time.Local {
		return time.UTC
	}
	return project.config.Timezone
}
