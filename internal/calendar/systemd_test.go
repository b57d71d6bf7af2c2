package calendar

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var seed = flag.Uint64("seed", 2026, "what the expressions that are compared with systemd are drawn from")

// seeded draws from a seed; two runs with one seed draw the same.
func seeded(seed uint64) func(n int) int { return rand.New(rand.NewPCG(seed, seed)).IntN }

// 1,000 expressions fire when systemd says that they do: an implementation that shares nothing with this one, not even the
// language. It is asked in its own notation, and for both days on their own where either will do.
//
// Left out of the comparison are the two hours before and after each change of the clock: systemd leaves out what the
// clock leaves out, and never repeats what it shows twice (systemd.time(7) does not promise either), where a schedule here
// does as vixie cron. Those hours are the matter of schedule_test.go and property_test.go.
func TestFiresAreThoseOfSystemd(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("systemd-analyze is not installed: .ci/run installs it, with Debian's package systemd")
	}
	if err != nil {
		t.Skip("SKIPPED, the comparison with systemd: systemd-analyze is not installed (Debian: apt-get install systemd)")
	}
	t.Logf("seed %d; -seed takes another", *seed)
	pick := seeded(*seed)
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"}
	compared := 0
	for range 40 {
		location := zone(t, zones[pick(len(zones))])
		base := time.Date(2024, 1, 1, 0, 0, pick(7*365*86400), 0, time.UTC)
		var batch []expression
		for range 25 {
			batch = append(batch, made(pick, pick(2) == 0))
		}
		for i, want := range systemd(t, tool, batch, location, base) {
			s, err := Parse(batch[i].String(), location)
			require.NoError(t, err)
			got := texts(away(location, firesOf(t, s, base.Add(time.Nanosecond), want.until)))
			require.Equal(t, texts(away(location, want.fires)), got, "seed %d: %s in %s from %s", *seed, s, location, base)
			compared += len(got)
		}
	}
	t.Logf("%d fires are the same", compared)
	require.Greater(t, compared, 5000)
}

const iterations = 12

// answer holds all fires before an instant.
type answer struct {
	fires []time.Time
	until time.Time
}

// systemd asks for the fires of several expressions after an instant.
func systemd(t *testing.T, tool string, batch []expression, location *time.Location, base time.Time) []answer {
	t.Helper()
	arguments := []string{"calendar", "--iterations=" + strconv.Itoa(iterations), "--base-time=" + base.Format("2006-01-02 15:04:05 UTC")}
	var owners []int
	for i, e := range batch {
		for _, notation := range e.systemd() {
			arguments = append(arguments, notation)
			owners = append(owners, i)
		}
	}
	command := exec.CommandContext(t.Context(), tool, arguments...)
	// Named beside each expression instead, the zone would cost a process for each answer.
	command.Env = append(os.Environ(), "TZ="+location.String(), "LC_ALL=C")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	sections := strings.Split(strings.TrimSpace(string(output)), "\n\n")
	require.Len(t, sections, len(owners), "%s", output)

	answers := make([]answer, len(batch))
	for i := range answers {
		answers[i].until = base.AddDate(40, 0, 0)
	}
	for i, section := range sections {
		a := &answers[owners[i]]
		fires := elapses(t, section)
		if len(fires) == iterations {
			a.until = earlier(a.until, fires[len(fires)-1])
		}
		a.fires = append(a.fires, fires...)
	}
	for i := range answers {
		a := &answers[i]
		slices.SortFunc(a.fires, time.Time.Compare)
		a.fires = slices.CompactFunc(a.fires, time.Time.Equal)
		a.fires = slices.DeleteFunc(a.fires, func(fire time.Time) bool { return !fire.Before(a.until) })
	}
	return answers
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// elapses reads the lines such as "       (in UTC): Mon 2024-04-01 00:30:00 UTC", one for each fire.
func elapses(t *testing.T, section string) []time.Time {
	t.Helper()
	var fires []time.Time
	for line := range strings.SplitSeq(section, "\n") {
		label, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if label != "(in UTC)" {
			continue
		}
		fire, err := time.Parse("Mon 2006-01-02 15:04:05 UTC", value)
		require.NoError(t, err, section)
		fires = append(fires, fire)
	}
	return fires
}

// away leaves out what is near a change of the clock.
func away(location *time.Location, fires []time.Time) []time.Time {
	const near = 2 * time.Hour
	return slices.DeleteFunc(slices.Clone(fires), func(fire time.Time) bool {
		_, before := fire.Add(-near).In(location).Zone()
		_, after := fire.Add(near).In(location).Zone()
		return before != after
	})
}

// systemd writes an expression in the notation of systemd.time(7). Two of them stand for one where either day will do.
func (e expression) systemd() []string {
	month, date := e.written[4].systemd(), e.written[3].systemd()
	clock := fmt.Sprintf(" %s:%s:%s", e.written[2].systemd(), e.written[1].systemd(), e.written[0].systemd())
	var weekdays []string
	for _, value := range e.written[5].values {
		weekdays = append(weekdays, time.Weekday(value).String()[:3])
	}
	days := strings.Join(weekdays, ",") + " "
	if e.either() {
		return []string{"*-" + month + "-" + date + clock, days + "*-" + month + "-*" + clock}
	}
	return []string{days + "*-" + month + "-" + date + clock}
}

// systemd names the values of a step one by one: systemd skips a fire where a step goes over the end of its field (its
// issues 22665 and 40260; in version 252 with hours and minutes too).
func (f field) systemd() string {
	var texts []string
	for _, p := range f.parts {
		switch {
		case p.step > 0:
			texts = append(texts, listed(f.values)) // the other parts are among them
		case p.star:
			texts = append(texts, "*")
		case p.low == p.high:
			texts = append(texts, strconv.Itoa(p.low))
		default:
			texts = append(texts, fmt.Sprintf("%d..%d", p.low, p.high))
		}
	}
	return strings.Join(texts, ",")
}

func listed(values []int) string {
	var texts []string
	for _, value := range values {
		texts = append(texts, strconv.Itoa(value))
	}
	return strings.Join(texts, ",")
}
