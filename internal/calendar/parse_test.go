package calendar

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseSaysWhatIsWrong(t *testing.T) {
	const hours = "allowed are 0 to 23, * for all, ranges such as 1-4, lists such as 1,3 and steps such as */2"
	const dates = "allowed are 1 to 31, * for all, ranges such as 2-5, lists such as 2,4 and steps such as */2"
	const weekdays = "allowed are 0 to 7 or SUN to SAT, * for all, ranges such as 1-4, lists such as 1,3 and steps such as */2"
	const fieldCount = "a cron expression has 5 (minute, hour, day of month, month, day of week), or 6 with the second first"
	const others = " is not supported: L (last), W (nearest weekday) and # (the nth of a month) are of other schedulers; "
	for expression, want := range map[string]string{
		"":                       "the schedule is empty; write a cron expression such as 0 9 * * MON-FRI, or a word such as @daily",
		" \t\n":                  "the schedule is empty; write a cron expression such as 0 9 * * MON-FRI, or a word such as @daily",
		"9":                      `schedule "9": fields: 1; ` + fieldCount,
		"0 9 * *":                `schedule "0 9 * *": fields: 4; ` + fieldCount,
		"0 0 9 * * ? 2026":       `schedule "0 0 9 * * ? 2026": fields: 7; ` + fieldCount,
		"TZ=UTC 0 9 * * *":       `the schedule "TZ=UTC 0 9 * * *" names a time zone; the zone stands in a key of its own, timezone`,
		"CRON_TZ=UTC":            `the schedule "CRON_TZ=UTC" names a time zone; the zone stands in a key of its own, timezone`,
		"@reboot":                `schedule "@reboot": there is no such word; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @every with a duration`,
		"@Daily":                 `schedule "@Daily": there is no such word; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually and @every with a duration`,
		"@every":                 `schedule "@every": "" is not a duration; write @every and a duration in hours, minutes and seconds, such as @every 1h30m`,
		"@every 1d":              `schedule "@every 1d": "1d" is not a duration; write @every and a duration in hours, minutes and seconds, such as @every 1h30m`,
		"@every 0s":              `schedule "@every 0s": 0s is too short; the shortest is @every 1s`,
		"@every -1h":             `schedule "@every -1h": -1h is too short; the shortest is @every 1s`,
		"@every 1500ms":          `schedule "@every 1500ms": 1500ms is not a whole number of seconds; write @every and a duration in hours, minutes and seconds, such as @every 1h30m`,
		"0 25 * * *":             `schedule "0 25 * * *": the hour field "25": 25 is out of range; ` + hours,
		"0 24 * * *":             `schedule "0 24 * * *": the hour field "24": 24 is out of range; ` + hours,
		"60 0 9 * * *":           `schedule "60 0 9 * * *": the second field "60": 60 is out of range; allowed are 0 to 59, * for all, ranges such as 1-4, lists such as 1,3 and steps such as */2`,
		"99999 9 * * *":          `schedule "99999 9 * * *": the minute field "99999": 99999 is out of range; allowed are 0 to 59, * for all, ranges such as 1-4, lists such as 1,3 and steps such as */2`,
		"0 9 0 * *":              `schedule "0 9 0 * *": the day-of-month field "0": 0 is out of range; ` + dates,
		"0 9 * 13 *":             `schedule "0 9 * 13 *": the month field "13": 13 is out of range; allowed are 1 to 12 or JAN to DEC, * for all, ranges such as 2-5, lists such as 2,4 and steps such as */2`,
		"0 9 * * 8":              `schedule "0 9 * * 8": the day-of-week field "8": 8 is out of range; ` + weekdays,
		"0 9 * MON *":            `schedule "0 9 * MON *": the month field "MON": "MON" cannot be read; allowed are 1 to 12 or JAN to DEC, * for all, ranges such as 2-5, lists such as 2,4 and steps such as */2`,
		"0 9 * * MONDAY":         `schedule "0 9 * * MONDAY": the day-of-week field "MONDAY": MONDAY: names have three letters; write MON`,
		"0 9 * * MON-周五":         `schedule "0 9 * * MON-周五": the day-of-week field "MON-周五": "周五" cannot be read; ` + weekdays,
		"0 nine * * *":           `schedule "0 nine * * *": the hour field "nine": "nine" cannot be read; ` + hours,
		"0 +9 * * *":             `schedule "0 +9 * * *": the hour field "+9": "+9" cannot be read; ` + hours,
		"0 9-10-11 * * *":        `schedule "0 9-10-11 * * *": the hour field "9-10-11": "10-11" cannot be read; ` + hours,
		"0 -9 * * *":             `schedule "0 -9 * * *": the hour field "-9": a value is missing; ` + hours,
		"0 9- * * *":             `schedule "0 9- * * *": the hour field "9-": a value is missing; ` + hours,
		"0 8,,20 * * *":          `schedule "0 8,,20 * * *": the hour field "8,,20": a value is missing before or after a comma`,
		"0 , * * *":              `schedule "0 , * * *": the hour field ",": a value is missing before or after a comma`,
		"0 *-5 * * *":            `schedule "0 *-5 * * *": the hour field "*-5": nothing may follow a star but a step, such as */2; ` + hours,
		"0 ** * * *":             `schedule "0 ** * * *": the hour field "**": nothing may follow a star but a step, such as */2; ` + hours,
		"0 ? * * *":              `schedule "0 ? * * *": the hour field "?": ? may only stand alone for a day; write *`,
		"0 9 ?/2 * *":            `schedule "0 9 ?/2 * *": the day-of-month field "?/2": ? may only stand alone for a day; write *`,
		"0 22-6 * * *":           `schedule "0 22-6 * * *": the hour field "22-6": 22-6 runs backwards; write 22-23,0-6`,
		"0 23-0 * * *":           `schedule "0 23-0 * * *": the hour field "23-0": 23-0 runs backwards; write 23,0`,
		"0 9 * NOV-FEB *":        `schedule "0 9 * NOV-FEB *": the month field "NOV-FEB": NOV-FEB runs backwards; write NOV-DEC,JAN-FEB`,
		"0 9 * * SAT-MON":        `schedule "0 9 * * SAT-MON": the day-of-week field "SAT-MON": SAT-MON runs backwards; write SAT-SUN,MON`,
		"*/90 * * * *":           `schedule "*/90 * * * *": the minute field "*/90": a step of 90 leaves only 0 between 0 and 59; for times that far apart there is @every`,
		"0 */24 * * *":           `schedule "0 */24 * * *": the hour field "*/24": a step of 24 leaves only 0 between 0 and 23; for times that far apart there is @every`,
		"0 20/5 * * *":           `schedule "0 20/5 * * *": the hour field "20/5": a step of 5 leaves only 20 between 20 and 23; for times that far apart there is @every`,
		"0 */0 * * *":            `schedule "0 */0 * * *": the hour field "*/0": the step "0" after / must be a whole number from 1`,
		"0 */ * * *":             `schedule "0 */ * * *": the hour field "*/": the step "" after / must be a whole number from 1`,
		"0 */2/3 * * *":          `schedule "0 */2/3 * * *": the hour field "*/2/3": the step "2/3" after / must be a whole number from 1`,
		"0 9 L * *":              `schedule "0 9 L * *": the day-of-month field "L": "L"` + others + dates,
		"0 9 LW * *":             `schedule "0 9 LW * *": the day-of-month field "LW": "LW"` + others + dates,
		"0 9 15W * *":            `schedule "0 9 15W * *": the day-of-month field "15W": "15W"` + others + dates,
		"0 9 * * FRI#2":          `schedule "0 9 * * FRI#2": the day-of-week field "FRI#2": "FRI#2"` + others + weekdays,
		"0 9 * * 5L":             `schedule "0 9 * * 5L": the day-of-week field "5L": "5L"` + others + weekdays,
		"0 9 * * WEDNESDAY":      `schedule "0 9 * * WEDNESDAY": the day-of-week field "WEDNESDAY": WEDNESDAY: names have three letters; write WED`,
		strings.Repeat("1", 501): "the schedule has 501 bytes; at most 500 are read",
	} {
		_, err := Parse(expression, time.UTC)
		require.EqualError(t, err, want)
	}
	_, err := Parse("@daily", nil)
	require.EqualError(t, err, "a schedule needs a time zone")
}

// What is written in another way fires at the same times.
func TestParseReadsOtherWaysToWriteTheSame(t *testing.T) {
	for written, plain := range map[string]string{
		"0 0 9 * * *":           "0 9 * * *",
		"0\t9  *  * *":          "0 9 * * *",
		"0 9 ? * *":             "0 9 * * *",
		"00 09 * * *":           "0 9 * * *",
		"0 9 * * mon-Fri":       "0 9 * * 1-5",
		"0 9 * * 7":             "0 9 * * 0",
		"0 9 * * 5-7":           "0 9 * * 0,5,6",
		"0 9 * * FRI-SUN":       "0 9 * * 0,5,6",
		"0 9 * * 1-0":           "0 9 * * 0-6",
		"0 9 * * 7-2":           "0 9 * * 0-2",
		"0 9 * * 7-7":           "0 9 * * SUN-SUN",
		"0 9 * * 1-7/3":         "0 9 * * 1,4,0",
		"0 9 * * 4/2":           "0 9 * * 4,6",
		"0 9 * * MON,MON":       "0 9 * * 1",
		"0 9 * jan-mar *":       "0 9 * 1-3 *",
		"0 9 * 1/3 *":           "0 9 * 1,4,7,10 *",
		"0 9 * */3 *":           "0 9 * 1,4,7,10 *",
		"5/20 9 * * *":          "5,25,45 9 * * *",
		"5-44/20 9 * * *":       "5,25 9 * * *",
		"@every 60m":            "@every 1h",
		"@every\t 1h0m0s":       "@every 1h",
		"@daily":                "@midnight",
		"@hourly":               "0 * * * *",
		"0 0-23 * * *":          "@hourly",
		"@monthly":              "0 0 1 * *",
		"@annually":             "@yearly",
		"@weekly":               "0 0 * * SUN",
		"0 9 * * 0,1,2,3,4,5,6": "0 9 * * *",
		"* * * * * *":           "@every 1s",
		"0 9,9 * * *":           "0 9 * * *",
		"0 9 */1 * FRI":         "0 9 * * FRI",
	} {
		a, b := schedule(t, written, "Europe/Berlin"), schedule(t, plain, "Europe/Berlin")
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for range 50 {
			require.Equal(t, b.Next(at), a.Next(at), "%s and %s", written, plain)
			at = a.Next(at)
		}
	}
}

// Every step and range names the values that it should, in every field.
func TestSetsHoldWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := made(drawn(t), true)
		s, err := Parse(e.String(), time.UTC)
		require.NoError(t, err, e)
		f := s.fields
		for i, set := range []uint64{f.seconds, f.minutes, f.hours, f.daysOfMonth, f.months, f.weekdays} {
			var want uint64
			for _, value := range e.written[i].values {
				want |= 1 << value
			}
			require.Equal(t, want, set, "field %d of %s", i, e)
		}
		require.Equal(t, e.either(), f.either, e)
		require.Equal(t, e.follows(), f.follow, e)
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0 9 * * MON-FRI", "*/5 0 9-17 1,15 JAN-DEC/2 7", "@every 1h30m", "@daily", "0 0 30 2 *", "0 */2 29 2 */6",
		"0 9 ? * 5-7/2", "TZ=", "CRON_TZ=UTC 0 9 * * *", "*-5 * * * *", "1,,2 * * * *", "0 9 L * FRI#2", "0 9 \x1b[31mL# * *", "@every 2562047h47m16s"} {
		f.Add(seed, int64(1_790_000_000))
	}
	location := zone(f, "Australia/Lord_Howe")
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := Parse(text, location)
		if err != nil {
			require.NotEmpty(t, err.Error())
			require.Less(t, len(err.Error()), 4*longestExpression+1000)
			require.NotContains(t, err.Error(), "\x1b", "terminals obey it")
			return
		}
		again, err := Parse(s.String(), location)
		require.NoError(t, err)
		at := time.Unix(unix, 0)
		for range 3 {
			next := s.Next(at)
			require.Equal(t, next, again.Next(at))
			if next.IsZero() {
				break
			}
			require.True(t, next.After(at), "%q: %s after %s", text, next, at)
			at = next
		}
	})
}
