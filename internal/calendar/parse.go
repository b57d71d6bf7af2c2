package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// longestExpression is far above what people write, and keeps errors and work bounded.
const longestExpression = 500

// Parse reads a cron expression: 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first; one of
// the words @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually; or @every with a duration such as
// 1h30m, in whole seconds. The expression is read on the clock of location, which must not be nil.
//
// When both the day of month and the day of week are named, either will do, as in vixie cron; when there is a star in one
// of them (*, */2), both must fit. In the day of week, 0, 7 and SUN are Sunday. @every counts from the start of Monday,
// 3 January 2000, in location, so that its fires do not move when a process is started again.
//
// The error says which field is wrong and what is allowed there.
func Parse(expression string, location *time.Location) (*Schedule, error) {
	text := strings.TrimSpace(expression)
	switch {
	case location == nil:
		return nil, errors.New("a schedule needs a time zone")
	case text == "":
		return nil, errors.New("the schedule is empty; write a cron expression such as 0 9 * * MON-FRI, or a word such as @daily")
	case len(text) > longestExpression:
		return nil, fmt.Errorf("the schedule has %d bytes; at most %d are read", len(text), longestExpression)
	case strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="):
		return nil, fmt.Errorf("the schedule %q names a time zone; the zone stands in a key of its own, timezone", shortened(text))
	}
	s := &Schedule{expression: text, location: location}
	var err error
	if rest, ok := strings.CutPrefix(text, "@every"); ok {
		s.anchor = time.Date(2000, time.January, 3, 0, 0, 0, 0, location).Unix()
		s.every, err = parseEvery(strings.TrimSpace(rest))
	} else {
		s.fields, err = parseFields(text)
	}
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", shortened(text), err)
	}
	return s, nil
}

func parseEvery(text string) (seconds int64, err error) {
	const form = "write @every and a duration in hours, minutes and seconds, such as @every 1h30m"
	every, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration; %s", text, form)
	case every < time.Second:
		return 0, fmt.Errorf("%s is too short; the shortest is @every 1s", text)
	case every%time.Second != 0:
		return 0, fmt.Errorf("%s is not a whole number of seconds; %s", text, form)
	}
	return int64(every / time.Second), nil
}

func parseFields(text string) (*fields, error) {
	written, err := words(text)
	if err != nil {
		return nil, err
	}
	var plain [6]string
	for i, rule := range rules() {
		if plain[i], err = rule.plain(written[i]); err != nil {
			return nil, fmt.Errorf("the %s field %q: %w", rule.name, shortened(written[i]), err)
		}
	}
	parser := cron.NewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	parsed, err := parser.Parse(strings.Join(plain[:], " "))
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("it was read as a %T", parsed)
	}
	return sets(spec, plain), nil
}

// sets takes over what robfig/cron has read. Its topmost bit says that there was a star, but not for */2, so stars are
// looked for in the text.
func sets(spec *cron.SpecSchedule, plain [6]string) *fields {
	const star, allHours = 1 << 63, 1<<24 - 1
	f := &fields{
		seconds: spec.Second &^ star, minutes: spec.Minute &^ star, hours: spec.Hour &^ star,
		daysOfMonth: spec.Dom &^ star, months: spec.Month &^ star, weekdays: spec.Dow &^ star,
	}
	f.either = !strings.Contains(plain[3], "*") && !strings.Contains(plain[5], "*")
	f.follow = strings.ContainsAny(plain[2], "*/") || f.hours == allHours
	return f
}

// words takes an expression apart into its six fields.
func words(text string) ([]string, error) {
	switch text {
	case "@hourly":
		text = "0 * * * *"
	case "@daily", "@midnight":
		text = "0 0 * * *"
	case "@weekly":
		text = "0 0 * * 0"
	case "@monthly":
		text = "0 0 1 * *"
	case "@yearly", "@annually":
		text = "0 0 1 1 *"
	}
	if strings.HasPrefix(text, "@") {
		return nil, errors.New("there is no such word; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @every with a duration")
	}
	written := strings.Fields(text)
	switch len(written) {
	case 5:
		return append([]string{"0"}, written...), nil
	case 6:
		return written, nil
	}
	return nil, fmt.Errorf("fields: %d; a cron expression has 5 (minute, hour, day of month, month, day of week), or 6 with the second first", len(written))
}
