package engine

import (
	"fmt"
	"time"

	"youmiflow/internal/calendar"
	"youmiflow/workflows"
)

// watch is a trigger with instants, as the scheduler looks at it.
type watch struct {
	planned     Planned
	trigger     *workflows.Trigger
	fires       *calendar.Schedule // nil: at one instant
	from, until time.Time
	definition  string
	row         Schedule
	next        time.Time // after what is considered; zero: none
}

// newWatch prepares a trigger; nil when it has no instants.
func newWatch(planned Planned, trigger *workflows.Trigger, project *time.Location) (*watch, error) {
	location := trigger.Location
	if location == nil {
		location = project
	}
	w := &watch{planned: planned, trigger: trigger}
	switch {
	case trigger.Schedule != "":
		fires, err := calendar.Parse(trigger.Schedule, location)
		if err != nil {
			return nil, fmt.Errorf("trigger %s of workflow %s: %w", trigger.Name, planned.Name, err)
		}
		w.fires = fires
		w.from, w.until = trigger.Bounds(project)
		w.definition = fmt.Sprintf("%s; %s; %s; %s", fires, location, instantText(w.from), instantText(w.until))
	case !trigger.At.IsZero():
		w.definition = "at " + instantText(trigger.At)
	default:
		return nil, nil
	}
	return w, nil
}

func instantText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// after is the first instant after a time; zero when there is none.
func (w *watch) after(t time.Time) time.Time {
	if w.fires == nil {
		if w.trigger.At.After(t) {
			return w.trigger.At
		}
		return time.Time{}
	}
	if before := w.from.Add(-time.Nanosecond); !w.from.IsZero() && before.After(t) {
		t = before
	}
	next := w.fires.Next(t)
	if !w.until.IsZero() && next.After(w.until) {
		return time.Time{}
	}
	return next
}

// know takes over a row, and with it what comes next.
func (w *watch) know(row Schedule) {
	w.row = row
	w.next = w.after(row.ConsideredAt)
}

// begin is the row of a trigger that is seen for the first time, or means other instants than before: what has passed is
// not made up for. One instant that has just passed is none the less meant.
func (w *watch) begin(now time.Time, grace time.Duration) Schedule {
	row := Schedule{Workflow: w.planned.Name, Trigger: w.trigger.Name, Definition: w.definition, ConsideredAt: now}
	if w.fires == nil {
		row.ConsideredAt = now.Add(-grace)
		if !w.trigger.At.After(row.ConsideredAt) {
			row.LastAt, row.LastOutcome, row.Missed = w.trigger.At, Missed, 1
			row.LastReason = "it had passed when the trigger was first seen"
		}
	}
	row.NextAt = w.after(row.ConsideredAt)
	return row
}

// due is what has to be done next about instants that have come: one is fired, or some are missed.
type due struct {
	at     time.Time // to be fired
	late   bool      // it is made up for
	missed int       // how many are not
	why    string    // they are missed
	last   time.Time // of those
	upTo   time.Time // where looking for them ended
}

// mostMadeUp bounds how many missed instants of a trigger are made up for; mostLooked how many are looked at in one go.
const (
	mostMadeUp = 1000
	mostLooked = 100_000
)

// Why instants are missed.
const (
	nobodyThere = "nobody was there to fire it"
	notKnown    = "a backup was restored, which does not know whether it was fired"
)

// due decides about the instants from the next one to now: those from before a backup was accepted are over.
func (s *Scheduler) due(w *watch, now time.Time) due {
	if w.next.After(s.Since) {
		return w.due(now, s.Grace)
	}
	over := w.passed(s.Since.Add(time.Nanosecond))
	return due{missed: over.count, last: over.last, upTo: over.last, why: notKnown}
}

// due decides about the instants from the next one to now.
func (w *watch) due(now time.Time, grace time.Duration) due {
	if now.Sub(w.next) <= grace {
		return due{at: w.next}
	}
	punctual := now.Add(-grace) // from here on, instants are not late
	within := now.Add(-w.trigger.MissedWithin)
	if w.trigger.MissedWithin == 0 {
		within = time.Time{}
	}
	switch w.trigger.Missed {
	case workflows.MissedLatest:
		late := w.passed(punctual)
		if last := late.last; late.whole && !last.Before(within) {
			if late.count == 1 {
				return due{at: last, late: true}
			}
			return late.missedBefore(last)
		}
		return late.missedBefore(punctual)
	case workflows.MissedAll:
		if w.next.Before(within) {
			return w.passed(earlier(within, punctual)).missedBefore(earlier(within, punctual))
		}
		late := w.passed(punctual)
		if late.count > mostMadeUp || !late.whole {
			return late.missedBefore(late.recent)
		}
		return due{at: w.next, late: true}
	}
	return w.passed(punctual).missedBefore(punctual)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// passage are the instants from the next one up to, and without, a time.
type passage struct {
	count        int
	before, last time.Time // the last two
	recent       time.Time // the first of the last mostMadeUp
	end          time.Time // the first that was not looked at
	whole        bool      // all were looked at
}

func (w *watch) passed(until time.Time) passage {
	p := passage{end: w.next}
	var ring [mostMadeUp]time.Time
	for ; p.count < mostLooked && !p.end.IsZero() && p.end.Before(until); p.end = w.after(p.end) {
		p.before, p.last = p.last, p.end
		ring[p.count%mostMadeUp] = p.end
		p.count++
	}
	p.whole = p.end.IsZero() || !p.end.Before(until)
	p.recent = ring[0]
	if p.count > mostMadeUp {
		p.recent = ring[p.count%mostMadeUp]
	}
	return p
}

// missedBefore are those of the passage that come before an instant. Of one that was too long to be looked at, all are.
func (p passage) missedBefore(instant time.Time) due {
	switch {
	case !p.whole:
		return due{missed: p.count, last: p.last, upTo: p.last, why: nobodyThere}
	case instant.Equal(p.last):
		return due{missed: p.count - 1, last: p.before, upTo: p.before, why: nobodyThere}
	case p.count > mostMadeUp && instant.Equal(p.recent):
		return due{missed: p.count - mostMadeUp, last: instant, upTo: instant.Add(-time.Microsecond), why: nobodyThere}
	}
	return due{missed: p.count, last: p.last, upTo: p.last, why: nobodyThere}
}
