package calendar

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rule says what may stand in a field of a cron expression. The reader of robfig/cron lets pass what is surely a mistake
// (*-5, 1,,2, */90 for minutes, +5), and its words for the rest are a programmer's.
type rule struct {
	name     string
	min, max int
	names    []string // of the values from min on, in place of numbers
	day      bool     // ? may stand for *
	week     bool     // 7 and SUN at the end of a range are Sunday too
}

func rules() [6]rule {
	return [6]rule{
		{name: "second", max: 59},
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day-of-month", min: 1, max: 31, day: true},
		{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{name: "day-of-week", max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT"), day: true, week: true},
	}
}

// plain checks a field and writes it in the form that robfig/cron reads.
func (r rule) plain(field string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(field, ",") {
		if part == "" {
			return "", errors.New("a value is missing before or after a comma")
		}
		written, err := r.part(part)
		if err != nil {
			return "", err
		}
		parts = append(parts, written)
	}
	return strings.Join(parts, ","), nil
}

func (r rule) part(part string) (string, error) {
	values, stepText, stepped := strings.Cut(part, "/")
	low, high, err := r.bounds(values, stepped)
	if err != nil {
		return "", err
	}
	step := 1
	if stepped {
		if step, err = r.step(stepText, low, high); err != nil {
			return "", err
		}
	}
	switch {
	case r.week && high == 7:
		return sundayLast(low, step), nil
	case values == "*" || values == "?":
		values = "*"
	case low == high:
		return strconv.Itoa(low), nil
	default:
		values = fmt.Sprintf("%d-%d", low, high)
	}
	if stepped {
		values += "/" + strconv.Itoa(step)
	}
	return values, nil
}

// sundayLast names the days of a week that ends with Sunday one by one: for robfig/cron weeks begin with it.
func sundayLast(low, step int) string {
	var days []string
	for day := low; day <= 7; day += step {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

// bounds are the first and the last value of a part without its step.
func (r rule) bounds(values string, stepped bool) (low, high int, err error) {
	last := r.max
	if r.week {
		last = 6 // 7 is Sunday once more
	}
	if values == "*" || values == "?" && r.day && !stepped {
		return r.min, last, nil
	}
	from, to, ranged := strings.Cut(values, "-")
	if low, err = r.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		if high, err = r.value(to); err != nil {
			return 0, 0, err
		}
	case stepped:
		high = last // 5/15 is 5-59/15
	default:
		high = low
	}
	if r.week && low > 0 && high == 0 {
		high = 7
	}
	if r.week && low == 7 && high < 7 {
		low = 0
	}
	if low > high {
		return 0, 0, fmt.Errorf("%s runs backwards; write %s", values, r.forwards(low, high))
	}
	return low, high, nil
}

// forwards is how a range over the end of a field is written: 22-6 as 22-23,0-6.
func (r rule) forwards(low, high int) string {
	first := r.min
	if r.week {
		first = 1
	}
	return r.span(low, r.max) + "," + r.span(first, high)
}

func (r rule) span(low, high int) string {
	if low == high {
		return r.write(low)
	}
	return r.write(low) + "-" + r.write(high)
}

func (r rule) write(value int) string {
	if r.week {
		return r.names[value%7]
	}
	if r.names != nil {
		return r.names[value-r.min]
	}
	return strconv.Itoa(value)
}

func (r rule) value(text string) (int, error) {
	if i := slices.Index(r.names, strings.ToUpper(text)); i >= 0 {
		return r.min + i, nil
	}
	value, ok := digits(text)
	switch {
	case text == "":
		return 0, fmt.Errorf("a value is missing; %s", r.allowed())
	case !ok:
		return 0, r.strange(text)
	case value < r.min || value > r.max:
		return 0, fmt.Errorf("%s is out of range; %s", text, r.allowed())
	}
	return value, nil
}

// strange explains what is neither a number nor a name.
func (r rule) strange(text string) error {
	upper := strings.ToUpper(text)
	switch {
	case upper == "L" || upper == "W" || upper == "LW" || r.day && strings.ContainsAny(upper, "LW#") && !isName(upper):
		return fmt.Errorf("%q is not supported: L (last), W (nearest weekday) and # (the nth of a month) are of other schedulers; %s", text, r.allowed())
	case text == "?":
		return errors.New("? may only stand alone for a day; write *")
	case r.names != nil && isName(upper) && slices.Contains(r.names, upper[:3]):
		return fmt.Errorf("%s: names have three letters; write %s", text, upper[:3])
	case strings.HasPrefix(text, "*"):
		return fmt.Errorf("nothing may follow a star but a step, such as */2; %s", r.allowed())
	}
	return fmt.Errorf("%q cannot be read; %s", text, r.allowed())
}

// isName tells words, such as WEDNESDAY, from values with a mark, such as 15W, L-3 and FRI#2.
func isName(text string) bool {
	return len(text) > 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (r rule) step(text string, low, high int) (int, error) {
	step, ok := digits(text)
	switch {
	case !ok || step == 0:
		return 0, fmt.Errorf("the step %q after / must be a whole number from 1", text)
	case step > high-low:
		// It would name the first value alone, which is hardly what */90 was meant to say.
		return 0, fmt.Errorf("a step of %d leaves only %s between %s and %s; for times that far apart there is @every",
			step, r.write(low), r.write(low), r.write(high))
	}
	return step, nil
}

// allowed says what the field may hold.
func (r rule) allowed() string {
	values := fmt.Sprintf("%d to %d", r.min, r.max)
	if r.names != nil {
		values += fmt.Sprintf(" or %s to %s", r.names[0], r.names[len(r.names)-1])
	}
	return fmt.Sprintf("allowed are %s, * for all, ranges such as %d-%d, lists such as %d,%d and steps such as */2",
		values, r.min+1, r.min+4, r.min+1, r.min+3)
}

// digits reads a number of at most nine digits and nothing else.
func digits(text string) (int, bool) {
	if text == "" || len(text) > 9 || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	value, err := strconv.Atoi(text)
	return value, err == nil
}
