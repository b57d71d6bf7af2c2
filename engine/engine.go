package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"youmiflow/internal/redact"
	"youmiflow/workflows"
)

// Config is what an engine needs. Fields without a stated default are required.
type Config struct {
	Ledger    Ledger
	Limiter   Limiter
	Steps     Steps
	Catalogue workflows.Catalogue
	// Limits are the shared limits of the project, from which a workflow's own inherit. Default: none.
	Limits []*workflows.Limit
	// Slice is how long a lane begins items before it is given back; those that are open may wait for a quarter of it more.
	// Default 20s.
	Slice time.Duration
	// Grace is how long an item that has begun may go on once its run is to stop. Default 10s.
	Grace time.Duration
	// Concurrency is how many calls of a foreach may be in flight when the workflow does not say. Default 16.
	Concurrency int
	// Orderly has the items of a lane worked on strictly one behind the other, so that a run on virtual time goes the same
	// way each time; so are the branches of a parallel step. Default: several at a time, while none of them waits.
	Orderly bool
	// Poll is how often the engine looks whether another process wants something of a run. Default 500ms.
	Poll time.Duration
	// Location is the time zone of send windows that name none. Default: UTC.
	Location *time.Location
	// Suppressed reports whether nobody may write to a customer; with account "", which is that of a call that names none,
	// whether some account may not. Default: nobody is.
	Suppressed func(account, friend string) bool
	// TripAfter is how many failures in a row that the catalogue marks as the account's fault trip an account. Default 5.
	TripAfter int
	// TripFor is how long a tripped account is held. Default 1h.
	TripFor time.Duration
	// Problems keeps what is wrong with the rows of an audience. Default: only the first few are told.
	Problems ProblemSink
	// Events has what the platform has pushed: what stop_when looks at. Default: nothing was pushed.
	Events EventSource
	// Secrets are the values that `secrets` has in expressions. They are hidden in everything that the engine keeps, logs
	// or shows. Default: none.
	Secrets map[string]string
	// Notice, when set, hears of what people have to know, once it is durable; the ledger keeps it as well (AddNotice). It must
	// return at once. Default: nobody hears, and nothing is kept.
	Notice func(Notice)
	// Lost, when set, hears of each call that an earlier process left without an answer, once what it counts as is kept: unknown,
	// or failed where it is repeated. It must return at once. Default: nobody hears.
	Lost func(Call)
	// Now is the time that everything is decided by and recorded with. Default time.Now.
	Now func() time.Time
	// Timer waits for a length of time: what it returns is ready when that has passed, and stop ends it before. Default
	// time.NewTimer.
	Timer func(time.Duration) (fired <-chan time.Time, stop func() bool)
	// WithTimeout ends the context of a call after the time that its step allows. Default context.WithTimeout.
	WithTimeout func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// Jitter draws a number from 0 up to, and without, n: how far the repetitions of calls are apart. Default: at random.
	Jitter func(n int64) int64
	// Logger gets what is worth telling an operator. Default: discarded.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Slice == 0 {
		c.Slice = 20 * time.Second
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.Concurrency == 0 {
		c.Concurrency = 16
	}
	if c.Poll == 0 {
		c.Poll = 500 * time.Millisecond
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Suppressed == nil {
		c.Suppressed = func(string, string) bool { return false }
	}
	if c.TripAfter == 0 {
		c.TripAfter = 5
	}
	if c.TripFor == 0 {
		c.TripFor = time.Hour
	}
	if c.Lost == nil {
		c.Lost = func(Call) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Timer == nil {
		c.Timer = realTimer
	}
	if c.WithTimeout == nil {
		c.WithTimeout = context.WithTimeout
	}
	if c.Jitter == nil {
		c.Jitter = rand.Int64N
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// realTimer needs none for an instant that has come.
func realTimer(d time.Duration) (<-chan time.Time, func() bool) {
	if d <= 0 {
		fired := make(chan time.Time, 1)
		fired <- time.Now()
		return fired, func() bool { return false }
	}
	timer := time.NewTimer(d)
	return timer.C, timer.Stop
}

// Engine works on lanes when it is told to (Work), and takes requests for runs (Create, Pause, Resume, Cancel).
type Engine struct {
	Config

	conversations *conversations
	accounts      *accounts
	applying      latency          // how long takeovers take
	secrets       map[string]any   // as expressions see them
	redactor      *redact.Redactor // nil without secrets

	limits atomic.Pointer[[]*workflows.Limit] // in place of Config.Limits

	mu      sync.Mutex
	active  map[string]*activeRun
	entered map[LaneKey]bool // lanes that this process works on
}

// New returns an engine. It starts nothing.
func New(config Config) *Engine {
	e := &Engine{Config: config.withDefaults(), active: map[string]*activeRun{}, entered: map[LaneKey]bool{}, conversations: newConversations(), accounts: newAccounts()}
	e.SetLimits(config.Limits)
	e.secrets = secretNames(config.Secrets)
	if e.Notice != nil && e.Ledger != nil {
		e.Ledger = noticingLedger{e.Ledger, e.Notice, e.Now}
	}
	if e.redactor = newRedactor(config.Secrets); e.redactor != nil {
		e.Logger = slog.New(e.redactor.Handler(e.Logger.Handler()))
		if e.Ledger != nil {
			e.Ledger = hidingLedger{e.Ledger, e.redactor}
		}
	}
	return e
}

// Work works on one lane for at most a slice of time. When it returns an instant, the lane wants to be worked on again
// then; with neither instant nor error there is nothing left to do, or something else will wake the lane. Two calls
// for one lane must not overlap in one process; between processes the lane's epoch decides.
//
// When ctx ends, the slice ends in order: nothing new is begun, calls in flight are finished, items that were begun get
// the grace.
func (e *Engine) Work(ctx context.Context, key LaneKey) (*time.Time, error) {
	if e.enter(key) { // else two overlap, and the lane's epoch decides
		defer e.exit(key)
	}
	leaving := newLeaving(ctx, e.Now)
	ctx = context.WithoutCancel(ctx)
	active, err := e.activate(ctx, key.Run)
	if err == nil {
		err = e.knowAccounts(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", key.Run, err)
	}
	if active == nil {
		return nil, nil
	}
	var again *time.Time
	if key.Step == "" {
		again, err = e.workRoot(ctx, active, key, leaving)
	} else {
		again, err = e.workLane(ctx, active, key, leaving)
	}
	if err != nil {
		return nil, fmt.Errorf("run %s, lane %q: %w", key.Run, key.Lane, err)
	}
	return again, nil
}

// calledLooks is how much rarer the engine looks at runs that others have called, of which there may be a thousand. What is
// wanted of their caller it tells them itself.
const calledLooks = 10

// Watch tells the engine's slices what other processes want of their runs, until ctx ends.
func (e *Engine) Watch(ctx context.Context) error {
	tick := time.NewTicker(e.Poll)
	defer tick.Stop()
	looks := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := e.refreshAccounts(ctx); err != nil && ctx.Err() == nil {
			e.Logger.WarnContext(ctx, "looking which accounts are held; trying again", "error", err)
		}
		looks++
		for _, active := range e.working() {
			if active.mayWait() && looks%calledLooks != 0 {
				continue
			}
			err := e.hear(ctx, active)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				e.Logger.WarnContext(ctx, "looking what is wanted of a run; trying again", "run", active.run.ID, "error", err)
			}
		}
	}
}

// hear looks what another process has asked of a run, or decided for it.
func (e *Engine) hear(ctx context.Context, active *activeRun) error {
	run, err := e.Ledger.Run(ctx, active.run.ID)
	if err != nil {
		return err
	}
	active.want(run.Wanted)
	asked := active.questions()
	if len(asked) == 0 {
		return nil
	}
	rows, err := e.Ledger.Steps(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if slices.Contains(asked, row.Path) && row.Status != StatusHeld {
			active.answered(row.Path)
			return e.commit(ctx, Wake{LaneKey: LaneKey{Run: run.ID}})
		}
	}
	return nil
}

func (e *Engine) working() []*activeRun {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*activeRun, 0, len(e.active))
	for _, active := range e.active {
		list = append(list, active)
	}
	return list
}

// AtRest reports whether no run is being worked on.
func (e *Engine) AtRest() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.active) == 0
}

// commit makes changes durable and waits for it.
func (e *Engine) commit(ctx context.Context, changes ...Change) error {
	return e.Ledger.Append(ctx, Entry{Changes: changes}).Wait(ctx)
}
