package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/dispatch"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/internal/sandbox"
	"youmiflow/steps"
)

// session is a ledger that is open for work, with the engine over it. The engine works only while this process owns
// the ledger; until then, what it is asked for is left to the owner.
type session struct {
	app         *app
	project     *project
	database    string
	sandboxed   bool
	options     sandbox.Config
	clients     *clients
	ledger      *ledger.Ledger
	engine      *engine.Engine
	limiter     *limit.Limiter
	dispatcher  *dispatch.Dispatcher
	ownership   *ledger.Ownership
	suppression *suppression
	telling     *telling       // nil when nobody is told
	role        string         // what this process is as the ledger's owner; "" for a command
	before      string         // what the process was that worked on the runs before this one
	suspended   []leftRun      // runs of processes that have ended, which this one brings to rest
	closers     []func() error // run in reverse
	watching    sync.WaitGroup
	stopWatch   context.CancelFunc
	rested      bool       // the engine has been stopped
	damage      chan error // that the ledger's file is damaged, once
}

// openSession opens the project's ledger and puts an engine over it. Before it leaves any trace, it finds out whether
// the connection can be used; with "" it does not.
func (a *app) openSession(ctx context.Context, project *project, connection string, sandboxed bool, options sandboxFlags) (_ *session, err error) {
	s := &session{app: a, project: project, sandboxed: sandboxed, clients: newClients(project, a.Version, sandboxed), damage: make(chan error, 1)}
	if s.options, err = options.config(); err != nil {
		return nil, err
	}
	if connection != "" {
		if err := s.clients.preflight(ctx, connection); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	if s.database, err = project.database(); err != nil {
		return nil, err
	}
	if s.ledger, err = ledger.Open(ctx, ledger.Config{DSN: s.database, Logger: a.logger(), Observe: a.observe()}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.ledger.Close)
	return s, s.wire(ctx, connection)
}

// startSandbox serves the simulator inside the process that owns the ledger. Its world is kept beside the ledger, so
// that the next owner finds what was delivered and taken over.
func (s *session) startSandbox(ctx context.Context) error {
	config := s.options
	config.Journal = s.project.sandboxJournal()
	if err := os.MkdirAll(filepath.Dir(config.Journal), 0o755); err != nil {
		return invalid("making the folder of the sandbox's journal: %w", err)
	}
	box, err := sandbox.New(config)
	if err != nil {
		return fmt.Errorf("starting the sandbox: %w", err)
	}
	if config.Seed == 0 && slices.ContainsFunc(config.Faults, func(fault sandbox.Fault) bool { return fault.Probability > 0 }) {
		s.app.say("the sandbox's seed is %d: --seed %d has the same faults hit again", box.Seed(), box.Seed())
	}
	url, stop, err := sandbox.Start(context.WithoutCancel(ctx), box)
	if err != nil {
		return errors.Join(err, box.Close())
	}
	s.clients.simulate(url)
	s.closers = append(s.closers, func() error { stop(); return box.Close() })
	return nil
}

// wire puts the engine over the ledger. The catalogue describes operations as the connection overrides them.
func (s *session) wire(ctx context.Context, connection string) error {
	operations, err := s.clients.operations(connection)
	if err != nil {
		return err
	}
	s.suppression = newSuppression(s.project, s.app.logger())
	s.tellPeople(ctx)
	config := s.app.catalogueConfig(s.project, s.clients)
	config.Notify = s.notifyNow
	config.Logger, config.Operations, config.Outcomes = s.app.stepLogger(), operations, outcomes(s.ledger)
	catalogue, err := steps.New(config)
	if err != nil {
		return err
	}
	s.limiter = limit.New(limit.Config{Store: s.buckets(), Shared: s.project.config.Limits, Location: s.project.config.Timezone})
	s.engine = engine.New(engine.Config{
		Ledger:    s.ledger,
		Limiter:   s.app.counted(s.limiter),
		Steps:     s.app.traces.Steps(s.app.countedSteps(catalogue)),
		Catalogue: catalogue,
		Limits:    s.project.config.Limits,
		Problems:  problemFolder{s.project},
		Events:    s.ledger,
		Secrets:   s.project.secrets(),
		Location:  s.project.config.Timezone,
		Logger:    s.app.logger(),

		Suppressed: s.suppression.has,
		Notice:     s.noticed(),
		Lost:       s.app.lost(),
	})
	s.dispatcher, err = dispatch.New(ctx, dispatch.Config{DB: s.ledger.DB(), Work: s.work, Logger: s.app.logger()})
	if err != nil {
		return err
	}
	s.ledger.SetWake(s.dispatcher.Wake)
	return nil
}

// own tries to become the process that works on the ledger, and when it does, starts the engine. decide says what
// becomes of the runs that an earlier process left.
func (s *session) own(ctx context.Context, decide func(engine.Run) engine.Recovery) (bool, error) {
	if s.stopWatch != nil {
		return true, nil
	}
	if s.ownership == nil {
		ownership, held, err := ledger.LockFor(s.database, s.lockRole())
		if err != nil || !held {
			return false, err
		}
		s.ownership = ownership
	}
	if err := s.suppression.load(); err != nil {
		return false, err
	}
	if s.sandboxed {
		if err := s.startSandbox(ctx); err != nil {
			return false, err
		}
	}
	if err := s.ledger.PruneBuckets(ctx, time.Now().Add(-limit.Kept)); err != nil {
		return false, err
	}
	if err := s.dispatcher.Reset(ctx); err != nil {
		return false, err
	}
	if err := s.recover(ctx, decide); err != nil {
		return false, err
	}
	if err := s.dispatcher.Start(ctx); err != nil {
		return false, err
	}
	if s.telling != nil {
		s.telling.begin(ctx)
	}
	watch, stop := context.WithCancel(ctx)
	s.stopWatch = stop
	s.watching.Add(1)
	go func() {
		defer s.watching.Done()
		if err := s.engine.Watch(watch); err != nil {
			s.app.logger().Error("watching for requests", "error", err)
		}
	}()
	return true, nil
}

// work works on a lane, but never on one of a run that is meant for the sandbox when this process talks to the real
// platform, nor the other way round: such a run waits for a process of its own kind.
func (s *session) work(ctx context.Context, lane engine.LaneKey) (*time.Time, error) {
	again, err := s.workFitting(ctx, lane)
	if ledger.Damaged(err) {
		select {
		case s.damage <- err:
		default: // somebody has told
		}
	}
	return again, err
}

func (s *session) workFitting(ctx context.Context, lane engine.LaneKey) (*time.Time, error) {
	run, err := s.ledger.Run(ctx, lane.Run)
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return nil, fmt.Errorf("run %s: %w", lane.Run, err)
	}
	if err == nil && run.Sandbox != s.sandboxed {
		return nil, nil
	}
	if s.app.metrics != nil {
		defer s.app.metrics.Working()()
	}
	return s.app.traces.Work(ctx, lane, func(ctx context.Context) (*time.Time, error) { return s.engine.Work(ctx, lane) })
}

// otherOwner says what it means for a run of this process that another one owns the ledger.
func (s *session) otherOwner(ctx context.Context) string {
	switch {
	case s.apart() && s.sandboxed:
		return " for real, a daemon: this run in the sandbox waits until that is stopped"
	case s.apart():
		return " in the sandbox, a daemon: this run for real waits until that is stopped"
	}
	runs, err := s.ledger.Runs(ctx, engine.RunFilter{Statuses: []engine.Status{engine.StatusRunning}})
	if err == nil {
		for _, run := range runs {
			if run.Sandbox != s.sandboxed && s.ledger.Attended(run.ID) {
				return map[bool]string{
					true:  " for real: this run in the sandbox waits until that has ended",
					false: " in the sandbox: this run for real waits until that has ended",
				}[s.sandboxed]
			}
		}
	}
	return ": the run is handed to it, and watched from here"
}

// partWithin is how long handing back what is held may take once nothing is worked on any more, of the time that a stop has.
const partWithin = 4 * time.Second

// rest stops the engine in order, once: nothing new is begun, what is in flight is finished, lanes are given back, and so are
// the conversations that are held.
func (s *session) rest(ctx context.Context) error {
	if s.stopWatch == nil || s.rested {
		return nil
	}
	s.rested = true
	s.stopWatch()
	s.watching.Wait()
	until, bounded := ctx.Deadline()
	stopped := make(chan error, 1)
	go func() { stopped <- s.dispatcher.Stop(ctx) }()
	if !bounded {
		err := <-stopped
		return errors.Join(err, s.part(context.WithoutCancel(ctx), time.Now().Add(partWithin)))
	}
	early := time.NewTimer(time.Until(until) - partWithin)
	defer early.Stop()
	select {
	case err := <-stopped:
		return errors.Join(err, s.part(context.WithoutCancel(ctx), until))
	case <-early.C: // what is in flight keeps its time; what the other lanes hold is handed back meanwhile
	}
	parted := s.part(context.WithoutCancel(ctx), until)
	err := <-stopped
	if time.Now().Before(until) { // of the lanes that were late
		parted = s.part(context.WithoutCancel(ctx), until)
	}
	return errors.Join(err, parted)
}

// part hands back what is held, until an instant, and says what could not be.
func (s *session) part(ctx context.Context, until time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	left, err := s.engine.HandBack(ctx, func(run engine.Run) bool { return run.Sandbox == s.sandboxed })
	s.app.sayUnparted(left)
	return err
}

// sayUnparted says how many conversations are held still.
func (a *app) sayUnparted(left int) {
	if left > 0 {
		a.say("warning: %d conversations could not be handed back in time; the next process that works on this ledger hands them back", left)
	}
}

// close stops the engine in order and lets the ledger go.
func (s *session) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	problems := []error{s.rest(ctx)}
	for i := len(s.closers) - 1; i >= 0; i-- {
		problems = append(problems, s.closers[i]())
	}
	for _, client := range s.clients.made {
		client.CloseIdle()
	}
	if s.ownership != nil {
		problems = append(problems, s.ownership.Release())
	}
	return errors.Join(problems...)
}

// openReadOnly opens the project's ledger for reading; nil when there is none yet.
func (a *app) openReadOnly(ctx context.Context, project *project) (*ledger.Ledger, error) {
	database, err := project.database()
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenReadOnly(ctx, database)
	if errors.Is(err, ledger.ErrAbsent) {
		return nil, nil
	}
	return l, err
}

// buckets keep what the limits have counted. A rehearsal counts for itself: it must not use up what an account may send.
func (s *session) buckets() limit.Store {
	if s.sandboxed {
		return sandboxBuckets{s.ledger}
	}
	return s.ledger
}

// sandboxPrefix begins the keys of the sandbox's buckets.
const sandboxPrefix = "sandbox "

// sandboxBuckets keeps the buckets of the sandbox apart from those of real accounts.
type sandboxBuckets struct{ store *ledger.Ledger }

func (r sandboxBuckets) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	return r.store.UpdateBucket(ctx, sandboxPrefix+key, change)
}

// Bucket implements limit.Reader.
func (r sandboxBuckets) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	return r.store.Bucket(ctx, sandboxPrefix+key)
}
