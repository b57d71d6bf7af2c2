package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"youmiflow/workflows"
)

// ownLimits are the limits of a workflow, as they are under certain shared ones.
type ownLimits struct {
	under  *[]*workflows.Limit
	limits []*workflows.Limit
}

// limits are the workflow's own.
func (a *activeRun) limits() []*workflows.Limit {
	if own := a.own.Load(); own != nil {
		return own.limits
	}
	return nil
}

// follow has the workflow's own limits inherit from the shared ones that are in force.
func (a *activeRun) follow(shared *[]*workflows.Limit) {
	if own := a.own.Load(); own == nil || own.under != shared {
		a.own.Store(&ownLimits{shared, workflows.ResolveLimits(a.workflow, *shared)})
	}
}

// resumption is until when a call waits. One that waits for the limits waits no longer than these are in force: under says
// which; nil: it waits for something else.
type resumption struct {
	at    time.Time
	under *[]*workflows.Limit
}

func (r resumption) holds(shared *[]*workflows.Limit) bool {
	return r.under == nil || r.under == shared
}

// later remembers until when a call waits, beyond the slice.
func (a *activeRun) later(key slotKey, r resumption) {
	a.mu.Lock()
	a.resumeAt[key] = r
	a.mu.Unlock()
}

func (s *scope) later(key slotKey, at time.Time, why putOff) {
	r := resumption{at, s.under}
	if why.repeats != "" {
		r.under = nil
	}
	s.active.later(key, r)
}

// earlier returns and forgets what later remembered.
func (s *scope) earlier(key slotKey) (time.Time, bool) {
	s.active.mu.Lock()
	defer s.active.mu.Unlock()
	r, ok := s.active.resumeAt[key]
	delete(s.active.resumeAt, key)
	return r.at, ok && r.holds(s.engine.limits.Load())
}

// slotOf returns what later remembered, and leaves it.
func (s *scope) slotOf(key slotKey) (time.Time, bool) {
	s.active.mu.Lock()
	defer s.active.mu.Unlock()
	r, ok := s.active.resumeAt[key]
	return r.at, ok && r.holds(s.engine.limits.Load())
}

// shared are the limits of the project.
func (e *Engine) shared() []*workflows.Limit { return *e.limits.Load() }

// SetLimits puts other limits in the place of Config.Limits, after the limiter has been given them. What is about to wait
// for the limits asks again; what waits already does so once LimitsChanged has it looked at.
func (e *Engine) SetLimits(limits []*workflows.Limit) { e.limits.Store(&limits) }

// LimitsChanged has everything looked at again at once that waits for the limits, after SetLimits: they may let it go on by
// now. A slot that was given under the limits before, and is not used for that reason, is lost: the account sends one less in
// that hour. What a platform asked to be held back for stays so.
func (e *Engine) LimitsChanged(ctx context.Context) error {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: []Status{StatusRunning, StatusPaused}})
	if err != nil {
		return fmt.Errorf("looking for runs that wait for the limits: %w", err)
	}
	for _, run := range runs {
		wakes, err := e.wakes(ctx, run.ID)
		if err == nil {
			err = e.commit(ctx, wakes...) // whatever was on its way to the ledger before is in it then
		}
		if err == nil {
			err = e.unhold(ctx, run, waitsForLimits)
		}
		if err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

// asksAgain reports whether an item that is held for a limit goes on all the same, since an earlier process held it: other
// limits may be in force by now, and a run that comes from a backup sends nothing that they could let through. Each asks
// once while this process works on the run; whatever this process holds, LimitsChanged has asked again. One that waits for its
// slot in a conversation that it has keeps to its instant: it would be given a slot behind that one, and lose the conversation.
func (w *laneWork) asksAgain(item Item) bool {
	return item.ID > w.begunTo && waitsForLimits(item.Reason) && (!w.active.run.Copied.IsZero() || !speaking(item))
}

// speaking reports whether an item that is held has a conversation all the same, or may have one.
func speaking(item Item) bool {
	if len(item.Progress) == 0 {
		return false
	}
	k := newKept()
	err := json.Unmarshal(item.Progress, &k.results)
	return err != nil || len(k.holding()) > 0
}

// begunIn is the item up to which this process has begun those of a lane, and keepBegun remembers it between slices.
func (a *activeRun) begunIn(lane LaneKey) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begunTo[lane]
}

func (a *activeRun) keepBegun(lane LaneKey, item int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begunTo == nil {
		a.begunTo = map[LaneKey]int64{}
	}
	a.begunTo[lane] = item
}

// How the reasons of items begin that are held for a limit: the one that is named, or one that is not known any more.
const (
	reasonLimit = "the limit "
	reasonHeld  = "held until "
)

func waitsForLimits(reason string) bool {
	return strings.HasPrefix(reason, reasonLimit) || strings.HasPrefix(reason, reasonHeld)
}
