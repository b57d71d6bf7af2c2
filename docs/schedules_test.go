package docs_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/calendar"
)

// cells are the rows of all tables of a page that have this heading, without the marks around code.
func cells(t *testing.T, name, heading string) [][]string {
	t.Helper()
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	var found [][]string
	inside := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		switch {
		case line == heading:
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "| ---"):
			row := strings.Split(strings.Trim(line, "| "), " | ")
			for i := range row {
				row[i] = strings.ReplaceAll(row[i], "`", "")
			}
			found = append(found, row)
		}
	}
	return found
}

func instant(t *testing.T, text, zone string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	at, err := time.ParseInLocation(time.DateTime, text, location)
	require.NoError(t, err)
	return at
}

func TestSchedulesInGuideFireWhenItSays(t *testing.T) {
	rows := cells(t, "schedules.md", "| timezone | schedule | after | fires |")
	require.GreaterOrEqual(t, len(rows), 12)
	for _, row := range rows {
		at := instant(t, row[2], row[0])
		schedule, err := calendar.Parse(row[1], at.Location())
		require.NoError(t, err)
		var fires []string
		for range strings.Split(row[3], ", ") {
			at = schedule.Next(at)
			fires = append(fires, at.Format(time.DateTime))
		}
		require.Equal(t, row[3], strings.Join(fires, ", "), "%s in %s after %s", row[1], row[0], row[2])
	}
}

func TestWordsInGuideStandForWhatItSays(t *testing.T) {
	rows := cells(t, "schedules.md", "| word | the same as |")
	require.Len(t, rows, 5)
	for _, row := range rows {
		same, err := calendar.Parse(row[1], time.UTC)
		require.NoError(t, err)
		for word := range strings.SplitSeq(row[0], ", ") {
			schedule, err := calendar.Parse(word, time.UTC)
			require.NoError(t, err)
			at := instant(t, "2026-11-20 12:00:00", "UTC")
			for range 30 {
				require.Equal(t, same.Next(at), schedule.Next(at), word)
				at = same.Next(at)
			}
		}
	}
}

func TestWindowsInGuideOpenWhenItSays(t *testing.T) {
	rows := cells(t, "schedules.md", "| timezone | from | to | days | at | opens | closes |")
	require.Len(t, rows, 5)
	for _, row := range rows {
		at := instant(t, row[4], row[0])
		window := calendar.Window{Location: at.Location()}
		var err error
		window.From, err = calendar.ParseClock(row[1])
		require.NoError(t, err)
		window.To, err = calendar.ParseClock(row[2])
		require.NoError(t, err)
		window.Days, err = calendar.ParseDays(row[3])
		require.NoError(t, err)
		require.NoError(t, window.Check())
		opens := window.Next(at)
		require.Equal(t, row[5], opens.Format(time.DateTime), row)
		require.Equal(t, row[6], window.Closes(opens).Format(time.DateTime), row)
	}
}
