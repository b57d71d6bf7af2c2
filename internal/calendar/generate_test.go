package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func zone(t require.TestingT, name string) *time.Location {
	location, err := time.LoadLocation(name)
	require.NoError(t, err)
	return location
}

func schedule(t testing.TB, expression, zoneName string) *Schedule {
	t.Helper()
	s, err := Parse(expression, zone(t, zoneName))
	require.NoError(t, err)
	return s
}

// expression is a cron expression that was made up: what stands in its fields is known without reading it.
type expression struct {
	written [6]field
	seconds bool // the second is written too
}

// field is a list of parts; its values are those that are meant.
type field struct {
	parts  []part
	values []int
}

type part struct {
	star      bool
	low, high int
	step      int // 0: none
}

// made makes up an expression; pick draws from 0 up to n.
func made(pick func(n int) int, seconds bool) expression {
	e := expression{seconds: seconds}
	limits := [6][2]int{{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}}
	stars := [6]int{20, 30, 40, 60, 75, 60} // of a hundred
	for i, limit := range limits {
		switch {
		case i == 0 && !seconds:
			e.written[i] = field{parts: []part{{low: 0, high: 0}}, values: []int{0}}
		case pick(100) < stars[i]:
			e.written[i] = fieldOf([]part{{star: true}}, limit[0], limit[1])
		default:
			var parts []part
			for range 1 + pick(3)*pick(2) {
				parts = append(parts, madePart(pick, limit[0], limit[1]))
			}
			e.written[i] = fieldOf(parts, limit[0], limit[1])
		}
	}
	return e
}

func madePart(pick func(n int) int, low, high int) part {
	span := high - low
	switch pick(5) {
	case 0:
		return part{star: true, step: 1 + pick(span)}
	case 1:
		first := low + pick(span)
		return part{low: first, high: first + 1 + pick(high-first)}
	case 2:
		first := low + pick(span)
		last := first + 1 + pick(high-first)
		return part{low: first, high: last, step: 1 + pick(last-first)}
	default:
		only := low + pick(span+1)
		return part{low: only, high: only}
	}
}

func fieldOf(parts []part, low, high int) field {
	f := field{parts: parts}
	for _, p := range parts {
		if p.star {
			p.low, p.high = low, high
		}
		for value := p.low; value <= p.high; value += max(p.step, 1) {
			f.values = append(f.values, value)
		}
	}
	slices.Sort(f.values)
	f.values = slices.Compact(f.values)
	return f
}

func (e expression) String() string {
	var texts []string
	for i, f := range e.written {
		if i > 0 || e.seconds {
			texts = append(texts, f.String())
		}
	}
	return strings.Join(texts, " ")
}

func (f field) String() string {
	var texts []string
	for _, p := range f.parts {
		text := fmt.Sprintf("%d-%d", p.low, p.high)
		switch {
		case p.star:
			text = "*"
		case p.low == p.high:
			text = strconv.Itoa(p.low)
		}
		if p.step > 0 {
			text += "/" + strconv.Itoa(p.step)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ",")
}

func (f field) has(value int) bool { return slices.Contains(f.values, value) }

func (f field) star() bool { return slices.ContainsFunc(f.parts, func(p part) bool { return p.star }) }

func (f field) stepped() bool {
	return slices.ContainsFunc(f.parts, func(p part) bool { return p.star || p.step > 0 })
}

// either says whether one of the two days is enough.
func (e expression) either() bool { return !e.written[3].star() && !e.written[5].star() }

// names says whether the fields hold what a clock shows.
func (e expression) names(shown time.Time) bool {
	date, weekday := e.written[3].has(shown.Day()), e.written[5].has(int(shown.Weekday()))
	day := date && weekday
	if e.either() {
		day = date || weekday
	}
	return day && e.written[4].has(int(shown.Month())) && e.written[2].has(shown.Hour()) &&
		e.written[1].has(shown.Minute()) && e.written[0].has(shown.Second())
}

// follows says whether the hours follow the time that really passes.
func (e expression) follows() bool { return e.written[2].stepped() || len(e.written[2].values) == 24 }

// reading is what the clock of a zone shows, as a time in UTC.
func reading(t time.Time, location *time.Location) time.Time {
	t = t.In(location)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// watched are the fires from one instant up to another, found by looking at the clock at every tick, as a cron would do
// that never sleeps. It begins early enough to know what the clock has shown before.
func watched(e expression, location *time.Location, from, to time.Time, tick, early time.Duration) []time.Time {
	var fires []time.Time
	begin := from.Add(-early)
	latest := reading(begin, location).Add(-tick)
	for at := begin; at.Before(to); at = at.Add(tick) {
		shown := reading(at, location)
		fire := e.follows() && e.names(shown)
		for ; latest.Before(shown); latest = latest.Add(tick) {
			fire = fire || !e.follows() && e.names(latest.Add(tick))
		}
		if fire && !at.Before(from) {
			fires = append(fires, at.In(location))
		}
	}
	return fires
}

// firesOf are the fires of a schedule from one instant up to another.
func firesOf(t require.TestingT, s *Schedule, from, to time.Time) []time.Time {
	var fires []time.Time
	for at := s.Next(from.Add(-time.Nanosecond)); at.Before(to) && !at.IsZero(); {
		fires = append(fires, at)
		next := s.Next(at)
		require.True(t, next.IsZero() || next.After(at), "%s: %s comes after %s", s, next, at)
		at = next
	}
	return fires
}

// texts makes instants comparable and readable.
func texts(times []time.Time) []string {
	list := []string{}
	for _, t := range times {
		list = append(list, t.UTC().Format(time.RFC3339))
	}
	return list
}
