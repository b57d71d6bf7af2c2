package calendar

import (
	"errors"
	"fmt"
	"time"
)

// Window is when messages may leave: from a time of the day until another, on some days of the week, as the clock of a
// time zone shows them. It is open exactly at those instants at which the clock shows a time that is in it:
//
//   - From belongs to it, To does not; From after To goes over midnight, and what is after midnight belongs to the day
//     before; From equal to To is the whole of each day.
//   - Where the clock is put forward over From, it opens at the first instant after the gap.
//   - Where the clock is put back, it is open at both of the times that the clock shows twice.
//
// The zero value is never open; Check says what a window lacks. The methods do not change it.
type Window struct {
	From, To Clock
	Days     Days
	Location *time.Location // nil is UTC
}

// Check says what is wrong with a window: no days, no time zone, or a From of 24:00.
func (w *Window) Check() error {
	switch {
	case w.Days&EveryDay == 0:
		return errors.New("a window needs at least one day")
	case w.Location == nil:
		return errors.New("a window needs a time zone")
	case w.From < 0 || w.From >= endOfDay:
		return fmt.Errorf("a window begins between 00:00 and 23:59, not at %s", w.From)
	case w.To < 0 || w.To > endOfDay:
		return fmt.Errorf("a window ends between 00:00 and 24:00, not at %s", w.To)
	}
	return nil
}

// Open says whether messages may leave at t.
func (w *Window) Open(t time.Time) bool {
	_, offset := t.In(w.location()).Zone()
	return w.shows(wall(t.Unix() + int64(offset)))
}

// Next is the earliest instant, not before t, at which the window is open: t itself when it is open then. It is the zero
// time when the window never opens.
func (w *Window) Next(t time.Time) time.Time { return w.first(t, true) }

// Closes is the end of the open time that holds t: the first instant after it at which the window is closed. It is t
// itself when the window is closed then, and the zero time when the window never closes.
func (w *Window) Closes(t time.Time) time.Time { return w.first(t, false) }

// first is the first instant, not before t, at which the window is open, or closed. A window that opens at all does so in
// every week, but for a change of the clock; so it is looked for over a year and no longer.
func (w *Window) first(t time.Time, open bool) time.Time {
	if w.Open(t) == open {
		return t
	}
	begin := t.Unix()
	for at := begin; at < begin+366*secondsPerDay; {
		unchanged := stretchAt(w.location(), at)
		shown, ok := w.change(wall(at+unchanged.offset), open)
		if !ok {
			break
		}
		if found := int64(shown) - unchanged.offset; found < unchanged.end {
			return time.Unix(found, 0).In(w.location())
		}
		at = unchanged.end
	}
	return time.Time{}
}

// change is the first time on the clock, at from or later, at which the window is open, or closed. It can only begin to be
// so at From, at To, and at midnight.
func (w *Window) change(from wall, open bool) (wall, bool) {
	if w.shows(from) == open {
		return from, true
	}
	today, _ := from.split()
	for day := today; day <= today+8; day++ {
		for _, clock := range [3]Clock{0, min(w.From, w.To), max(w.From, w.To)} {
			edge := wall(day*secondsPerDay + int64(clock)*60)
			if edge > from && w.shows(edge) == open {
				return edge, true
			}
		}
	}
	return 0, false
}

// shows says whether the window is open when the clock shows this.
func (w *Window) shows(on wall) bool {
	day, second := on.split()
	weekday := time.Weekday(((day+4)%7 + 7) % 7) // 1 January 1970 was a Thursday
	clock := Clock(second / 60)
	switch {
	case w.From == w.To:
		return w.Days.Has(weekday)
	case w.From < w.To:
		return w.Days.Has(weekday) && w.From <= clock && clock < w.To
	default:
		return w.Days.Has(weekday) && clock >= w.From || w.Days.Has((weekday+6)%7) && clock < w.To
	}
}

func (w *Window) location() *time.Location {
	if w.Location == nil {
		return time.UTC
	}
	return w.Location
}
