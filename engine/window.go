package engine

import (
	"fmt"
	"time"

	"youmiflow/internal/calendar"
	"youmiflow/workflows"
)

// conduct is how a run has to behave, and how it has behaved in this process.
type conduct struct {
	window     *calendar.Window      // when its messages may leave; nil: always
	tolerances map[string]*tolerance // by step
}

// windowOf prepares a send window for the calendar. What it says was checked when the file was read.
func windowOf(window *workflows.SendWindow, location *time.Location) (*calendar.Window, error) {
	if window == nil {
		return nil, nil
	}
	from, err := calendar.ParseClock(window.From)
	if err != nil {
		return nil, fmt.Errorf("send_window.from: %w", err)
	}
	to, err := calendar.ParseClock(window.To)
	if err != nil {
		return nil, fmt.Errorf("send_window.to: %w", err)
	}
	days := calendar.EveryDay
	if window.Days != "" {
		if days, err = calendar.ParseDays(window.Days); err != nil {
			return nil, fmt.Errorf("send_window.days: %w", err)
		}
	}
	if window.Location != nil {
		location = window.Location
	}
	result := &calendar.Window{From: from, To: to, Days: days, Location: location}
	if err := result.Check(); err != nil {
		return nil, fmt.Errorf("send_window: %w", err)
	}
	return result, nil
}

// opens returns when the run's send window opens, zero when it is open or the run has none. A test send goes to whoever
// asked for it, at any time.
func (a *activeRun) opens(now time.Time) time.Time {
	if a.window == nil || a.run.Test != nil || a.window.Open(now) {
		return time.Time{}
	}
	return a.window.Next(now)
}

// untilOpen says, for people, what the run waits for.
func (a *activeRun) untilOpen(now, opens time.Time, location *time.Location) string {
	return fmt.Sprintf("held until %s by its send window", clockText(now, opens, location))
}

// clockText writes an instant as short as it is clear: the day only when it is another, the seconds only when it is less
// than an hour away. What is left out makes it no earlier than it is.
func clockText(now, at time.Time, location *time.Location) string {
	if location == nil {
		location = time.UTC
	}
	unit := time.Minute
	if at.Sub(now) < time.Hour {
		unit = time.Second
	}
	now, at = now.In(location), roundUp(at, unit).In(location)
	layout := "15:04"
	if at.Second() != 0 {
		layout = time.TimeOnly
	}
	if now.Year() != at.Year() || now.YearDay() != at.YearDay() {
		layout = time.DateOnly + " " + layout
	}
	return at.Format(layout)
}

// roundUp is the first instant that is not before at and whole in units.
func roundUp(at time.Time, unit time.Duration) time.Time {
	if cut := at.Truncate(unit); cut.Before(at) {
		return cut.Add(unit)
	}
	return at
}

// windowed reports whether a call has to keep to the send window and the deadline: whatever changes something, but for
// what hands a conversation back.
func windowed(request Request) bool {
	return request.Takeover != TakeoverEnds && !request.Team &&
		(request.Effect == workflows.EffectMessage || request.Effect == workflows.EffectIdempotent)
}

// speaks reports whether lists of steps make calls that a send window holds. A called workflow keeps the window itself.
func speaks(lists ...[]*workflows.Step) bool {
	for _, list := range lists {
		for _, step := range list {
			if uses := step.Uses; uses != nil && uses.Name != releaseStep &&
				(uses.Type.Effect == workflows.EffectMessage || uses.Type.Effect == workflows.EffectIdempotent) {
				return true
			}
			if speaks(step.Steps, step.Finally) {
				return true
			}
			for _, branch := range step.Parallel {
				if speaks(branch.Steps) {
					return true
				}
			}
		}
	}
	return false
}
