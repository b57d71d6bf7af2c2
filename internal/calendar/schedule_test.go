package calendar

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// dayOf tells what fires on a day up to six in the morning, as that clock shows it.
func dayOf(t *testing.T, expression, zoneName, day string) string {
	t.Helper()
	s := schedule(t, expression, zoneName)
	// From two days before, so that what is left out at midnight is seen as well.
	noon, err := time.ParseInLocation("2006-01-02 15:04", day+" 12:00", s.Location())
	require.NoError(t, err)
	from, to := noon.Add(-48*time.Hour), noon.Add(-6*time.Hour)
	all := firesOf(t, s, from, to)
	requireSameAnswers(t, s, all, from, to)
	var fires []string
	for _, fire := range all {
		if fire.Format(time.DateOnly) == day {
			fires = append(fires, strings.TrimSuffix(fire.Format("15:04:05-07:00"), ":00"))
		}
	}
	return strings.Join(fires, " ")
}

// requireSameAnswers asks every few minutes, also while the clock shows something for the second time: Next is always the
// first of the fires that is later.
func requireSameAnswers(t require.TestingT, s *Schedule, fires []time.Time, from, to time.Time) {
	for at := from; at.Before(to); at = at.Add(7 * time.Minute) {
		for len(fires) > 0 && !fires[0].After(at) {
			fires = fires[1:]
		}
		if next := s.Next(at); len(fires) > 0 {
			require.Equal(t, fires[0], next, "%s in %s after %s", s, s.Location(), at)
		} else {
			require.False(t, !next.IsZero() && next.Before(to), "%s in %s after %s: %s", s, s.Location(), at, next)
		}
	}
}

type dayCase struct{ expression, fires string }

// Every change of these zones from 2024 to 2030.
func TestEveryChangeOfTheClock(t *testing.T) {
	for _, group := range []struct {
		name, zone, days string
		cases            []dayCase
	}{
		{"forward from 02:00 to 03:00", "Europe/Berlin",
			"2024-03-31 2025-03-30 2026-03-29 2027-03-28 2028-03-26 2029-03-25 2030-03-31", []dayCase{
				{"30 2 * * *", "03:00:00+02"},
				{"0 2 * * *", "03:00:00+02"},
				{"59 1 * * *", "01:59:00+01"},
				{"0 3 * * *", "03:00:00+02"},
				{"0,30 2,3 * * *", "03:00:00+02 03:30:00+02"},
				{"15 1-4 * * *", "01:15:00+01 03:00:00+02 03:15:00+02 04:15:00+02"},
				{"59 59 2 * * *", "03:00:00+02"},
				{"* 2 * * *", "03:00:00+02"},
				{"30 2 * * SUN", "03:00:00+02"},
				{"30 2 * * MON", ""},
				{"30 * * * *", "00:30:00+01 01:30:00+01 03:30:00+02 04:30:00+02 05:30:00+02"},
				{"30 0-23 * * *", "00:30:00+01 01:30:00+01 03:30:00+02 04:30:00+02 05:30:00+02"},
				{"30 */2 * * *", "00:30:00+01 04:30:00+02"},
				{"30 2/3 * * *", "05:30:00+02"},
				{"@hourly", "00:00:00+01 01:00:00+01 03:00:00+02 04:00:00+02 05:00:00+02"},
				{"@daily", "00:00:00+01"},
			}},
		{"back from 03:00 to 02:00", "Europe/Berlin",
			"2024-10-27 2025-10-26 2026-10-25 2027-10-31 2028-10-29 2029-10-28 2030-10-27", []dayCase{
				{"30 2 * * *", "02:30:00+02"},
				{"0 2 * * *", "02:00:00+02"},
				{"0 3 * * *", "03:00:00+01"},
				{"59 59 2 * * *", "02:59:59+02"},
				{"*/30 2 * * *", "02:00:00+02 02:30:00+02"},
				{"30 1-3 * * *", "01:30:00+02 02:30:00+02 03:30:00+01"},
				{"30 * * * *", "00:30:00+02 01:30:00+02 02:30:00+02 02:30:00+01 03:30:00+01 04:30:00+01 05:30:00+01"},
				{"0 */2 * * *", "00:00:00+02 02:00:00+02 02:00:00+01 04:00:00+01"},
				{"30 2-4/2 * * *", "02:30:00+02 02:30:00+01 04:30:00+01"},
				{"@every 2h", "01:00:00+02 02:00:00+01 04:00:00+01"},
			}},
		{"forward from 02:00 to 03:00", "America/New_York",
			"2024-03-10 2025-03-09 2026-03-08 2027-03-14 2028-03-12 2029-03-11 2030-03-10", []dayCase{
				{"30 2 * * *", "03:00:00-04"},
				{"30 1,2,3 * * *", "01:30:00-05 03:00:00-04 03:30:00-04"},
				{"*/20 1-3/1 * * *", "01:00:00-05 01:20:00-05 01:40:00-05 03:00:00-04 03:20:00-04 03:40:00-04"},
				{"15 30 2 * * *", "03:00:00-04"},
				{"15 30 */1 * * *", "00:30:15-05 01:30:15-05 03:30:15-04 04:30:15-04 05:30:15-04"},
			}},
		{"back from 02:00 to 01:00", "America/New_York",
			"2024-11-03 2025-11-02 2026-11-01 2027-11-07 2028-11-05 2029-11-04 2030-11-03", []dayCase{
				{"30 1 * * *", "01:30:00-04"},
				{"0 2 * * *", "02:00:00-05"},
				{"30 1,2 * * *", "01:30:00-04 02:30:00-05"},
				{"30 */1 * * *", "00:30:00-04 01:30:00-04 01:30:00-05 02:30:00-05 03:30:00-05 04:30:00-05 05:30:00-05"},
				{"15 30 1 * * *", "01:30:15-04"},
			}},
		{"back from 02:00 to 01:30", "Australia/Lord_Howe",
			"2024-04-07 2025-04-06 2026-04-05 2027-04-04 2028-04-02 2029-04-01 2030-04-07", []dayCase{
				{"30 1 * * *", "01:30:00+11"},
				{"45 1 * * *", "01:45:00+11"},
				{"0 2 * * *", "02:00:00+10:30"},
				{"*/15 1 * * *", "01:00:00+11 01:15:00+11 01:30:00+11 01:45:00+11"},
				{"0,45 1-2 * * *", "01:00:00+11 01:45:00+11 02:00:00+10:30 02:45:00+10:30"},
				{"45 * * * *", "00:45:00+11 01:45:00+11 01:45:00+10:30 02:45:00+10:30 03:45:00+10:30 04:45:00+10:30 05:45:00+10:30"},
				{"15 * * * *", "00:15:00+11 01:15:00+11 02:15:00+10:30 03:15:00+10:30 04:15:00+10:30 05:15:00+10:30"},
			}},
		{"forward from 02:00 to 02:30", "Australia/Lord_Howe",
			"2024-10-06 2025-10-05 2026-10-04 2027-10-03 2028-10-01 2029-10-07 2030-10-06", []dayCase{
				{"0 2 * * *", "02:30:00+11"},
				{"15 2 * * *", "02:30:00+11"},
				{"30 2 * * *", "02:30:00+11"},
				{"0,15,30,45 2 * * *", "02:30:00+11 02:45:00+11"},
				{"15 */2 * * *", "00:15:00+10:30 04:15:00+11"},
				{"45 */2 * * *", "00:45:00+10:30 02:45:00+11 04:45:00+11"},
				{"59 29 2 * * *", "02:30:00+11"},
			}},
		{"an ordinary day", "Asia/Shanghai",
			"2024-03-31 2025-10-26 2026-04-12 2027-09-12 2028-02-29 2029-12-31 2030-01-01", []dayCase{
				{"30 2 * * *", "02:30:00+08"},
				{"0 */2 * * *", "00:00:00+08 02:00:00+08 04:00:00+08"},
				{"@every 90m", "00:00:00+08 01:30:00+08 03:00:00+08 04:30:00+08"},
			}},
	} {
		for day := range strings.FieldsSeq(group.days) {
			t.Run(group.zone+" "+day+" "+group.name, func(t *testing.T) {
				for _, c := range group.cases {
					if c.expression == "@every 90m" && day != group.days[:10] {
						continue // it counts from 2000, not from midnight
					}
					require.Equal(t, c.fires, dayOf(t, c.expression, group.zone, day), c.expression)
				}
			})
		}
	}
}

// Zones whose clocks are changed at midnight, or by more than an hour.
func TestUnusualChangesOfTheClock(t *testing.T) {
	for _, c := range []struct{ zone, day, expression, fires string }{
		{"America/Sao_Paulo", "2018-11-04", "0 0 * * *", "01:00:00-02"},
		{"America/Sao_Paulo", "2018-11-04", "@daily", "01:00:00-02"},
		{"America/Sao_Paulo", "2018-11-04", "30 0 4 11 *", "01:00:00-02"},
		{"America/Sao_Paulo", "2018-11-04", "0 */4 * * *", "04:00:00-02"},
		{"America/Sao_Paulo", "2018-02-18", "0 0 * * *", "00:00:00-03"},
		{"Africa/Cairo", "2025-04-25", "0 0 * * FRI", "01:00:00+03"},
		{"Africa/Cairo", "2025-04-25", "0 */2 * * *", "02:00:00+03 04:00:00+03"},
		{"Asia/Beirut", "2026-03-29", "@weekly", "01:00:00+03"},
		{"Asia/Beirut", "2026-03-29", "45 0,1 * * *", "01:00:00+03 01:45:00+03"},
		{"Antarctica/Troll", "2024-03-31", "30 1,2 * * *", "03:00:00+02"},
		// The 30th of December was left out whole.
		{"Pacific/Apia", "2011-12-31", "0 9 30 12 *", "00:00:00+14"},
		{"Pacific/Apia", "2011-12-31", "0 */3 30 12 *", ""},
	} {
		require.Equal(t, c.fires, dayOf(t, c.expression, c.zone, c.day), "%s on %s: %s", c.zone, c.day, c.expression)
	}
	// Put back by 23 hours, so that the same day was almost lived twice.
	twice := schedule(t, "0 6,18 * * *", "Pacific/Kwajalein")
	from, to := time.Date(1969, 9, 29, 0, 0, 0, 0, time.UTC), time.Date(1969, 10, 3, 0, 0, 0, 0, time.UTC)
	fires := firesOf(t, twice, from, to)
	require.Equal(t, []string{"1969-09-29T07:00:00Z", "1969-09-29T19:00:00Z", "1969-09-30T07:00:00Z",
		"1969-10-01T18:00:00Z", "1969-10-02T06:00:00Z", "1969-10-02T18:00:00Z"}, texts(fires))
	requireSameAnswers(t, twice, fires, from, to)
	// Saturday has its last hour twice.
	s := schedule(t, "30 23 * * *", "America/Sao_Paulo")
	require.Equal(t, []string{"2018-02-17T01:30:00Z", "2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"},
		texts(firesOf(t, s, time.Date(2018, 2, 17, 0, 0, 0, 0, time.UTC), time.Date(2018, 2, 20, 0, 0, 0, 0, time.UTC))))
}

func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, after, next string }{
		{"0 10 * * MON-FRI", "2026-01-02 10:00:00", "2026-01-05 10:00:00"},
		{"0 10 * * MON-FRI", "2026-01-02 09:59:59.999999999", "2026-01-02 10:00:00"},
		{"30 0 10 * * *", "2026-01-02 10:00:29.5", "2026-01-02 10:00:30"},
		{"0 0 1 1 *", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
		{"0 12 31 * *", "2026-01-31 12:00:00", "2026-03-31 12:00:00"},
		{"0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"}, // 2100 is no leap year
		// Both days named: either will do.
		{"0 9 13 * FRI", "2026-02-10 00:00:00", "2026-02-13 09:00:00"},
		{"0 9 13 * FRI", "2026-02-13 09:00:00", "2026-02-20 09:00:00"},
		{"0 9 14 * FRI", "2026-02-13 09:00:00", "2026-02-14 09:00:00"},
		{"0 9 1-31 * FRI", "2026-02-13 09:00:00", "2026-02-14 09:00:00"},
		// A star in one of them: both must fit.
		{"0 9 */2 * FRI", "2026-02-13 09:00:00", "2026-02-27 09:00:00"},
		{"0 9 13 * */5", "2026-02-13 09:00:00", "2026-03-13 09:00:00"},
		{"0 9 ? * FRI", "2026-02-13 09:00:00", "2026-02-20 09:00:00"},
		{"0 0 29 2 */6", "2080-01-01 00:00:00", "2088-02-29 00:00:00"},
		{"0 9 * * 7", "2026-02-13 09:00:00", "2026-02-15 09:00:00"},
		{"0 9 * * SAT-SUN", "2026-02-14 09:00:00", "2026-02-15 09:00:00"},
		{"0 9 * * 5-7/2", "2026-02-13 09:00:00", "2026-02-15 09:00:00"},
		{"0 9 * * 7-1", "2026-02-15 09:00:00", "2026-02-16 09:00:00"},
		{"0 9 * jan,DEC sun", "2026-02-15 09:00:00", "2026-12-06 09:00:00"},
		{"10/25 9 * * *", "2026-02-15 09:10:00", "2026-02-15 09:35:00"},
		{"@monthly", "2026-02-15 09:10:00", "2026-03-01 00:00:00"},
		{"@yearly", "2026-02-15 09:10:00", "2027-01-01 00:00:00"},
		{"@annually", "2026-02-15 09:10:00", "2027-01-01 00:00:00"},
		{"@weekly", "2026-02-15 00:00:00", "2026-02-22 00:00:00"},
		{"@midnight", "2026-02-15 00:00:00", "2026-02-16 00:00:00"},
		{"@every 168h", "2026-02-15 00:00:00", "2026-02-16 00:00:00"}, // a Monday
		{"@every 1m30s", "2026-02-15 00:00:00", "2026-02-15 00:01:30"},
		{"@every 24h", "1999-06-01 12:00:00", "1999-06-02 00:00:00"},
		{"  0 9 * * *  ", "1969-12-31 23:59:59", "1970-01-01 09:00:00"},
		{"0 9 * * MON", "1850-05-05 00:00:00", "1850-05-06 09:00:00"},
	} {
		s := schedule(t, c.expression, "Asia/Shanghai")
		after, err := time.ParseInLocation(time.DateTime, c.after, s.Location())
		require.NoError(t, err)
		require.Equal(t, c.next, s.Next(after).Format(time.DateTime), "%s after %s", c.expression, c.after)
		require.Equal(t, c.next, s.Next(after.UTC()).Format(time.DateTime), "the zone of the question does not matter")
		require.Equal(t, strings.TrimSpace(c.expression), s.String())
	}
}

func TestNextHasAnEnd(t *testing.T) {
	now := time.Date(2026, 2, 15, 9, 0, 0, 0, time.UTC)
	for _, never := range []string{"0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * * 30-31 2 *"} {
		require.Zero(t, schedule(t, never, "Europe/Berlin").Next(now), never)
	}
	daily := schedule(t, "@daily", "Asia/Shanghai")
	require.Zero(t, daily.Next(time.Date(9999, 12, 31, 23, 0, 0, 0, daily.Location())), "the year 10000")
	require.Zero(t, schedule(t, "@every 999999h", "UTC").Next(time.Date(9998, 1, 1, 0, 0, 0, 0, time.UTC)))
	for _, far := range []time.Time{{}, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(0, 1<<62)} {
		next := daily.Next(far)
		require.True(t, next.IsZero() || next.After(far), far)
	}
	require.Zero(t, new(Schedule).Next(now))
}

// 29 February falls on each weekday within what is searched, over 2100 as well.
func TestLeapDaysOfAnyWeekdayAreFound(t *testing.T) {
	for weekday := range 7 {
		s := schedule(t, "0 0 29 2 *", "UTC")
		s.fields.weekdays = 1 << weekday
		for year := 2024; year < 2200; year++ {
			next := s.Next(time.Date(year, 3, 1, 0, 0, 0, 0, time.UTC))
			require.Equal(t, time.Weekday(weekday), next.Weekday(), year)
			require.Equal(t, 29, next.Day(), year)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	after := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for _, expression := range []string{"0 10 * * MON-FRI", "*/5 * * * *", "30 2 1 * *", "@every 90s", "0 0 30 2 *", "0 */2 30 2 *", "0 */2 29 2 */6"} {
		for _, zoneName := range []string{"Asia/Shanghai", "Europe/Berlin"} {
			b.Run(expression+" "+zoneName, func(b *testing.B) {
				s := schedule(b, expression, zoneName)
				b.ReportAllocs()
				for b.Loop() {
					s.Next(after)
				}
			})
		}
	}
}

// What a daemon with 1,000 schedules does when it starts.
func BenchmarkNextOfAThousand(b *testing.B) {
	source := seeded(1)
	var schedules []*Schedule
	for len(schedules) < 1000 {
		schedules = append(schedules, schedule(b, made(source, false).String(), "Europe/Berlin"))
	}
	after := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for b.Loop() {
		for _, s := range schedules {
			s.Next(after)
		}
	}
}
