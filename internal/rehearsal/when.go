package rehearsal

import (
	"fmt"
	"strings"
	"time"

	"youmiflow/workflows"
)

// when is an instant, as exact as it was written, or a span from the first to the last.
type when struct {
	text     string
	from, to time.Time // to is the last instant that still agrees
}

func (w *when) agrees(at time.Time) bool { return !at.Before(w.from) && !at.After(w.to) }

// clockForms are the ways to write an instant, each with how exact it is.
func clockForms() []clockForm {
	return []clockForm{
		{time.RFC3339, time.Second}, {"2006-01-02T15:04:05", time.Second}, {"2006-01-02 15:04:05", time.Second},
		{"2006-01-02T15:04Z07:00", time.Minute}, {"2006-01-02T15:04", time.Minute}, {"2006-01-02 15:04", time.Minute},
	}
}

type clockForm struct {
	layout string
	exact  time.Duration
}

// parseClock reads an instant; one without an offset is in the location.
func parseClock(text string, location *time.Location) (time.Time, time.Duration, error) {
	for _, form := range clockForms() {
		if at, err := time.ParseInLocation(form.layout, text, location); err == nil {
			return inZone(at, location), exactness(text, form.exact), nil
		}
	}
	return time.Time{}, 0, fmt.Errorf("%q is not a time: write one such as 2026-11-11T10:00:00+08:00 or 2026-11-11 10:00", text)
}

// inZone shows an instant in a location, unless it was written with an offset that is not the location's.
func inZone(at time.Time, location *time.Location) time.Time {
	_, written := at.Zone()
	if _, there := at.In(location).Zone(); written != there {
		return at
	}
	return at.In(location)
}

// exactness is finer where there is a fraction of a second.
func exactness(text string, exact time.Duration) time.Duration {
	if strings.Contains(text, ".") {
		return time.Millisecond
	}
	return exact
}

// parseWhen reads an instant, a time of the day (the first after the start), a length of time since the start, or a span
// of two of these (A..B).
func parseWhen(text string, start time.Time) (*when, error) {
	first, second, isSpan := strings.Cut(text, "..")
	from, to, err := parseInstant(strings.TrimSpace(first), start)
	if err == nil && isSpan {
		_, to, err = parseInstant(strings.TrimSpace(second), start)
	}
	if err != nil {
		return nil, err
	}
	if to.Before(from) {
		return nil, fmt.Errorf("%q ends before it begins", text)
	}
	return &when{text: text, from: from, to: to}, nil
}

func parseInstant(text string, start time.Time) (from, to time.Time, err error) {
	for _, form := range []clockForm{{"15:04:05", time.Second}, {"15:04", time.Minute}} {
		at, wrong := time.Parse(form.layout, text)
		if wrong != nil {
			continue
		}
		from = onDay(start, at, 0)
		exact := exactness(text, form.exact)
		if from.Add(exact).Compare(start) <= 0 {
			from = onDay(start, at, 1)
		}
		return from, from.Add(exact - 1), nil
	}
	if d, wrong := sinceStart(strings.TrimPrefix(text, "+")); wrong == nil {
		exact := time.Second
		if d%time.Second != 0 {
			exact = time.Millisecond
		}
		from = start.Add(d)
		return from, from.Add(exact - 1), nil
	}
	from, exact, err := parseClock(text, start.Location())
	if err != nil {
		return from, to, fmt.Errorf("%q is not a time: write 10:00:02, 90s after the start, 2026-11-11 10:00, or a span such as 10:00..10:05", text)
	}
	return from, from.Add(exact - 1), nil
}

// sinceStart reads a length of time; 0s is the start itself.
func sinceStart(text string) (time.Duration, error) {
	if text == "0s" {
		return 0, nil
	}
	return workflows.ParseDuration(text)
}

// onDay is a time of the day, so many days after the start's.
func onDay(start, clock time.Time, days int) time.Time {
	return time.Date(start.Year(), start.Month(), start.Day()+days, clock.Hour(), clock.Minute(), clock.Second(), clock.Nanosecond(), start.Location())
}
