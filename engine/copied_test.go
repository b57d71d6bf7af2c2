package engine_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// restore puts a backup in the ledger's place, as if the machine had died, and accepts it.
func (r *rehearsal) restore(copied string) ledger.Accepted {
	r.t.Helper()
	r.close()
	path := filepath.Join(r.dir, "ledger.db")
	for _, end := range []string{"", "-wal", "-shm"} {
		require.NoError(r.t, os.RemoveAll(path+end))
	}
	require.NoError(r.t, os.Rename(copied, path))
	_, err := ledger.Open(r.t.Context(), ledger.Config{DSN: path})
	require.ErrorAs(r.t, err, new(*ledger.CopyError))
	l, err := ledger.Open(r.t.Context(), ledger.Config{DSN: path, Copy: true})
	require.NoError(r.t, err)
	accepted, err := l.Accept(r.t.Context(), ledger.Acceptance{At: time.Now(), Who: "me"})
	require.NoError(r.t, err)
	require.NoError(r.t, l.Close())
	r.open()
	require.NoError(r.t, r.engine.Recover(r.t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
	return accepted
}

// Whenever a backup is made of a campaign, whatever is sent after that, and whether it is resumed or cancelled once the
// backup was restored: nobody gets a message again, nobody is lost, and no conversation stays taken over.
func TestARestoredBackupSendsNothingAgain(t *testing.T) {
	eachSeed(t, 16, survivesRestoring)
}

func survivesRestoring(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	c := randomCampaign(random)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		t.Logf("%+v", c)
		box := sandbox.Config{Seed: seed + 1, Clock: time.Now, Faults: []sandbox.Fault{fault(t, "*:delay:20ms")}}
		for _, text := range c.faults {
			box.Faults = append(box.Faults, fault(t, text))
		}
		r := rehearse(t, dir, c.config(), box, func(e *engine.Config) { e.TripAfter, e.TripFor = 3, 5*time.Hour })
		var ids []string
		for range c.runs {
			ids = append(ids, r.start(c.workflow()))
		}
		time.Sleep(time.Duration(math.Exp(random.Float64()*math.Log(float64(30*time.Hour)/1e6)) * 1e6))
		copied := filepath.Join(dir, "copy.db")
		require.NoError(t, r.ledger.Backup(t.Context(), copied))
		for _, id := range ids {
			r.until(id, 5*time.Minute, func(run engine.Run) bool {
				return run.Status.Over() || run.Status == engine.StatusPaused
			})
		}
		sent := len(r.box.Deliveries())
		accepted := r.restore(copied)
		require.LessOrEqual(t, len(accepted.Runs), len(ids))
		time.Sleep(time.Minute)
		require.Zero(t, r.box.Stats().OpenTakeovers, "what the backup knows to be held is handed back without anybody asking")
		ask := pick(random, r.engine.Resume, r.engine.Cancel)
		for _, id := range accepted.Runs {
			run := r.run(id)
			require.Equal(t, engine.StatusPaused, run.Status)
			require.Equal(t, engine.CodeCopied, run.Error.Code)
			require.Zero(t, run.Calls[engine.CallIntent], "what was in flight is settled")
			require.NoError(t, ask(t.Context(), id))
		}
		for _, id := range ids {
			run := r.until(id, 5*time.Minute, func(run engine.Run) bool {
				if run.Status == engine.StatusPaused {
					require.NoError(t, ask(context.Background(), id))
				}
				return run.Status.Over()
			})
			total := 0
			for status, n := range run.Counts {
				require.True(t, status.Over(), status)
				require.NotEqual(t, engine.StatusCancelled, status, "nobody knows whether they got something")
				total += n
			}
			if total != 0 { // the audience was read by then
				require.Equal(t, c.customers+c.customers/7, total)
			}
		}
		require.Len(t, r.box.Deliveries(), sent, "nothing leaves any more")
		require.Zero(t, r.box.Stats().Duplicates)
		require.Zero(t, r.box.Stats().OpenTakeovers)
		r.end()
	})
}

// What a run's own steps, or a list that was not read by the time of the backup, would send is unknown as well, and a
// workflow that it calls sends nothing either.
func TestWhatARestoredRunHasNotBegunIsUnknown(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "", sandbox.Config{Clock: time.Now}, nil)
		id := r.start(`
name: later
steps:
  - { wait: 2h }
  - { id: own, continue_on_error: true, uses: message.send, with: { account: "1", friend: x, text: hi } }
  - foreach: { in: [a, b], as: who, key: who }
    steps:
      - { id: hold, uses: takeover.apply, with: { account: "1", friend: "${{ who }}" } }
      - { uses: message.send, with: { takeover: "${{ steps.hold.takeover }}", text: hi } }
`)
		time.Sleep(time.Hour)
		copied := filepath.Join(dir, "copy.db")
		require.NoError(t, r.ledger.Backup(t.Context(), copied))
		r.until(id, time.Minute, over)
		require.Len(t, r.box.Deliveries(), 3)
		before := r.box.Stats().Requests
		require.Equal(t, []string{id}, r.restore(copied).Runs)
		require.NoError(t, r.engine.Resume(t.Context(), id))
		run := r.until(id, time.Minute, over)
		require.Equal(t, engine.StatusPartial, run.Status)
		require.Equal(t, map[engine.Status]int{engine.StatusUnknown: 2}, run.Counts)
		require.Equal(t, before, r.box.Stats().Requests, "nothing is asked of the platform")
		for _, item := range r.items(id) {
			require.Contains(t, item.Reason, "restored from a backup of 2000-01-01T01:00:00Z")
			done, err := r.engine.SettleItem(t.Context(), item, item.Key == "a", "me")
			require.NoError(t, err)
			require.Equal(t, 1, done.Settled)
		}
		require.Equal(t, map[engine.Status]int{engine.StatusSucceeded: 1, engine.StatusFailed: 1}, r.run(id).Counts)
		r.end()
	})
}

// What the limits held by the time of the backup, or would hold now, is unknown as soon as the run is resumed: there is nothing
// that it would wait for.
func TestWhatALimitHeldInABackupIsUnknownAtOnce(t *testing.T) {
	for name, c := range map[string]struct{ limits, text string }{
		"amid a conversation": {"limits: { account: { hourly: 5 } }", heldAmid},
		"by a cap":            {"limits: { team: { by: call.account, per: 7d, max: 5, over: hold } }", heldAmid},
		"with stop_when": {"limits: { account: { hourly: 5 } }",
			strings.Replace(heldAmid, "lane: who.account }", "lane: who.account, stop_when: message.received }", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := rehearse(t, dir, c.limits, sandbox.Config{Clock: time.Now}, nil)
				id := r.start("name: w\n" + fmt.Sprintf(c.text, list("1", 10)))
				time.Sleep(20 * time.Minute)
				copied := filepath.Join(dir, "copy.db")
				require.NoError(t, r.ledger.Backup(t.Context(), copied))
				sent := len(r.box.Deliveries())
				require.NotZero(t, r.run(id).Counts[engine.StatusHeld])
				succeeded := r.run(id).Counts[engine.StatusSucceeded]
				require.Equal(t, []string{id}, r.restore(copied).Runs)
				require.NoError(t, r.engine.Resume(t.Context(), id))
				time.Sleep(time.Minute)
				run := r.run(id)
				require.True(t, run.Status.Over(), run.Status)
				require.Equal(t, 10-succeeded, run.Counts[engine.StatusUnknown])
				require.Len(t, r.box.Deliveries(), sent)
				require.Zero(t, r.box.Stats().OpenTakeovers)
				r.end()
			})
		})
	}
}

// Instants between a backup and its acceptance are missed, also where a trigger asks to make up for those.
func TestARestoredBackupFiresNothingAgain(t *testing.T) {
	one(t, `
triggers: [{ schedule: "* * * * *", missed: all, overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		time.Sleep(150 * time.Second)
		copied := d.path + ".copy"
		l, err := ledger.OpenReadOnly(t.Context(), d.path)
		require.NoError(t, err)
		require.NoError(t, l.Backup(t.Context(), copied))
		require.NoError(t, l.Close())
		time.Sleep(2 * time.Minute)
		d.bury(p)
		require.Equal(t, []string{"00:01:00 fired", "00:02:00 fired", "00:03:00 fired", "00:04:00 fired"}, fires.outcomes())
		for _, end := range []string{"", "-wal", "-shm"} {
			require.NoError(t, os.RemoveAll(d.path+end))
		}
		require.NoError(t, os.Rename(copied, d.path))
		time.Sleep(2 * time.Minute)
		l, err = ledger.Open(t.Context(), ledger.Config{DSN: d.path, Copy: true})
		require.NoError(t, err)
		_, err = l.Accept(t.Context(), ledger.Acceptance{At: time.Now(), Who: "me"})
		require.NoError(t, err)
		accepted, err := l.AcceptedAt(t.Context())
		require.NoError(t, err)
		require.NoError(t, l.Close())

		time.Sleep(90 * time.Second)
		p = d.start()
		p.stop() // another scheduler takes its place
		p.ended.Wait()
		ctx, stop := context.WithCancel(t.Context())
		schedules, err := ledger.OpenReadOnly(t.Context(), d.path)
		require.NoError(t, err)
		s := engine.NewScheduler(engine.SchedulerConfig{Engine: p.engine, Schedules: schedules, Planner: &d.shelf, Tell: fires.add, Since: accepted})
		p.ended.Go(func() { _ = s.Run(ctx) })
		time.Sleep(time.Minute)
		require.Equal(t, []string{"00:06:00 missed", "00:07:00 fired", "00:08:00 fired", "00:09:00 fired"}, fires.outcomes()[4:])
		rows, err := schedules.Schedules(t.Context())
		require.NoError(t, err)
		require.Equal(t, 4, rows[0].Missed)
		stop()
		require.NoError(t, schedules.Close())
		d.bury(p)
	})
}
