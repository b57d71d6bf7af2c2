package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"youmiflow/workflows"
)

// Planned is a workflow as it may be run now.
type Planned struct {
	Name     string
	Workflow *workflows.Resting // nil: there is a file, and there has been no good version of it yet
	Commit   string
}

// Planner knows the workflows.
type Planner interface {
	// Planned returns them, and a number that changes whenever they do. The list is not changed once it is handed out.
	Planned() (version int, list []Planned)
}

// SchedulerConfig is what a scheduler needs. Fields without a stated default are required.
type SchedulerConfig struct {
	Engine    *Engine // its Now, Timer, Location and Logger are the scheduler's
	Schedules Schedules
	Planner   Planner
	// Sandbox has the runs be rehearsals.
	Sandbox bool
	// Grace is how late an instant may be fired without being missed. Default 60s.
	Grace time.Duration
	// Since is when a backup was last accepted: instants up to then may have had their run, and are missed whatever their
	// triggers say; events from before start none. Default: there was none.
	Since time.Time
	// Poll is how often the scheduler looks what other processes have changed of schedules, and whether the clock was put
	// to another time. Default 1s.
	Poll time.Duration
	// Tell hears what came of each instant, once that is kept. It is called by several goroutines and must not block.
	// Default: nobody does.
	Tell func(Fire)
}

// Fire is what came of an instant of a trigger.
type Fire struct {
	Workflow, Trigger string
	Instant           time.Time // of several that were missed: the last
	At                time.Time // when that was decided
	Outcome           FireOutcome
	Reason            string // why not; "" otherwise
	Run               string // that was added
	Missed            int    // how many were missed
}

// Scheduler starts runs at the instants of the triggers of workflows, whatever happens to processes: an instant and what
// came of it are one entry of the ledger. Several may work over one ledger.
type Scheduler struct {
	SchedulerConfig
	poke chan struct{}

	mu      sync.Mutex
	stale   bool // the ledger knows more than the watches
	version int
	edits   int64
	watches map[string][]*watch // by workflow
	paused  map[triggerKey]bool
}

type triggerKey struct{ workflow, trigger string }

// NewScheduler returns a scheduler. It does nothing before Run.
func NewScheduler(config SchedulerConfig) *Scheduler {
	if config.Grace == 0 {
		config.Grace = time.Minute
	}
	if config.Poll == 0 {
		config.Poll = time.Second
	}
	if config.Tell == nil {
		config.Tell = func(Fire) {}
	}
	return &Scheduler{SchedulerConfig: config, poke: make(chan struct{}, 1), stale: true}
}

// Poke has the scheduler look at once whether workflows or schedules have changed.
func (s *Scheduler) Poke() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Run starts runs until ctx ends. What goes wrong is logged and tried again.
func (s *Scheduler) Run(ctx context.Context) error {
	failing := false
	for ctx.Err() == nil {
		err := s.look(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.Engine.Logger.ErrorContext(ctx, "starting runs at their time; trying again", "error", err)
		}
		failing = err != nil
		fired, stop := s.Engine.Timer(s.rest(failing))
		select {
		case <-fired:
		case <-s.poke:
		case <-ctx.Done():
		}
		stop()
	}
	return nil
}

// rest is how long nothing is due.
func (s *Scheduler) rest(failing bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := s.Poll
	if failing {
		return wait
	}
	if s.stale {
		return 0
	}
	now := s.Engine.Now()
	for _, list := range s.watches {
		for _, w := range list {
			if !w.next.IsZero() && !s.pausedAt(w) {
				wait = min(wait, w.next.Sub(now))
			}
		}
	}
	return max(wait, 0)
}

// look brings the watches up to date and fires what is due.
func (s *Scheduler) look(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	var group errgroup.Group // one that fails does not end the others
	group.SetLimit(512)      // as many as the ledger commits at once
	now := s.Engine.Now()
	for workflow, list := range s.watches {
		if s.soonest(list, now) == nil {
			continue
		}
		group.Go(func() error {
			if err := s.fireAll(ctx, list); err != nil {
				return fmt.Errorf("workflow %s: %w", workflow, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// soonest is the watch whose next instant is due first; nil when none is.
func (s *Scheduler) soonest(list []*watch, now time.Time) *watch {
	var first *watch
	for _, w := range list {
		if w.next.IsZero() || w.next.After(now) || s.pausedAt(w) {
			continue
		}
		if first == nil || w.next.Before(first.next) {
			first = w
		}
	}
	return first
}

func (s *Scheduler) pausedAt(w *watch) bool {
	name := w.planned.Name
	return s.paused[triggerKey{name, ""}] || s.paused[triggerKey{name, w.trigger.Name}]
}

// fireAll does what is due of one workflow, in the order of its instants.
func (s *Scheduler) fireAll(ctx context.Context, list []*watch) error {
	for ctx.Err() == nil {
		now := s.Engine.Now()
		w := s.soonest(list, now)
		if w == nil {
			return nil
		}
		err := s.settle(ctx, w, s.due(w, now))
		if errors.Is(err, ErrStale) {
			s.outdated()
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// outdated has the rows read again.
func (s *Scheduler) outdated() {
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
}
