package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// change is a day on which the clock of a zone is changed, or an ordinary one.
type change struct{ zone, day string }

// changes are by an hour, half an hour, a quarter, two hours and a whole day, at night, at midnight and a minute after it.
func changes() []change {
	return []change{
		{"UTC", "2024-02-29"},
		{"Asia/Shanghai", "2026-12-31"},
		{"Asia/Shanghai", "1990-04-15"},
		{"Europe/Berlin", "2027-03-28"},
		{"Europe/Berlin", "2027-10-31"},
		{"Europe/Berlin", "2060-03-28"}, // beyond what a zone's file lists
		{"Europe/Berlin", "2060-12-31"},
		{"America/New_York", "2029-03-11"},
		{"America/New_York", "2029-11-04"},
		{"Australia/Lord_Howe", "2025-04-06"},
		{"Australia/Lord_Howe", "2025-10-05"},
		{"America/Sao_Paulo", "2018-02-17"},
		{"America/Sao_Paulo", "2018-11-04"},
		{"Africa/Cairo", "2025-04-25"},
		{"Africa/Cairo", "2025-10-30"},
		{"Asia/Beirut", "2026-03-29"},
		{"Asia/Beirut", "2026-10-24"},
		{"America/St_Johns", "2010-03-14"},
		{"America/St_Johns", "2010-11-06"},
		{"Antarctica/Troll", "2024-03-31"},
		{"Antarctica/Troll", "2024-10-27"},
		{"Asia/Kathmandu", "1985-12-31"},
		{"Asia/Pyongyang", "2015-08-14"},
		{"Asia/Pyongyang", "2018-05-04"},
		{"Pacific/Apia", "2011-12-30"}, // a day that never was
		{"Pacific/Kwajalein", "1993-08-21"},
		{"Pacific/Kwajalein", "1969-09-30"}, // put back by 23 hours
	}
}

func drawn(t *rapid.T) func(n int) int {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
}

func drawnChange(t *rapid.T) (location *time.Location, noon time.Time) {
	drawn := rapid.SampledFrom(changes()).Draw(t, "change")
	location = zone(t, drawn.zone)
	noon, err := time.ParseInLocation("2006-01-02 15:04", drawn.day+" 12:00", location)
	require.NoError(t, err)
	return location, noon
}

// No fire is left out and none is made up: the same as somebody who looks at the clock every minute.
func TestNextFindsWhatAWatcherOfTheClockFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		location, noon := drawnChange(t)
		e := made(drawn(t), false)
		s, err := Parse(e.String(), location)
		require.NoError(t, err)
		from := noon.Add(-30 * time.Hour)
		to := noon.Add(30 * time.Hour)
		want := watched(e, location, from, to, time.Minute, 72*time.Hour)
		require.Equal(t, texts(want), texts(firesOf(t, s, from, to)), "%s in %s", s, location)
		requireSameAnswers(t, s, want, from, to)

		after := from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from))).Draw(t, "after")))
		next := s.Next(after)
		for _, fire := range want {
			if fire.After(after) {
				require.Equal(t, fire, next, "%s in %s after %s", s, location, after)
				return
			}
		}
		require.True(t, next.IsZero() || !next.Before(to), "%s in %s after %s: %s", s, location, after, next)
	})
}

// The same for expressions with seconds, over the hours around the change.
func TestNextFindsWhatAWatcherFindsEverySecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		location, noon := drawnChange(t)
		e := made(drawn(t), true)
		s, err := Parse(e.String(), location)
		require.NoError(t, err)
		changed := time.Unix(stretchAt(location, noon.Add(-36*time.Hour).Unix()).end, 0)
		if changed.Sub(noon).Abs() > 36*time.Hour {
			changed = noon
		}
		from, to := changed.Add(-10*time.Minute), changed.Add(100*time.Minute)
		want := watched(e, location, from, to, time.Second, 3*time.Hour)
		require.Equal(t, texts(want), texts(firesOf(t, s, from, to)), "%s in %s", s, location)
	})
}

// A fire follows from the schedule alone: whoever asks at any time before it, and after the one before, is told the same.
func TestNextDoesNotDependOnWhoAsks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		location, noon := drawnChange(t)
		text := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) string { return made(drawn(t), rapid.Bool().Draw(t, "seconds")).String() }),
			rapid.Map(rapid.IntRange(1, 1_000_000), func(n int) string { return "@every " + (time.Duration(n) * time.Second).String() }),
		).Draw(t, "expression")
		s, err := Parse(text, location)
		require.NoError(t, err)
		first := s.Next(noon)
		if first.IsZero() {
			return
		}
		second := s.Next(first)
		between := first.Add(time.Duration(rapid.Int64Range(0, int64(min(second.Sub(first), 1000*time.Hour))-1).Draw(t, "between")))
		require.True(t, first.After(noon))
		if !second.IsZero() {
			require.Equal(t, second, s.Next(between), "%s in %s after %s", s, location, between)
		}
		require.Zero(t, first.Nanosecond())
		require.Equal(t, location, first.Location())
	})
}

// A window is open exactly when the clock shows a time that is in it.
func TestWindowsAreOpenWhenAWatcherSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		location, noon := drawnChange(t)
		w := &Window{
			From:     Clock(rapid.OneOf(rapid.IntRange(0, 1439), rapid.SampledFrom([]int{0, 60, 120, 150, 180, 1380})).Draw(t, "from")),
			To:       Clock(rapid.OneOf(rapid.IntRange(0, 1440), rapid.SampledFrom([]int{0, 60, 120, 150, 180, 1440})).Draw(t, "to")),
			Days:     Days(rapid.Uint8Range(1, 127).Draw(t, "days")),
			Location: location,
		}
		if rapid.IntRange(0, 9).Draw(t, "whole days") == 0 {
			w.To = w.From
		}
		require.NoError(t, w.Check())
		begin := noon.Add(-36 * time.Hour)
		const span = 72 * 60
		next, closes := w.Next(begin.Add(span*time.Minute)), w.Closes(begin.Add(span*time.Minute))
		for minute := span - 1; minute >= 0; minute-- {
			at := begin.Add(time.Duration(minute) * time.Minute)
			open := inWindow(w, reading(at, location))
			require.Equal(t, open, w.Open(at), "%s %v", at, w)
			if open {
				next = at
			} else {
				closes = at
			}
			if minute%7 == 0 || at.Equal(next) || at.Equal(closes) {
				require.True(t, next.Equal(w.Next(at)), "%s %v: opens %s, not %s", at, w, next, w.Next(at))
				require.True(t, closes.Equal(w.Closes(at)), "%s %v: closes %s, not %s", at, w, closes, w.Closes(at))
			}
		}
	})
}

// inWindow is the definition, for the readings of a clock.
func inWindow(w *Window, shown time.Time) bool {
	minute := Clock(shown.Hour()*60 + shown.Minute())
	today, yesterday := w.Days.Has(shown.Weekday()), w.Days.Has(shown.AddDate(0, 0, -1).Weekday())
	switch {
	case w.From == w.To:
		return today
	case w.From < w.To:
		return today && minute >= w.From && minute < w.To
	default:
		return today && minute >= w.From || yesterday && minute < w.To
	}
}
