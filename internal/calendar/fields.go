package calendar

import (
	"math/bits"
	"time"
)

// longestDays is how far ahead a fire is looked for: 29 February falls on a given weekday after 40 years at the latest (over
// a year such as 2100, which is no leap year).
const longestDays = 41 * 366

// fields are the sets of a cron expression, one bit for each value.
type fields struct {
	seconds, minutes, hours       uint64
	daysOfMonth, months, weekdays uint64
	// Both days are named, so that either will do. Otherwise both must fit, which a star always does.
	either bool
	// The hours follow the time that really passes; see the package's comment.
	follow bool
}

// next is the first time on the clock, at from or later, that the fields name.
func (f *fields) next(from wall) (wall, bool) {
	day, second := from.split()
	for last := day + longestDays; day <= last; second = 0 {
		year, month, date := time.Unix(day*secondsPerDay, 0).UTC().Date()
		if f.months&(1<<month) == 0 {
			day = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
			continue
		}
		if f.onDay(day, date) {
			if found, ok := f.inDay(int(second)); ok {
				return wall(day*secondsPerDay + int64(found)), true
			}
		}
		day++
	}
	return 0, false
}

func (f *fields) onDay(day int64, date int) bool {
	weekday := ((day+4)%7 + 7) % 7 // 1 January 1970 was a Thursday
	byDate, byWeekday := f.daysOfMonth&(1<<date) != 0, f.weekdays&(1<<weekday) != 0
	if f.either {
		return byDate || byWeekday
	}
	return byDate && byWeekday
}

// inDay is the first second of the day, at from or later, that the fields name.
func (f *fields) inDay(from int) (int, bool) {
	hour, minute, second := from/3600, from/60%60, from%60
	if f.hours&(1<<hour) != 0 {
		if f.minutes&(1<<minute) != 0 {
			if s, ok := atLeast(f.seconds, second); ok {
				return hour*3600 + minute*60 + s, true
			}
		}
		if m, ok := atLeast(f.minutes, minute+1); ok {
			return hour*3600 + m*60 + bits.TrailingZeros64(f.seconds), true
		}
	}
	if h, ok := atLeast(f.hours, hour+1); ok {
		return h*3600 + bits.TrailingZeros64(f.minutes)*60 + bits.TrailingZeros64(f.seconds), true
	}
	return 0, false
}

// atLeast is the smallest member of a set that is not below from (at most 63).
func atLeast(set uint64, from int) (int, bool) {
	set &= ^uint64(0) << from
	return bits.TrailingZeros64(set), set != 0
}
