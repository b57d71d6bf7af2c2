package engine_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/sandbox"
)

// fill has SQLite answer as on a disk with that many pages left; empty makes room again.
func fill(t *testing.T, l *ledger.Ledger, left int) {
	t.Helper()
	var pages int
	require.NoError(t, l.DB().QueryRow("PRAGMA page_count").Scan(&pages))
	_, err := l.DB().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+left))
	require.NoError(t, err)
}

func empty(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	_, err := l.DB().Exec("PRAGMA max_page_count = 1073741823")
	require.NoError(t, err)
}

const fullDiskCampaign = `
name: full
steps:
  - id: list
    uses: audience.file
    with: { path: people.csv }
  - foreach: { in: "${{ steps.list.rows }}", as: who, key: who.friend }
    steps:
      - { id: hold, uses: takeover.apply, with: { account: "${{ who.account }}", friend: "${{ who.friend }}" } }
      - { uses: message.send, with: { takeover: "${{ steps.hold.takeover }}", text: "hello ${{ who.friend }}" } }
      - { uses: takeover.end, with: { takeover: "${{ steps.hold.takeover }}" } }
`

// Whenever the disk is full, while the list is read, before an intent, or between an intent and its outcome: nothing leaves
// whose intent is not on disk, and once there is room everything goes on, in the same process or in the next one.
func TestAFullDisk(t *testing.T) {
	eachSeed(t, 8, survivesAFullDisk)
}

func survivesAFullDisk(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	dir, people, dies := t.TempDir(), 60+random.IntN(400), random.IntN(2) == 0
	left := random.IntN(12)
	t.Logf("%d people, %d pages left, dies %t", people, left, dies)
	synctest.Test(t, func(t *testing.T) {
		r := rehearse(t, dir, "limits: { account: { by: call.account, rate: 100/s } }", sandbox.Config{Seed: seed + 1, Clock: time.Now, Faults: []sandbox.Fault{fault(t, "*:delay:20ms")}}, nil)
		r.file("people.csv", manyPeople(people, 3))
		id := r.start(fullDiskCampaign)
		time.Sleep(time.Duration(math.Exp(random.Float64() * math.Log(8e9)))) // up to 8 s
		fill(t, r.ledger, left)
		time.Sleep(10 * time.Minute)
		sent := r.box.Deliveries()
		known := map[string]bool{}
		for _, call := range r.messages(id) {
			known[call.Friend] = true
		}
		for _, one := range sent {
			require.True(t, known[one.Friend], "a message left whose intent is not on disk")
		}
		if dies { // in order, as on SIGTERM: what cannot be kept is left to the next process
			r.desk.stop()
			_ = r.ledger.Close() // what waits for it is told that it is not kept
			r.desk.running.Wait()
			r.open()
			require.NoError(t, r.engine.Recover(t.Context(), func(engine.Run) engine.Recovery { return engine.Drive }))
		} else {
			require.Less(t, len(r.box.Deliveries())-len(sent), 1, "nothing leaves while nothing can be kept")
			empty(t, r.ledger)
		}
		run := r.until(id, time.Minute, over)
		total := 0
		for _, n := range run.Counts {
			total += n
		}
		require.Equal(t, people, total, "%+v", run)
		require.Equal(t, people, run.Counts[engine.StatusSucceeded]+run.Counts[engine.StatusUnknown], "%+v", run)
		if !dies {
			require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
		}
		require.Zero(t, r.box.Stats().Duplicates)
		require.Zero(t, r.box.Stats().OpenTakeovers)
		r.desk.halt()
		require.NoError(t, r.ledger.Close())
		require.NoError(t, r.box.Close())
	})
}

// Instants that pass while the disk is full are fired once there is room, each once.
func TestAFullDiskLosesNoInstant(t *testing.T) {
	one(t, `
triggers: [{ schedule: "* * * * *", missed: all, overlap: allow }]
steps: [{ id: a, set: { b: 1 } }]`, func(t *testing.T, d *depot, fires *ledgerOfFires) {
		p := d.start()
		time.Sleep(90 * time.Second)
		l := p.mortal.Ledger
		fill(t, l, 0)
		for i := 0; ; i++ { // until not even what has room by chance can be kept
			soon, cancel := context.WithTimeout(t.Context(), time.Second)
			err := l.Append(soon, engine.Entry{Changes: []engine.Change{engine.AddAudit{Who: "filler", Note: fmt.Sprintf("%01000d", i)}}}).Wait(soon)
			cancel()
			if err != nil {
				break
			}
		}
		time.Sleep(3 * time.Minute)
		require.Equal(t, []string{"00:01:00 fired"}, fires.outcomes())
		empty(t, l)
		time.Sleep(time.Minute)
		require.Equal(t, []string{"00:01:00 fired", "00:02:00 fired", "00:03:00 fired", "00:04:00 fired", "00:05:00 fired"}, fires.outcomes())
		require.Len(t, p.runs(t), 5)
		d.bury(p)
	})
}
