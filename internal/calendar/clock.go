package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Clock is a time of the day in minutes since its start, from 0 (00:00) to 1440 (24:00, the end of the day).
type Clock int

const endOfDay Clock = 24 * 60

// String is the time as it is written, such as 09:00.
func (c Clock) String() string {
	if c < 0 {
		return fmt.Sprintf("%d minutes", int(c))
	}
	return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60)
}

// ParseClock reads a time of the day, 00:00 to 24:00. An hour below 10 may have one digit.
func ParseClock(text string) (Clock, error) {
	hours, minutes, ok := strings.Cut(strings.TrimSpace(text), ":")
	hour, hourOK := digits(hours)
	minute, minuteOK := digits(minutes)
	if !ok || !hourOK || !minuteOK || len(hours) > 2 || len(minutes) != 2 || minute > 59 || hour*60+minute > int(endOfDay) {
		return 0, fmt.Errorf("%q is not a time of the day; write hours and minutes, from 00:00 to 24:00, such as 09:30", shortened(text))
	}
	return Clock(hour*60 + minute), nil
}

// Days is a set of days of the week. The zero value has none.
type Days uint8

// EveryDay is the whole week.
const EveryDay Days = 1<<7 - 1

// Has says whether a day is in the set.
func (d Days) Has(day time.Weekday) bool { return d&(1<<day) != 0 }

// String names the days from Monday on, in the form that ParseDays reads: MON-FRI, or SAT,SUN. No days are an empty text.
func (d Days) String() string {
	names := weekNames()
	var parts []string
	for first := 0; first < 7; {
		last := first
		for last < 7 && d.Has(weekdayAt(last)) {
			last++
		}
		switch last - first {
		case 0:
			last++
		case 1, 2:
			parts = append(parts, names[first:last]...)
		default:
			parts = append(parts, names[first]+"-"+names[last-1])
		}
		first = last
	}
	return strings.Join(parts, ",")
}

// ParseDays reads days of the week by their English names of three letters: one (MON), a range (MON-FRI; SAT-MON goes over
// the end of the week), or a list of these (MON-WED,SAT). Numbers are not read: some begin the week with 0 and some with 1.
func ParseDays(text string) (Days, error) {
	var days Days
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first := slices.Index(weekNames(), strings.ToUpper(strings.TrimSpace(from)))
		last := first
		if ranged {
			last = slices.Index(weekNames(), strings.ToUpper(strings.TrimSpace(to)))
		}
		if first < 0 || last < 0 {
			return 0, fmt.Errorf("%q in %q is not a day of the week; write %s, a range such as MON-FRI, or a list such as SAT,SUN",
				shortened(strings.TrimSpace(part)), shortened(text), strings.Join(weekNames(), ", "))
		}
		for day := first; ; day = (day + 1) % 7 {
			days |= 1 << weekdayAt(day)
			if day == last {
				break
			}
		}
	}
	return days, nil
}

func weekNames() []string { return []string{"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"} }

// weekdayAt is the day at a place of a week that begins with Monday.
func weekdayAt(place int) time.Weekday { return time.Weekday((place + 1) % 7) }

// shortened keeps errors readable when somebody puts a whole file where a time belongs.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}
