package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// one runs a daemon with one workflow on virtual time, which begins at 2000-01-01 00:00:00.37 UTC.
func one(t *testing.T, text string, do func(t *testing.T, d *depot, fires *ledgerOfFires)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(370 * time.Millisecond)
		d := newDepot(t, dir)
		fires := &ledgerOfFires{}
		d.tell = fires.add
		d.shelf.put([]engine.Planned{d.parse("w", text)})
		do(t, d, fires)
	})
}

// ledgerOfFires hears of every fire.
type ledgerOfFires struct {
	mu   sync.Mutex
	list []engine.Fire
}

func (l *ledgerOfFires) add(fire engine.Fire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fire)
}

// outcomes are what came of each instant: its time of the day and the outcome.
func (l *ledgerOfFires) outcomes() (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fire := range l.list {
		list = append(list, fmt.Sprintf("%s %s", fire.Instant.UTC().Format("15:04:05"), fire.Outcome))
	}
	return list
}

// runs are those of the ledger, oldest first, as they are now.
func (p *process) runs(t *testing.T) (list []string) {
	t.Helper()
	all, err := p.mortal.Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	for _, run := range all {
		list = append([]string{fmt.Sprintf("%s %s", run.ScheduledAt.Format("15:04"), run.Status)}, list...)
	}
	return list
}

// slow takes 150 s: two instants of a schedule that fires every minute pass meanwhile.
const slow = `
steps:
  - { wait: 150s }`

func TestOverlap(t *testing.T) {
	for overlap, want := range map[string]struct{ runs, outcomes []string }{
		"skip": {
			[]string{"00:01 succeeded", "00:04 running"},
			[]string{"00:01:00 fired", "00:02:00 skipped", "00:03:00 skipped", "00:04:00 fired", "00:05:00 skipped"},
		},
		"queue": {
			[]string{"00:01 succeeded", "00:02 running", "00:03 pending", "00:04 pending", "00:05 pending"},
			[]string{"00:01:00 fired", "00:02:00 fired", "00:03:00 fired", "00:04:00 fired", "00:05:00 fired"},
		},
		"cancel": {
			[]string{"00:01 cancelled", "00:02 cancelled", "00:03 cancelled", "00:04 cancelled", "00:05 running"},
			[]string{"00:01:00 fired", "00:02:00 fired", "00:03:00 fired", "00:04:00 fired", "00:05:00 fired"},
		},
		"allow": {
			[]string{"00:01 succeeded", "00:02 succeeded", "00:03 running", "00:04 running", "00:05 running"},
			[]string{"00:01:00 fired", "00:02:00 fired", "00:03:00 fired", "00:04:00 fired", "00:05:00 fired"},
		},
	} {
		t.Run(overlap, func(t *testing.T) {
			one(t, `triggers: [{ schedule: "* * * * *", overlap: `+overlap+` }]`+slow, func(t *testing.T, d *depot, fires *ledgerOfFires) {
				p := d.start()
				defer func() { d.bury(p) }()
				time.Sleep(5*time.Minute + 10*time.Second)
				require.Equal(t, want.runs, p.runs(t))
				require.Equal(t, want.outcomes, fires.outcomes())
			})
		})
	}
}

// TestAQueueOutlivesItsDaemon: runs wait in their order also over a kill, and all are done in the end, one by one.
func TestAQueueOutlivesItsDaemon(t *testing.T) {
	one(t, `triggers: [{ schedule: "* * * * *", overlap: queue, until: "2000-01-01T00:06:00Z" }]`+slow, func(t *testing.T, d *depot, _ *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		time.Sleep(4*time.Minute + 10*time.Second)
		d.bury(p)
		p = d.start()
		time.Sleep(20 * time.Minute)
		all, err := p.mortal.Runs(t.Context(), engine.RunFilter{})
		require.NoError(t, err)
		require.Len(t, all, 6)
		for i, run := range all { // newest first
			require.Equal(t, engine.StatusSucceeded, run.Status)
			if i > 0 {
				require.False(t, all[i-1].StartedAt.Before(run.FinishedAt), "%s began before %s was over", all[i-1].ID, run.ID)
			}
		}
	})
}

// TestAQueueIsBounded: what would be the 101st to wait is skipped, and says so.
func TestAQueueIsBounded(t *testing.T) {
	one(t, `
triggers: [{ schedule: "* * * * *", overlap: queue }]
steps: [{ wait: 10h }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		time.Sleep(103*time.Minute + time.Second)
		require.Len(t, p.runs(t), 101)
		last := fires.list[len(fires.list)-1]
		require.Equal(t, engine.Skipped, last.Outcome)
		require.Equal(t, "100 runs of the workflow wait already", last.Reason)
	})
}

// TestJitterComesAfterTheInstant: the run is there at its instant, and begins later, always as much.
func TestJitterComesAfterTheInstant(t *testing.T) {
	one(t, `
triggers: [{ schedule: "*/5 * * * *", jitter: 4m }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, _ *ledgerOfFires) {
		d.poll = 10 * time.Minute
		p := d.start()
		time.Sleep(5 * time.Minute)
		require.Equal(t, []string{"00:05 pending"}, p.runs(t))
		d.bury(p) // the wake is lost, the run is not
		p = d.start()
		defer func() { d.bury(p) }()
		time.Sleep(24 * time.Hour)
		all, err := p.mortal.Runs(t.Context(), engine.RunFilter{Statuses: []engine.Status{engine.StatusSucceeded}})
		require.NoError(t, err)
		require.Greater(t, len(all), 280)
		var early, late bool
		for _, run := range all {
			require.WithinRange(t, run.StartedAt, run.NotBefore, run.NotBefore.Add(time.Second))
			after := run.NotBefore.Sub(run.ScheduledAt)
			early, late = early || after < 30*time.Second, late || after > 210*time.Second
			require.Less(t, after, 4*time.Minute)
		}
		require.True(t, early && late, "they are spread")
	})
}

// TestTwoTriggersAtOneInstantAreOneRun: what is unique is the workflow and the instant.
func TestTwoTriggersAtOneInstantAreOneRun(t *testing.T) {
	one(t, `
triggers: [{ schedule: "0 * * * *", overlap: allow }, { at: "2000-01-01T01:00:00Z", overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		time.Sleep(90 * time.Minute)
		require.Equal(t, []string{"01:00 succeeded"}, p.runs(t))
		require.Equal(t, []string{"01:00:00 fired", "01:00:00 fired"}, fires.outcomes())
	})
}

// TestClockChangesFireOnce: days on which the clock of a zone is changed, against the calendar, which has its own tests.
func TestClockChangesFireOnce(t *testing.T) {
	for zone, days := range map[string][2]string{
		"Europe/Berlin":       {"2000-03-26", "2000-10-29"},
		"America/New_York":    {"2000-04-02", "2000-10-29"},
		"Australia/Lord_Howe": {"2000-03-26", "2000-08-27"},
	} {
		for _, day := range days {
			t.Run(zone+" "+day, func(t *testing.T) {
				one(t, `
triggers: [{ schedule: "30 2 * * *", timezone: `+zone+`, overlap: allow }, { schedule: "15 * * * *", timezone: `+zone+`, overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, _ *ledgerOfFires) {
					location, err := time.LoadLocation(zone)
					require.NoError(t, err)
					from, err := time.ParseInLocation(time.DateOnly, day, location)
					require.NoError(t, err)
					time.Sleep(time.Until(from.Add(-10 * time.Second)))
					d.poll = 10 * time.Minute // a day has 86,400 seconds
					p := d.start()
					time.Sleep(2*time.Hour + 20*time.Minute)
					d.bury(p)
					p = d.start()
					defer func() { d.bury(p) }()
					time.Sleep(time.Until(from.AddDate(0, 0, 1)))
					all, err := p.mortal.Runs(t.Context(), engine.RunFilter{})
					require.NoError(t, err)
					daily, hourly := 0, 0
					for _, run := range all {
						if local := run.ScheduledAt.In(location); local.Minute() == 15 {
							hourly++
						} else {
							daily++
						}
					}
					require.Equal(t, 1, daily, "the fixed hour fires once, whatever the clock does")
					passed := int(from.AddDate(0, 0, 1).Sub(from).Hours() + 0.5)
					require.InDelta(t, passed, hourly, 1, "the others follow the time that passes")
				})
			})
		}
	}
}

// TestTheClockIsPutBack fires nothing twice, and goes on at once, also when it was put forward by years before.
func TestTheClockIsPutBack(t *testing.T) {
	one(t, `
triggers: [{ schedule: "* * * * *", overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		ahead := func(by time.Duration) { d.bury(p); d.ahead = by; p = d.start(); synctest.Wait() }
		time.Sleep(3 * time.Minute)
		ahead(-2 * time.Minute) // 00:01
		time.Sleep(time.Minute)
		require.Len(t, p.runs(t), 3)
		time.Sleep(2 * time.Minute) // 00:04
		require.Len(t, p.runs(t), 4)
		ahead(3 * 365 * 24 * time.Hour)
		time.Sleep(time.Minute)
		require.Len(t, p.runs(t), 6) // one that has just passed, and one more
		before := len(fires.outcomes())
		ahead(0)
		time.Sleep(3 * time.Minute)
		require.Len(t, p.runs(t), 9, "%v", fires.outcomes()[before:])
	})
}

// TestAFireThatCannotBe is skipped, and says why.
func TestAFireThatCannotBe(t *testing.T) {
	one(t, `
params: { n: { type: integer, required: true } }
triggers: [{ schedule: "* * * * *", params: { n: "${{ [1, 2][now().Minute()] }}" } }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		time.Sleep(2*time.Minute + time.Second)
		require.Equal(t, []string{"00:01:00 fired", "00:02:00 skipped"}, fires.outcomes())
		require.Contains(t, fires.list[1].Reason, "its params cannot be had: the param \"n\"")
		rows, err := p.mortal.Schedules(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, rows[0].Fired)
		require.Equal(t, 1, rows[0].Skipped)
		require.Equal(t, fires.list[0].Run, rows[0].FiredRun)
		require.Equal(t, engine.Skipped, rows[0].LastOutcome)
	})
}

// TestAnEventHasOneRun: for each trigger and id of an event.
func TestAnEventHasOneRun(t *testing.T) {
	one(t, `
params: { text: { type: string } }
triggers: [{ event: chat, params: { text: "${{ event.content }}" } }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, _ *ledgerOfFires) {
		p := d.start()
		defer func() { d.bury(p) }()
		time.Sleep(time.Second)
		planned := d.shelf.list[0]
		trigger := planned.Workflow.Triggers[0]
		run, why, err := p.scheduler.FireEvent(t.Context(), planned, trigger, "e1", map[string]any{"content": "你好"})
		require.NoError(t, err)
		require.Empty(t, why)
		require.Equal(t, map[string]any{"text": "你好"}, run.Params)
		_, why, err = p.scheduler.FireEvent(t.Context(), planned, trigger, "e1", map[string]any{"content": "你好"})
		require.NoError(t, err)
		require.Equal(t, "the event has had its run", why)
		require.NoError(t, p.engine.PauseSchedule(t.Context(), "w", trigger.Name, "ops"))
		time.Sleep(2 * time.Second)
		_, why, err = p.scheduler.FireEvent(t.Context(), planned, trigger, "e2", map[string]any{"content": "x"})
		require.NoError(t, err)
		require.Equal(t, "the trigger is paused", why)
	})
}

// An instant that had passed when its trigger was first seen is told of as missed, once, as it is listed.
func TestAnInstantBeforeItsTriggerIsToldOfAsMissed(t *testing.T) {
	one(t, `triggers: [{ at: "1999-12-31T12:00:00Z" }]`+slow, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		for range 2 {
			p := d.start()
			time.Sleep(time.Minute)
			rows, err := p.mortal.Schedules(t.Context())
			require.NoError(t, err)
			require.Len(t, rows, 1)
			require.Equal(t, 1, rows[0].Missed)
			d.bury(p)
		}
		require.Equal(t, []string{"12:00:00 missed"}, fires.outcomes())
		require.Equal(t, 1, fires.list[0].Missed)
		require.Equal(t, "it had passed when the trigger was first seen", fires.list[0].Reason)
	})
}
