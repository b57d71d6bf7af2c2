package calendar

import (
	"math"
	"time"
)

const (
	secondsPerDay = 24 * 60 * 60
	// No zone has been further from UTC than 16 hours, so no two of its clocks were ever further apart than this.
	twoDays = 2 * secondsPerDay
	// So far from today that no zone has a change there, and so near that adding to it does not overflow.
	never = math.MaxInt64 / 4
)

// wall is what a clock on the wall shows: the seconds since the start of 1970 if the clock had never been changed.
type wall int64

// day is the days since 1 January 1970, and second what has passed of that day.
func (w wall) split() (day, second int64) {
	day, second = int64(w)/secondsPerDay, int64(w)%secondsPerDay
	if second < 0 {
		return day - 1, second + secondsPerDay
	}
	return day, second
}

// stretch is a time in which a zone's clock is not changed: the instants from start up to end, in seconds since 1970.
// The clock shows the instant plus the offset.
type stretch struct {
	start, end int64
	offset     int64
}

// stretchAt is a stretch that holds an instant. Where its end is not a change of the clock, the next one has the same
// offset.
func stretchAt(location *time.Location, instant int64) stretch {
	t := time.Unix(instant, 0).In(location)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	s := stretch{start: -never, end: never, offset: int64(offset)}
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= instant {
		// After the last change that a zone's file lists, ZoneBounds takes every year to end after 365 days, so that on the
		// last day of a leap year the end lies before the instant. No zone changes its clock on that day.
		s.end = (instant/secondsPerDay + 1) * secondsPerDay
	}
	return s
}

// firstShown is the first instant at which the clock shows w or later: the first of two where the clock shows it twice,
// and the end of the gap where it never does.
func firstShown(location *time.Location, w wall) int64 {
	at := int64(w) - secondsPerDay // no clock is a day ahead of UTC
	for {
		s := stretchAt(location, at)
		if found := max(at, int64(w)-s.offset); found < s.end {
			return found
		}
		at = s.end
	}
}

// latestShown is the latest that the clock has shown up to an instant. It is later than what the clock shows then, when
// the clock has just been put back.
func latestShown(location *time.Location, instant int64) wall {
	s := stretchAt(location, instant)
	latest := instant + s.offset
	for s.start > instant-twoDays {
		end := s.start
		s = stretchAt(location, end-1)
		latest = max(latest, end-1+s.offset)
	}
	return wall(latest)
}
