package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
	"youmiflow/internal/web"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// openWeb makes the server with the API.
func (d *daemon) openWeb(listener net.Listener) error {
	// Plans read audiences as the runs of this process do, in the sandbox too.
	config := d.app.catalogueConfig(d.project, d.clients)
	config.Logger = d.app.stepLogger()
	catalogue, err := steps.New(config)
	if err != nil {
		return err
	}
	d.web, err = web.New(web.Config{
		Listener: listener, Logger: d.app.logger(), Version: d.app.Version, Sandbox: d.sandboxed, Ledger: d.ledger, Steering: d.engine, Folder: d.folder,
		Project:   apiProject{d, catalogue, make(chan struct{}, 1)},
		Schedules: apiSchedules{d}, Accounts: apiAccounts{d}, Events: d.ledger, Catalogue: catalogue,
		Doctor: d.doctor(),
		Limits: func() []*workflows.Limit { return d.current.Load().Limits },
		Checks: []web.Check{{Name: "ledger", Do: d.ledgerWritable}, {Name: "engine", Do: d.engineRunning}, {Name: "workflows", Do: d.folderLoaded}},
	})
	if err != nil {
		return err
	}
	tokens, err := d.project.config.Tokens()
	if err != nil {
		return err
	}
	d.web.SetTokens(tokens)
	return nil
}

// apiError has the errors of commands be answered as what they are.
func apiError(err error) error {
	if stop, ok := errors.AsType[*exit](err); ok && (stop.code == exitInvalid || stop.code == exitUsage) {
		return &web.InvalidError{Cause: err}
	}
	return err
}

// platformError has a platform that cannot be used be answered as that, and what the configuration lacks as that.
func platformError(err error) error {
	if stop, ok := errors.AsType[*exit](err); ok && stop.code == exitInvalid {
		return &web.PlatformError{Cause: err}
	}
	return err
}

// apiProject implements web.Project.
type apiProject struct {
	*daemon
	catalogue *steps.Catalogue
	planning  chan struct{} // one plan at a time: each reads a whole audience
}

// Validate implements web.Project.
func (p apiProject) Validate(_ context.Context, file string, source []byte) (diagnostic.List, error) {
	beside := snapshotFolder{p.folder.Snapshot()}
	workflow, problems := workflows.ParseIn(file, source, p.catalogue, beside)
	if workflow != nil {
		problems = append(problems, p.warnings(workflow)...)
	}
	problems.Sort()
	return problems, nil
}

// warnings are what the project and the clock have to say about a workflow that is valid by itself.
func (p apiProject) warnings(workflow *workflows.Workflow) diagnostic.List {
	return append((&folderReader{config: p.project.config}).warnings(workflow), p.current.Load().ChannelProblems(workflow)...)
}

// Problems implements web.Project. A file that has errors has an earlier version in force, of which nothing is said.
func (p apiProject) Problems(ctx context.Context, name string) (diagnostic.List, error) {
	snapshot := p.folder.Snapshot()
	all, problems := snapshot.Workflows, slices.Clone(snapshot.Problems)
	if name != "" {
		loaded, _ := snapshot.Find(name) // one that has gone since has no problems
		all, problems = []folder.Loaded{loaded}, slices.Clone(loaded.Problems)
	}
	for _, loaded := range all {
		if loaded.Broken || loaded.Workflow == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		workflow, err := loaded.Workflow.Open()
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", loaded.File, err)
		}
		for _, warning := range p.warnings(workflow) {
			warning.File = loaded.File
			problems = append(problems, warning)
		}
	}
	problems.Sort()
	return slices.Compact(problems), nil
}

// Plan implements web.Project.
func (p apiProject) Plan(ctx context.Context, loaded folder.Loaded, order web.Order) (result.Plan, error) {
	made, plan, err := p.plan(ctx, loaded, order)
	if err != nil {
		return result.Plan{}, apiError(err)
	}
	return result.OfPlan(plan, p.app.planWarnings(made, plan, false)), nil
}

func (p apiProject) plan(ctx context.Context, loaded folder.Loaded, order web.Order) (*planning, *engine.Plan, error) {
	made, err := p.newPlanning(loaded, order)
	if err != nil {
		return nil, nil, err
	}
	select {
	case p.planning <- struct{}{}:
		defer func() { <-p.planning }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	plan, err := made.plan(ctx)
	return made, plan, err
}

func (p apiProject) newPlanning(loaded folder.Loaded, order web.Order) (*planning, error) {
	workflow, err := loaded.Workflow.Open()
	if err != nil {
		return nil, err
	}
	made := &planning{app: p.app, project: p.project, catalogue: p.catalogue, workflow: workflow, values: order.Params, test: order.Test, samples: order.Samples,
		commit: loaded.Commit, suppression: p.suppression}
	return made, p.allowed(workflow, order)
}

// allowed refuses what cannot be run: secrets that have no value, channels that there are not, params that are wrong, and files
// that somebody far away has no business to have read.
func (p apiProject) allowed(workflow *workflows.Workflow, order web.Order) error {
	if err := p.project.checkNames(workflow); err != nil {
		return err
	}
	if _, err := workflow.BindParams(order.Params); err != nil {
		return err
	}
	for _, param := range workflow.Params {
		if path, ok := order.Params[param.Name].(string); ok && param.Type == workflows.ParamFile && path != "" && !filepath.IsLocal(path) {
			return &workflows.ParamError{Workflow: workflow.Name, Problems: []workflows.ParamProblem{{Name: param.Name,
				Message: fmt.Sprintf("the param %q: a file is one of the project's folder: write its path relative to that", param.Name)}}}
		}
	}
	return nil
}

// errRealDaemon refuses rehearsals.
var errRealDaemon = errors.New("this daemon works for real, and a rehearsal was asked for: nothing was begun; `youmiflow serve --sandbox` rehearses")

// Submit implements web.Project.
func (p apiProject) Submit(ctx context.Context, loaded folder.Loaded, order web.Order) (engine.Run, error) {
	if order.Rehearsal && !p.sandboxed {
		return engine.Run{}, &web.InvalidError{Cause: errRealDaemon}
	}
	workflow, err := loaded.Workflow.Open()
	if err != nil {
		return engine.Run{}, err
	}
	if err := p.allowed(workflow, order); err != nil {
		return engine.Run{}, err
	}
	if err := p.clients.preflight(ctx, workflow.Connection); err != nil {
		return engine.Run{}, platformError(err)
	}
	if order.Plan != "" {
		if err := p.planStands(ctx, loaded, order); err != nil {
			return engine.Run{}, apiError(err)
		}
	}
	return p.engine.Create(ctx, engine.Submission{ID: order.ID, Workflow: workflow, Params: order.Params, Plan: order.Plan,
		Test: order.Test, Sandbox: p.sandboxed, Commit: loaded.Commit})
}

// planStands refuses a run whose plan is not the one that was approved.
func (p apiProject) planStands(ctx context.Context, loaded folder.Loaded, order web.Order) error {
	_, plan, err := p.plan(ctx, loaded, order)
	if err != nil {
		return err
	}
	if plan.Digest != order.Plan {
		return invalid("the plan has changed: it is %s now, not %s; look at it again before you run it", plan.Digest, order.Plan)
	}
	return nil
}

// snapshotFolder is the folder as workflows see it that call others.
type snapshotFolder struct{ snapshot *folder.Snapshot }

// Source implements workflows.Folder.
func (f snapshotFolder) Source(name string) (file string, source []byte, err error) {
	loaded, found := f.snapshot.Find(name)
	if !found || loaded.Workflow == nil {
		return "", nil, fmt.Errorf("there is no workflow %q in the folder", name)
	}
	return loaded.File, loaded.Workflow.Source, nil
}

// apiSchedules implements web.Schedules.
type apiSchedules struct{ *daemon }

// timetable is what the folder says now.
func (s apiSchedules) timetable() *timetable {
	snapshot := s.folder.Snapshot()
	t := &timetable{project: s.project, problems: snapshot.Problems, broken: map[string]bool{}}
	for _, loaded := range snapshot.Workflows {
		if t.broken[loaded.Name] = loaded.Broken; loaded.Workflow != nil {
			t.planned = append(t.planned, engine.Planned{Name: loaded.Name, Workflow: loaded.Workflow, Commit: loaded.Commit})
		}
	}
	return t
}

// List implements web.Schedules.
func (s apiSchedules) List(ctx context.Context) ([]result.Schedule, error) {
	rows, err := s.ledger.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	t := s.timetable()
	if t.waiting, err = s.ledger.CountWaiting(ctx); err != nil {
		return nil, err
	}
	return t.views(rows, s.sandboxed, time.Now())
}

// Next implements web.Schedules.
func (s apiSchedules) Next(_ context.Context, after time.Time, count int) ([]result.Upcoming, error) {
	upcoming, err := engine.UpcomingFires(s.timetable().planned, s.project.config.Timezone, after, count)
	shown := make([]result.Upcoming, len(upcoming))
	for i, one := range upcoming {
		shown[i] = result.Upcoming{Workflow: one.Workflow, Trigger: one.Trigger, At: one.At}
	}
	return shown, err
}

// Pause implements web.Schedules.
func (s apiSchedules) Pause(ctx context.Context, workflow, trigger, who string) error {
	if err := s.pausable(ctx, workflow, trigger); err != nil {
		return err
	}
	return s.engine.PauseSchedule(ctx, workflow, trigger, who)
}

// Resume implements web.Schedules.
func (s apiSchedules) Resume(ctx context.Context, workflow, trigger, who string) error {
	if err := s.pausable(ctx, workflow, trigger); err != nil {
		return err
	}
	return s.engine.ResumeSchedule(ctx, workflow, trigger, who)
}

// pausable refuses names that neither the folder nor the ledger knows.
func (s apiSchedules) pausable(ctx context.Context, workflow, trigger string) error {
	rows, err := s.ledger.Schedules(ctx)
	if err != nil {
		return err
	}
	_, err = s.timetable().pausable(rows, workflow, trigger)
	return apiUnknown(err)
}

// apiUnknown has names that there are not be answered as such.
func apiUnknown(err error) error {
	if stop, ok := errors.AsType[*exit](err); ok && stop.code == exitUsage {
		return web.NotFound(err.Error())
	}
	return err
}

// trigger finds one that starts runs at times.
func (s apiSchedules) trigger(workflow, name string) (engine.Planned, *workflows.Trigger, error) {
	planned, trigger, err := s.timetable().trigger(workflow, name)
	if err != nil {
		return planned, nil, apiUnknown(err)
	}
	if trigger.Event != "" {
		return planned, nil, &web.InvalidError{Cause: fmt.Errorf("the trigger %q waits for events: it has no instants, and what its params are follows from the event", trigger.Name)}
	}
	return planned, trigger, checkResting(s.project, planned.Workflow)
}

// Trigger implements web.Schedules.
func (s apiSchedules) Trigger(ctx context.Context, workflow, name string, order web.TriggerOrder) (engine.Run, error) {
	if order.Rehearsal && !s.sandboxed {
		return engine.Run{}, &web.InvalidError{Cause: errRealDaemon}
	}
	planned, trigger, err := s.trigger(workflow, name)
	if err != nil {
		return engine.Run{}, err
	}
	if err := s.clients.preflight(ctx, planned.Workflow.Connection); err != nil {
		return engine.Run{}, platformError(err)
	}
	submission, err := s.engine.Triggered(planned, trigger, s.sandboxed)
	if err != nil {
		return engine.Run{}, err
	}
	submission.ID, submission.Request = order.ID, order.Request
	return s.engine.StartTriggered(ctx, submission, cmp.Or(order.Overlap, trigger.Overlap))
}

// Backfill implements web.Schedules.
func (s apiSchedules) Backfill(ctx context.Context, workflow, name string, from, to time.Time) ([]engine.Run, error) {
	planned, trigger, err := s.trigger(workflow, name)
	if err != nil {
		return nil, err
	}
	open, _, err := s.engine.Backfill(ctx, planned, trigger, from, to, s.sandboxed)
	if err != nil {
		return nil, err
	}
	var runs []engine.Run
	for _, at := range open {
		run, err := s.engine.MakeUp(ctx, planned, trigger, at, s.sandboxed)
		if errors.Is(err, engine.ErrExists) {
			continue // it has got its run meanwhile
		}
		if err != nil {
			return runs, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// apiAccounts implements web.Accounts.
type apiAccounts struct{ *daemon }

// List implements web.Accounts.
func (s apiAccounts) List(ctx context.Context) ([]result.Account, error) {
	now := *s.project
	now.config = s.current.Load()
	return accountViews(ctx, &now, s.ledger, s.sandboxed, time.Now())
}

// Trip implements web.Accounts.
func (s apiAccounts) Trip(ctx context.Context, connection, account string, until time.Time, reason, who string) error {
	if err := holdable(s.current.Load(), s.sandboxed, connection); err != nil {
		return web.BadBody("connection: " + err.Error())
	}
	return s.engine.TripAccount(ctx, s.accountsOf(connection), account, until, reason, who)
}

// Clear implements web.Accounts.
func (s apiAccounts) Clear(ctx context.Context, connection, account, who string) error {
	_, err := s.clearAccount(ctx, connection, account, who)
	return err
}

// clearAccount lets an account's calls go on, and frees its limits from waits. It reports false when it was not held.
func (s *session) clearAccount(ctx context.Context, connection, account, who string) (bool, error) {
	held, err := s.engine.ClearAccount(ctx, s.accountsOf(connection), account, who)
	if err != nil {
		return held, err
	}
	return held, s.limiter.Clear(ctx, messageOf(connection, account), nil)
}
