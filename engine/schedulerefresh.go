package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// clockAhead is how far ahead of the clock a row may have considered instants. Beyond it the clock was wrong then; going
// back costs nothing, since no instant becomes a second run.
const clockAhead = 24 * time.Hour

// refresh brings the watches up to date with the workflows and the rows, where one of them has changed.
func (s *Scheduler) refresh(ctx context.Context) error {
	version, list := s.Planner.Planned()
	edits, err := s.Schedules.ScheduleEdits(ctx)
	if err != nil {
		return fmt.Errorf("looking whether schedules were changed: %w", err)
	}
	s.mu.Lock()
	current := !s.stale && version == s.version && edits == s.edits
	s.stale = false
	s.mu.Unlock()
	if current {
		return nil
	}
	rows, err := s.Schedules.Schedules(ctx)
	if err != nil {
		s.outdated()
		return fmt.Errorf("reading the schedules: %w", err)
	}
	known, paused := map[triggerKey]Schedule{}, map[triggerKey]bool{}
	for _, row := range rows {
		key := triggerKey{row.Workflow, row.Trigger}
		if row.Sandbox == s.Sandbox {
			known[key] = row
		}
		if row.Paused && !row.Sandbox {
			paused[key] = true
		}
	}
	watches := s.watch(ctx, list, known, paused)
	if err := s.forget(ctx, list, known, watches); err != nil {
		s.outdated()
		return err
	}
	s.mu.Lock()
	s.version, s.edits, s.watches, s.paused = version, edits, watches, paused
	s.mu.Unlock()
	return nil
}

// watch makes the watches of all triggers with instants, and the rows of those that have none yet.
func (s *Scheduler) watch(ctx context.Context, list []Planned, known map[triggerKey]Schedule, paused map[triggerKey]bool) map[string][]*watch {
	watches := map[string][]*watch{}
	added := map[*watch]beginning{}
	for _, planned := range list {
		if planned.Workflow == nil {
			continue
		}
		for _, trigger := range planned.Workflow.Triggers {
			w, err := newWatch(planned, trigger, s.Engine.Location)
			if err != nil { // its file was checked, so that this is a fault of the program's
				s.Engine.Logger.ErrorContext(ctx, "a trigger cannot be used", "error", err)
			}
			if w == nil {
				continue
			}
			key := triggerKey{planned.Name, trigger.Name}
			row, found := known[key]
			watches[planned.Name] = append(watches[planned.Name], w)
			if next, write := s.rowFor(w, row, found); !write {
				w.know(next)
			} else if !paused[key] && !paused[triggerKey{planned.Name, ""}] {
				added[w] = beginning{s.begin(ctx, next, row, found), next.Missed - row.Missed}
				w.know(next)
			}
		}
	}
	for w, one := range added {
		if err := one.Wait(ctx); err != nil {
			w.next = time.Time{} // nothing is known of it for now
			s.outdated()
			if !errors.Is(err, ErrStale) && ctx.Err() == nil {
				s.Engine.Logger.ErrorContext(ctx, "a schedule cannot be kept; trying again", "workflow", w.planned.Name, "error", err)
			}
		} else if one.missed > 0 {
			s.tell(w, Fire{Instant: w.row.LastAt, Outcome: Missed, Missed: one.missed, Reason: w.row.LastReason})
		}
	}
	return watches
}

// beginning is the row of a trigger that is seen for the first time, on its way into the ledger.
type beginning struct {
	Receipt
	missed int // instants that had passed by then
}

// rowFor is the row that a watch goes by, and whether it has to be written first.
func (s *Scheduler) rowFor(w *watch, row Schedule, found bool) (Schedule, bool) {
	now := s.Engine.Now()
	if !found || row.Definition != w.definition {
		next := w.begin(now, s.grace(now))
		if found { // what it has come to so far stays
			next.FiredAt, next.FiredRun, next.Fired, next.Skipped = row.FiredAt, row.FiredRun, row.Fired, row.Skipped
			next.Missed += row.Missed
			if next.LastOutcome == "" {
				next.LastAt, next.LastOutcome, next.LastReason = row.LastAt, row.LastOutcome, row.LastReason
			}
		}
		next.Sandbox = s.Sandbox
		return next, true
	}
	if row.ConsideredAt.After(now.Add(clockAhead)) {
		s.Engine.Logger.Warn("the clock was put back: instants count from now on again", "workflow", row.Workflow,
			"trigger", row.Trigger, "considered", row.ConsideredAt)
		row.ConsideredAt = now
		row.NextAt = w.after(now)
		return row, true
	}
	return row, false
}

// grace is how late an instant of a trigger that is seen for the first time may be, and not from before a backup was accepted.
func (s *Scheduler) grace(now time.Time) time.Duration {
	if since := now.Sub(s.Since); !s.Since.IsZero() && since < s.Grace {
		return max(since, 0)
	}
	return s.Grace
}

func (s *Scheduler) begin(ctx context.Context, next, row Schedule, found bool) Receipt {
	change := SetSchedule{Schedule: next}
	if found {
		change.Was = &row.ConsideredAt
	}
	return s.Engine.Ledger.Append(ctx, Entry{Changes: []Change{change}})
}

// forget drops the rows of triggers that are gone, so that they begin anew should they come back. Those of a workflow of
// which there is a file, but no good version, stay; and so do those that somebody has paused.
func (s *Scheduler) forget(ctx context.Context, list []Planned, known map[triggerKey]Schedule, watches map[string][]*watch) error {
	unread := map[string]bool{}
	for _, planned := range list {
		unread[planned.Name] = planned.Workflow == nil
	}
	there := map[triggerKey]bool{}
	for name, all := range watches {
		for _, w := range all {
			there[triggerKey{name, w.trigger.Name}] = true
		}
	}
	var gone []Change
	for key, row := range known {
		if !there[key] && !row.Paused && !unread[key.workflow] {
			gone = append(gone, DropSchedule{Workflow: key.workflow, Trigger: key.trigger, Sandbox: s.Sandbox})
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := s.Engine.commit(ctx, gone...); err != nil {
		return fmt.Errorf("forgetting schedules that are gone: %w", err)
	}
	return nil
}

// Paused reports whether a trigger, or its workflow, is paused; as of the last look.
func (s *Scheduler) Paused(workflow, trigger string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused[triggerKey{workflow, ""}] || s.paused[triggerKey{workflow, trigger}]
}
