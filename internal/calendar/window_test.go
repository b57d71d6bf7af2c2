package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func window(t testing.TB, from, to, days, zoneName string) *Window {
	t.Helper()
	w := &Window{Location: zone(t, zoneName)}
	var err error
	w.From, err = ParseClock(from)
	require.NoError(t, err)
	w.To, err = ParseClock(to)
	require.NoError(t, err)
	w.Days, err = ParseDays(days)
	require.NoError(t, err)
	require.NoError(t, w.Check())
	return w
}

func TestWindow(t *testing.T) {
	const none = "0001-01-01 00:00:00"
	for _, c := range []struct{ from, to, days, zone, at, next, closes string }{
		// An ordinary one. 2026-11-20 is a Friday.
		{"09:00", "21:00", "MON-SUN", "Asia/Shanghai", "2026-11-20 08:59:59", "2026-11-20 09:00:00", "2026-11-20 08:59:59"},
		{"09:00", "21:00", "MON-SUN", "Asia/Shanghai", "2026-11-20 09:00:00", "2026-11-20 09:00:00", "2026-11-20 21:00:00"},
		{"09:00", "21:00", "MON-SUN", "Asia/Shanghai", "2026-11-20 20:59:59", "2026-11-20 20:59:59", "2026-11-20 21:00:00"},
		{"09:00", "21:00", "MON-SUN", "Asia/Shanghai", "2026-11-20 21:00:00", "2026-11-21 09:00:00", "2026-11-20 21:00:00"},
		{"09:00", "21:00", "MON-FRI", "Asia/Shanghai", "2026-11-20 21:00:00", "2026-11-23 09:00:00", "2026-11-20 21:00:00"},
		{"09:00", "21:00", "WED", "Asia/Shanghai", "2026-11-18 21:00:00", "2026-11-25 09:00:00", "2026-11-18 21:00:00"},
		// Over midnight: the small hours belong to the day before.
		{"21:00", "02:00", "FRI", "Asia/Shanghai", "2026-11-20 01:00:00", "2026-11-20 21:00:00", "2026-11-20 01:00:00"},
		{"21:00", "02:00", "FRI", "Asia/Shanghai", "2026-11-20 22:00:00", "2026-11-20 22:00:00", "2026-11-21 02:00:00"},
		{"21:00", "02:00", "FRI", "Asia/Shanghai", "2026-11-21 01:59:59", "2026-11-21 01:59:59", "2026-11-21 02:00:00"},
		{"21:00", "02:00", "FRI", "Asia/Shanghai", "2026-11-21 21:00:00", "2026-11-27 21:00:00", "2026-11-21 21:00:00"},
		{"21:00", "00:00", "FRI", "Asia/Shanghai", "2026-11-20 21:00:00", "2026-11-20 21:00:00", "2026-11-21 00:00:00"},
		{"21:00", "24:00", "FRI", "Asia/Shanghai", "2026-11-20 21:00:00", "2026-11-20 21:00:00", "2026-11-21 00:00:00"},
		// The whole day, however it is written.
		{"00:00", "24:00", "SAT,SUN", "Asia/Shanghai", "2026-11-21 12:00:00", "2026-11-21 12:00:00", "2026-11-23 00:00:00"},
		{"00:00", "00:00", "SAT,SUN", "Asia/Shanghai", "2026-11-21 12:00:00", "2026-11-21 12:00:00", "2026-11-23 00:00:00"},
		{"09:00", "09:00", "SAT,SUN", "Asia/Shanghai", "2026-11-21 12:00:00", "2026-11-21 12:00:00", "2026-11-23 00:00:00"},
		{"09:00", "09:00", "SAT,SUN", "Asia/Shanghai", "2026-11-23 00:00:00", "2026-11-28 00:00:00", "2026-11-23 00:00:00"},
		{"00:00", "24:00", "MON-SUN", "Asia/Shanghai", "2026-11-21 12:00:00", "2026-11-21 12:00:00", none},
		// The clock is put forward from 02:00 to 03:00: a day of 23 hours.
		{"02:30", "12:00", "MON-SUN", "Europe/Berlin", "2027-03-28 01:59:59", "2027-03-28 03:00:00", "2027-03-28 01:59:59"},
		{"02:10", "02:50", "MON-SUN", "Europe/Berlin", "2027-03-28 00:00:00", "2027-03-29 02:10:00", "2027-03-28 00:00:00"},
		{"02:10", "02:50", "SUN", "Europe/Berlin", "2027-03-28 00:00:00", "2027-04-04 02:10:00", "2027-03-28 00:00:00"},
		{"01:00", "02:30", "MON-SUN", "Europe/Berlin", "2027-03-28 01:00:00", "2027-03-28 01:00:00", "2027-03-28 03:00:00"},
		{"03:00", "02:00", "MON-SUN", "Europe/Berlin", "2027-03-27 12:00:00", "2027-03-27 12:00:00", "2027-03-29 02:00:00"},
		{"02:15", "12:00", "MON-SUN", "Australia/Lord_Howe", "2026-10-04 01:00:00", "2026-10-04 02:30:00", "2026-10-04 01:00:00"},
		{"00:00", "12:00", "SUN", "America/Sao_Paulo", "2018-11-03 23:00:00", "2018-11-04 01:00:00", "2018-11-03 23:00:00"},
		{"00:00", "24:00", "SUN", "America/Sao_Paulo", "2018-11-03 23:00:00", "2018-11-04 01:00:00", "2018-11-03 23:00:00"},
	} {
		w := window(t, c.from, c.to, c.days, c.zone)
		at, err := time.ParseInLocation(time.DateTime, c.at, w.Location)
		require.NoError(t, err)
		what := c.from + "-" + c.to + " " + c.days + " " + c.zone + " at " + c.at
		require.Equal(t, c.next, w.Next(at).Format(time.DateTime), what)
		require.Equal(t, c.closes, w.Closes(at).Format(time.DateTime), what)
		require.Equal(t, c.next == c.at, w.Open(at), what)
		require.Equal(t, w.Next(at).UTC(), w.Next(at.UTC()).UTC(), "the zone of the question does not matter")
	}
}

// Back from 03:00 to 02:00: what the clock shows twice is open twice, and in between it is closed when the clock says so.
func TestWindowWhileTheClockIsPutBack(t *testing.T) {
	w := window(t, "01:00", "02:30", "MON-SUN", "Europe/Berlin")
	at := time.Date(2027, 10, 31, 1, 0, 0, 0, w.Location)
	var seen []string
	for range 2 {
		opens := w.Next(at)
		at = w.Closes(opens)
		seen = append(seen, opens.Format("15:04 MST")+" to "+at.Format("15:04 MST"))
	}
	require.Equal(t, []string{"01:00 CEST to 02:30 CEST", "02:00 CET to 02:30 CET"}, seen)
	day := window(t, "00:00", "24:00", "SUN", "Europe/Berlin")
	midnight := day.Next(time.Date(2027, 10, 30, 0, 0, 0, 0, w.Location))
	require.Equal(t, 25*time.Hour, day.Closes(midnight).Sub(midnight))
}

func TestWindowKeepsTheInstantItWasGiven(t *testing.T) {
	w := window(t, "09:00", "21:00", "MON-SUN", "Asia/Shanghai")
	at := time.Date(2026, 11, 20, 3, 0, 0, 123, time.UTC)
	require.Equal(t, at, w.Next(at))
	late := time.Date(2026, 11, 20, 13, 0, 0, 1, time.UTC)
	require.Equal(t, late, w.Closes(late))
	require.Equal(t, time.Date(2026, 11, 20, 21, 0, 0, 0, w.Location), w.Closes(time.Date(2026, 11, 20, 12, 59, 59, 999999999, time.UTC)))
}

func TestWindowChecks(t *testing.T) {
	for _, c := range []struct {
		window Window
		want   string
	}{
		{Window{}, "a window needs at least one day"},
		{Window{Days: 1 << 7, Location: time.UTC}, "a window needs at least one day"},
		{Window{Days: EveryDay}, "a window needs a time zone"},
		{Window{Days: EveryDay, Location: time.UTC, From: 1440}, "a window begins between 00:00 and 23:59, not at 24:00"},
		{Window{Days: EveryDay, Location: time.UTC, From: -1}, "a window begins between 00:00 and 23:59, not at -1 minutes"},
		{Window{Days: EveryDay, Location: time.UTC, To: 1441}, "a window ends between 00:00 and 24:00, not at 24:01"},
	} {
		require.EqualError(t, c.window.Check(), c.want)
	}
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	var zero Window
	require.False(t, zero.Open(now))
	require.Zero(t, zero.Next(now))
	require.Equal(t, now, zero.Closes(now))
	require.True(t, (&Window{Days: EveryDay}).Open(now), "without a zone it is read in UTC")
}

func TestParseClock(t *testing.T) {
	for text, want := range map[string]Clock{"00:00": 0, "09:00": 540, "9:05": 545, "23:59\n": 1439, "24:00": 1440} {
		got, err := ParseClock(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "9", "09", "0900", "09:0", "09:000", "009:00", "24:01", "25:00", "09:60", "-1:00", "+9:00", "09:-1", "09:00:00", "9am", "９:00", "09：00", "09: 00"} {
		_, err := ParseClock(text)
		require.EqualError(t, err, `"`+text+`" is not a time of the day; write hours and minutes, from 00:00 to 24:00, such as 09:30`)
	}
}

func TestParseDays(t *testing.T) {
	for text, want := range map[string]string{
		"MON-SUN": "MON-SUN", "SUN-SAT": "MON-SUN", "MON-FRI": "MON-FRI", "SAT,SUN": "SAT,SUN", "sun,Sat": "SAT,SUN", "FRI-MON": "MON,FRI-SUN",
		"MON": "MON", "WED-WED": "WED", "MON , WED - FRI": "MON,WED-FRI", "TUE,TUE": "TUE", "SAT-SUN": "SAT,SUN", "SUN-MON": "MON,SUN",
	} {
		got, err := ParseDays(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String(), text)
	}
	days, err := ParseDays("SAT-MON")
	require.NoError(t, err)
	for day, in := range map[time.Weekday]bool{0: true, 1: true, 2: false, 3: false, 4: false, 5: false, 6: true} {
		require.Equal(t, in, days.Has(day), day)
	}
	const form = " is not a day of the week; write MON, TUE, WED, THU, FRI, SAT, SUN, a range such as MON-FRI, or a list such as SAT,SUN"
	for text, part := range map[string]string{
		"": "", "1-5": "1-5", "MON-": "MON-", "-FRI": "-FRI", "MON,,TUE": "", "MON-FRI-SUN": "MON-FRI-SUN", "MONDAY": "MONDAY", "MON;TUE": "MON;TUE", "周一": "周一", "MON,*": "*",
	} {
		_, err := ParseDays(text)
		require.EqualError(t, err, `"`+part+`" in "`+text+`"`+form)
	}
	require.Empty(t, Days(0).String())
}

func TestDaysAndClocksAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := Days(rapid.Uint8Range(1, 127).Draw(t, "days"))
		again, err := ParseDays(days.String())
		require.NoError(t, err)
		require.Equal(t, days, again)
		clock := Clock(rapid.IntRange(0, 1440).Draw(t, "clock"))
		read, err := ParseClock(clock.String())
		require.NoError(t, err)
		require.Equal(t, clock, read)
	})
}

func FuzzParseClock(f *testing.F) {
	for _, seed := range []string{"09:00", "24:00", "9:5", "", "::", "99:99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clock, err := ParseClock(text)
		if err != nil {
			require.Less(t, len(err.Error()), 1000)
			return
		}
		require.True(t, clock >= 0 && clock <= 1440)
		again, err := ParseClock(clock.String())
		require.NoError(t, err)
		require.Equal(t, clock, again)
	})
}

func FuzzParseDays(f *testing.F) {
	for _, seed := range []string{"MON-SUN", "sat,SUN", "FRI-MON", "", ",", "-", "MON-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		days, err := ParseDays(text)
		if err != nil {
			require.Less(t, len(err.Error()), 1500)
			return
		}
		require.True(t, days > 0 && days <= EveryDay)
		again, err := ParseDays(days.String())
		require.NoError(t, err)
		require.Equal(t, days, again)
	})
}

func BenchmarkWindow(b *testing.B) {
	w := window(b, "09:00", "21:00", "MON-FRI", "Europe/Berlin")
	at := time.Date(2026, 11, 20, 20, 30, 0, 0, time.UTC)
	for b.Loop() {
		w.Next(at)
	}
}
