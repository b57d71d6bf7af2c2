package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/calendar"
	"youmiflow/internal/ledger"
	"youmiflow/internal/limit"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// errDead is what a process that was killed gets to hear.
var errDead = errors.New("the process is dead")

// mortal is a ledger whose process dies with an entry that it appends: before that is committed, or after.
type mortal struct {
	*ledger.Ledger
	mu    sync.Mutex
	left  int // entries until it dies; 0: it does not
	after bool
	dead  bool
	died  time.Time
}

type deadReceipt struct{}

func (deadReceipt) Wait(context.Context) error { return errDead }

func (m *mortal) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	switch dead, last := m.spend(); {
	case last:
		_ = m.Ledger.Append(ctx, entry).Wait(ctx)
		return deadReceipt{}
	case dead:
		return deadReceipt{}
	}
	return m.Ledger.Append(ctx, entry)
}

// spend counts an entry; the last is that which a dying process still commits. Nothing waits for the disk under the lock:
// in a bubble a wait for a mutex would hold the clock that the disk's waits need.
func (m *mortal) spend() (dead, last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead || m.left == 0 {
		return m.dead, false
	}
	if m.left--; m.left > 0 {
		return false, false
	}
	m.dead, m.died = true, time.Now()
	return true, m.after
}

func (m *mortal) Seize(ctx context.Context, key engine.LaneKey) (engine.Lane, error) {
	if m.isDead() {
		return engine.Lane{}, errDead
	}
	return m.Ledger.Seize(ctx, key)
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// kill ends the process, or with entries above 0 has it die with one of the next.
func (m *mortal) kill(entries int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.after = entries, after
	if entries == 0 && !m.dead {
		m.dead, m.died = true, time.Now()
	}
}

// shelf is a folder that every process sees.
type shelf struct {
	mu      sync.Mutex
	version int
	list    []engine.Planned
}

func (s *shelf) Planned() (int, []engine.Planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version, s.list
}

func (s *shelf) put(list []engine.Planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.list = list
}

// process is a daemon: a ledger, an engine, and a scheduler.
type process struct {
	mortal    *mortal
	engine    *engine.Engine
	scheduler *engine.Scheduler
	desk      *desk
	stop      context.CancelFunc
	ended     sync.WaitGroup
	began     time.Time
}

// depot is where processes come and go over one ledger.
type depot struct {
	t         testing.TB
	path      string
	catalogue *steps.Catalogue
	shelf     shelf
	tell      func(engine.Fire)
	ahead     time.Duration // how far the clock of a process that starts is ahead
	poll      time.Duration // default 1s
}

func newDepot(t testing.TB, dir string) *depot {
	t.Helper()
	catalogue, err := steps.New(steps.Config{Resolve: func(path string, _ []string) (string, error) { return path, nil },
		API: func(string) (steps.API, error) { return nil, errors.New("there is none") }})
	require.NoError(t, err)
	return &depot{t: t, path: filepath.Join(dir, "ledger.db"), catalogue: catalogue, tell: func(engine.Fire) {}}
}

func (d *depot) parse(name, text string) engine.Planned {
	d.t.Helper()
	workflow, problems := workflows.Parse(name+".yaml", []byte(text), d.catalogue)
	require.NotNil(d.t, workflow, "%v", problems)
	return engine.Planned{Name: workflow.Name, Workflow: workflow.Rest(d.catalogue)}
}

// start begins a process, which takes up what others have left.
func (d *depot) start() *process {
	d.t.Helper()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
	l, err := ledger.Open(d.t.Context(), ledger.Config{DSN: d.path, Durability: ledger.Normal, Logger: logger})
	require.NoError(d.t, err)
	p := &process{mortal: &mortal{Ledger: l}, desk: newDesk(), began: time.Now()}
	ahead := d.ahead
	p.engine = engine.New(engine.Config{Now: func() time.Time { return time.Now().Add(ahead) }, Ledger: p.mortal, Steps: d.catalogue, Catalogue: d.catalogue, Logger: logger, Location: time.UTC,
		Limiter: limit.New(limit.Config{Store: l})})
	p.desk.work = p.engine.Work
	l.SetWake(p.desk.wake)
	ctx, stop := context.WithCancel(d.t.Context())
	p.stop = stop
	require.NoError(d.t, p.engine.Recover(ctx, func(engine.Run) engine.Recovery { return engine.Drive }))
	p.scheduler = engine.NewScheduler(engine.SchedulerConfig{Engine: p.engine, Schedules: l, Planner: &d.shelf, Tell: d.tell, Poll: d.poll})
	p.ended.Go(func() { _ = p.scheduler.Run(ctx) })
	return p
}

// bury clears away what is left of a process.
func (d *depot) bury(p *process) {
	d.t.Helper()
	p.mortal.kill(0, false)
	p.stop()
	p.ended.Wait()
	p.desk.halt()
	require.NoError(d.t, p.mortal.Close())
}

// life is how long a process was there.
type life struct{ began, died time.Time }

// span is a time from one instant to another; zero: still going on.
type span struct{ from, to time.Time }

func (s span) has(at time.Time) bool { return !at.Before(s.from) && (s.to.IsZero() || at.Before(s.to)) }

func anyHas(spans []span, at time.Time) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.has(at) })
}

// history is what happened to a trigger, for whoever tells what should have come of it.
type history struct {
	planned engine.Planned
	lives   []life
	pauses  []span // of its workflow
	absent  []span // from the folder
}

func (h *history) String() string {
	text := h.planned.Workflow.Triggers[0].Name
	for _, l := range h.lives {
		text += fmt.Sprintf("\n  life %s to %s", l.began.Format(stamp), l.died.Format(stamp))
	}
	for _, s := range h.pauses {
		text += fmt.Sprintf("\n  paused %s to %s", s.from.Format(stamp), s.to.Format(stamp))
	}
	for _, s := range h.absent {
		text += fmt.Sprintf("\n  absent %s to %s", s.from.Format(stamp), s.to.Format(stamp))
	}
	return text
}

const stamp = "15:04:05.00"

// verdict is whether an instant has to have a run. Where a process died at that very time, either is right.
type verdict int

const (
	never verdict = iota
	always
	either
)

// verdicts is the plain reference: for each instant, what its trigger's policy says.
func (h *history) verdicts(from, to time.Time) map[time.Time]verdict {
	trigger := h.planned.Workflow.Triggers[0]
	all := map[time.Time]verdict{}
	var pending []time.Time
	maybe := map[time.Time]bool{} // may have been fired by who died then
	give := func(at time.Time, v verdict) {
		if v == never && maybe[at] {
			v = either
		}
		all[at] = v
	}
	// What happens, in order; an instant comes before what happens at the same time.
	type happening struct {
		at   time.Time
		what string
		life life
	}
	var list []happening
	for _, at := range instantsBetween(trigger, from, to) {
		list = append(list, happening{at: at, what: "instant"})
	}
	for _, pause := range h.pauses {
		list = append(list, happening{at: pause.to, what: "resume"})
	}
	for _, l := range h.lives {
		list = append(list, happening{at: l.began, what: "start", life: l})
	}
	slices.SortStableFunc(list, func(a, b happening) int { return a.at.Compare(b.at) })
	for _, now := range list {
		if now.at.IsZero() || anyHas(h.absent, now.at) {
			continue
		}
		alive, dying := h.alive(now.at)
		switch {
		case now.what == "resume":
			for _, at := range pending {
				give(at, never)
			}
			pending = nil
		case anyHas(h.pauses, now.at):
			if now.what == "instant" {
				give(now.at, never)
			}
		case now.what == "instant" && alive:
			give(now.at, always)
		case now.what == "instant":
			maybe[now.at] = dying
			pending = append(pending, now.at)
		default: // a start: what others did not fire is made up for, or not
			late := h.late(trigger, pending, now.at)
			if now.life.died.Equal(now.at) && !alive {
				for at, fires := range late {
					maybe[at] = maybe[at] || fires
				}
				continue
			}
			for at, fires := range late {
				give(at, map[bool]verdict{true: always, false: never}[fires])
			}
			pending = nil
		}
	}
	for _, at := range pending {
		give(at, never)
	}
	// A resume is heard of within a second, and an instant next to it may go either way where the row was new.
	for at := range all {
		for _, edge := range slices.Concat(h.pauses, h.absent) {
			if !edge.to.IsZero() && at.After(edge.to) && at.Sub(edge.to) < 1100*time.Millisecond {
				all[at] = either
			}
		}
	}
	return all
}

// alive tells whether a process lives on past an instant, and whether one dies at it.
func (h *history) alive(at time.Time) (alive, dying bool) {
	for _, l := range h.lives {
		alive = alive || !at.Before(l.began) && at.Before(l.died)
		dying = dying || at.Equal(l.died)
	}
	return alive, dying
}

// late says which of the instants that nobody fired are fired by a process that starts.
func (h *history) late(trigger *workflows.Trigger, pending []time.Time, now time.Time) map[time.Time]bool {
	fires := map[time.Time]bool{}
	var last time.Time
	for _, at := range pending {
		age := now.Sub(at)
		within := trigger.MissedWithin == 0 || age <= trigger.MissedWithin
		if fires[at] = age <= time.Minute || trigger.Missed == workflows.MissedAll && within; age > time.Minute && within {
			last = at
		}
	}
	if trigger.Missed == workflows.MissedLatest && !last.IsZero() {
		fires[last] = true
	}
	return fires
}

func instantsBetween(trigger *workflows.Trigger, from, to time.Time) (instants []time.Time) {
	if !trigger.At.IsZero() {
		return []time.Time{trigger.At.UTC()}
	}
	schedule, err := calendar.Parse(trigger.Schedule, time.UTC)
	if err != nil {
		panic(err)
	}
	for at := schedule.Next(from); at.Before(to); at = schedule.Next(at) {
		instants = append(instants, at.UTC())
	}
	return instants
}

// TestEachInstantFiresOnceWhateverHappens lets daemons work for an hour: killed at any entry, before or after it is
// committed, started again, two at once, with workflows that come and go and are paused. It then compares the runs with a
// plain list of what each trigger's policy says.
func TestEachInstantFiresOnceWhateverHappens(t *testing.T) {
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	seed := rand.Uint64()
	if text := os.Getenv("YOUMIFLOW_TEST_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	for round := range rounds {
		t.Run(fmt.Sprintf("seed %d", seed+uint64(round)), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { anHour(t, dir, rand.New(rand.NewPCG(seed+uint64(round), 0))) })
		})
	}
}

func anHour(t *testing.T, dir string, r *rand.Rand) {
	d := newDepot(t, dir)
	time.Sleep(370 * time.Millisecond) // so that what happens is never at an instant by chance
	began := time.Now()
	histories := d.campaigns(began)
	person := d.start()
	person.stop() // it only pauses and resumes
	person.ended.Wait()
	person.desk.stop()
	defer d.bury(person)
	w := &shift{depot: d, r: r, person: person, histories: histories}
	w.shelve()
	w.begin()
	for time.Since(began) < time.Hour {
		time.Sleep(time.Duration(1+r.IntN(150)) * time.Second)
		w.happen()
	}
	for _, h := range histories { // in the end all goes on in one process, and what is left is done
		w.pause(h, false)
	}
	for len(w.alive) > 0 {
		w.end(w.alive[0])
	}
	w.begin()
	time.Sleep(5 * time.Minute)
	end := time.Now()
	w.shelf.put(nil)
	w.alive[0].scheduler.Poke()
	time.Sleep(time.Minute)
	w.end(w.alive[0])
	w.check(began, end)
}

// campaigns are workflows with a trigger each.
func (d *depot) campaigns(now time.Time) []*history {
	var all []*history
	for i, trigger := range []string{
		`schedule: "*/20 * * * * *"`, `schedule: "*/20 * * * * *", missed: latest`, `schedule: "5 * * * * *", missed: all, missed_within: 3m`,
		`schedule: "@every 45s", missed: latest, missed_within: 2m`, `schedule: "0 */5 * * * *", missed: all, jitter: 30s`,
		`schedule: "*/30 * * * * *", missed: skip, jitter: 10s`,
		fmt.Sprintf(`at: %q, missed: all`, now.Add(31*time.Minute).Truncate(time.Second).UTC().Format(time.RFC3339)),
	} {
		all = append(all, &history{planned: d.parse(fmt.Sprintf("w%d", i), fmt.Sprintf(`
triggers: [{ %s, overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, trigger))})
	}
	return all
}

// shift is the hour as it goes.
type shift struct {
	*depot
	r         *rand.Rand
	person    *process
	histories []*history
	alive     []*process
}

func (w *shift) shelve() {
	var list []engine.Planned
	for _, h := range w.histories {
		if len(h.absent) == 0 || !h.absent[len(h.absent)-1].to.IsZero() {
			list = append(list, h.planned)
		}
	}
	w.shelf.put(list)
	for _, p := range w.alive {
		p.scheduler.Poke()
	}
	synctest.Wait()
}

func (w *shift) begin() {
	w.sweep()
	w.alive = append(w.alive, w.start())
	synctest.Wait()
}

// end notes that a process is dead, and when it died.
func (w *shift) end(p *process) {
	w.bury(p)
	for _, h := range w.histories {
		h.lives = append(h.lives, life{p.began, p.mortal.died})
	}
	w.alive = slices.DeleteFunc(w.alive, func(other *process) bool { return other == p })
}

// sweep clears away who has died.
func (w *shift) sweep() {
	for _, p := range slices.Clone(w.alive) {
		if p.mortal.isDead() {
			w.end(p)
		}
	}
}

func (w *shift) happen() {
	w.sweep()
	h := w.histories[w.r.IntN(len(w.histories))]
	switch n := w.r.IntN(10); {
	case n < 3 && len(w.alive) < 2:
		w.begin()
	case n < 4 && len(w.alive) > 0:
		w.end(w.alive[0])
	case n < 7 && len(w.alive) > 0:
		w.alive[w.r.IntN(len(w.alive))].mortal.kill(1+w.r.IntN(6), w.r.IntN(2) == 0)
	case n == 7:
		paused := len(h.pauses) > 0 && h.pauses[len(h.pauses)-1].to.IsZero()
		w.pause(h, !paused)
	case n == 8 && len(w.alive) > 0 && h.planned.Workflow.Triggers[0].At.IsZero():
		for _, p := range w.alive { // who dies over an edit has not seen it
			p.mortal.mu.Lock()
			p.mortal.left = 0
			p.mortal.mu.Unlock()
		}
		if last := len(h.absent) - 1; last >= 0 && h.absent[last].to.IsZero() {
			h.absent[last].to = time.Now()
		} else {
			h.absent = append(h.absent, span{from: time.Now()})
		}
		w.shelve()
	}
}

func (w *shift) pause(h *history, paused bool) {
	open := len(h.pauses) > 0 && h.pauses[len(h.pauses)-1].to.IsZero()
	switch {
	case paused == open:
		return
	case paused:
		require.NoError(w.t, w.person.engine.PauseSchedule(w.t.Context(), h.planned.Name, "", "ops"))
		h.pauses = append(h.pauses, span{from: time.Now()})
	default:
		require.NoError(w.t, w.person.engine.ResumeSchedule(w.t.Context(), h.planned.Name, "", "ops"))
		h.pauses[len(h.pauses)-1].to = time.Now()
	}
}

// check compares the runs with the reference.
func (w *shift) check(began, end time.Time) {
	t := w.t
	runs, err := w.person.mortal.Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	fired := map[string]map[time.Time]int{}
	for _, run := range runs {
		require.Equal(t, engine.StatusSucceeded, run.Status, "run %s of %s", run.ID, run.Workflow)
		require.Equal(t, engine.TriggerSchedule, run.Trigger)
		require.False(t, run.StartedAt.Before(run.ScheduledAt), "run %s began before its instant", run.ID)
		if fired[run.Workflow] == nil {
			fired[run.Workflow] = map[time.Time]int{}
		}
		fired[run.Workflow][run.ScheduledAt]++
	}
	checked := 0
	for _, h := range w.histories {
		verdicts := h.verdicts(began, end)
		for at, verdict := range verdicts {
			n := fired[h.planned.Name][at]
			why := fmt.Sprintf("%s at %s: %s", h.planned.Name, at.Format(time.TimeOnly), h)
			switch verdict {
			case always:
				require.Equal(t, 1, n, why)
				checked++
			case never:
				require.Zero(t, n, why)
			default:
				require.LessOrEqual(t, n, 1, why)
			}
		}
		for at := range fired[h.planned.Name] {
			require.Contains(t, verdicts, at, "%s has no instant %s", h.planned.Name, at)
		}
	}
	require.Greater(t, checked, 50)
}
