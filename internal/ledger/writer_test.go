package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/ledger/ledgertest"
	"youmiflow/workflows"
)

// log collects what is logged.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func openLogged(t *testing.T, path string) (*ledger.Ledger, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	l, err := ledger.Open(t.Context(), ledger.Config{DSN: path, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l, log
}

func addRuns(from, to int) (changes []engine.Change) {
	for i := from; i < to; i++ {
		changes = append(changes, engine.AddRun{Run: engine.Run{ID: fmt.Sprint(i), Trigger: "manual"}})
	}
	return changes
}

func TestAFullDiskIsWaitedFor(t *testing.T) {
	l, log := openLogged(t, newPath(t))
	var pages int
	require.NoError(t, l.DB().QueryRow("PRAGMA page_count").Scan(&pages))
	_, err := l.DB().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+1)) // SQLite answers as on a full disk
	require.NoError(t, err)
	var receipts []engine.Receipt
	for i := range 20 {
		receipts = append(receipts, l.Append(t.Context(), engine.Entry{Changes: addRuns(100*i, 100*i+100)}))
	}
	require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("cannot be written for now")) },
		10*time.Second, time.Millisecond)
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, receipts[19].Wait(soon), context.DeadlineExceeded)
	_, err = l.DB().Exec("PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	for _, receipt := range receipts {
		require.NoError(t, receipt.Wait(t.Context()))
	}
	runs, err := l.Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 2000)
	require.Contains(t, log.String(), "can be written again")
	require.Equal(t, 1, bytes.Count([]byte(log.String()), []byte("cannot be written for now")), "said once")
}

func TestALockedFileIsWaitedFor(t *testing.T) {
	path := newPath(t)
	l, _ := openLogged(t, path)
	_, err := l.DB().Exec("PRAGMA busy_timeout = 10")
	require.NoError(t, err)
	other, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_txlock=immediate"}).String())
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()
	tx, err := other.Begin()
	require.NoError(t, err)
	receipt := l.Append(t.Context(), engine.Entry{Changes: addRuns(0, 1)})
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, receipt.Wait(soon), context.DeadlineExceeded)
	require.NoError(t, tx.Rollback())
	require.NoError(t, receipt.Wait(t.Context()))
}

// TestAnotherWriterIsNoticed: what the writer remembers of rows must not outlive a change by another process.
func TestAnotherWriterIsNoticed(t *testing.T) {
	path := newPath(t)
	one, two := open(t, path), open(t, path)
	commit(t, one, addRuns(0, 1)...)
	key := engine.LaneKey{Run: "0"}
	lane, err := one.Seize(t.Context(), key)
	require.NoError(t, err)
	fenced := engine.Entry{Fence: &engine.Fence{LaneKey: key, Epoch: lane.Epoch}, Changes: addRuns(1, 2)}
	require.NoError(t, one.Append(t.Context(), fenced).Wait(t.Context()))
	_, err = two.Seize(t.Context(), key)
	require.NoError(t, err)
	fenced.Changes = addRuns(2, 3)
	require.ErrorIs(t, one.Append(t.Context(), fenced).Wait(t.Context()), engine.ErrStale)
	for i := range 10 { // ids of items do not clash either
		commit(t, []*ledger.Ledger{one, two}[i%2], addRuns(10+i, 11+i)...)
	}
}

func TestWakesAreOfTheTransaction(t *testing.T) {
	l := open(t, newPath(t))
	var calls [][]engine.Wake
	committed, broken := 0, error(nil)
	l.SetWake(func(ctx context.Context, tx *sql.Tx, wakes []engine.Wake) (func(), error) {
		if broken != nil {
			return nil, broken
		}
		calls = append(calls, wakes)
		_, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS woken (n)")
		return func() { committed++ }, err
	})
	at := time.Now().Add(time.Hour)
	root := engine.Wake{LaneKey: engine.LaneKey{Run: "r"}, At: at}
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual"}}, root)
	require.Equal(t, [][]engine.Wake{{root}}, calls)
	require.Equal(t, 1, committed, "and known before the receipt says so")

	commit(t, l, engine.AddItems{Run: "r", Step: "s", Items: []engine.Item{
		{Sequence: 1, Key: "1", Lane: "x", Status: engine.StatusPending}, {Sequence: 2, Key: "2", Lane: "y", Status: engine.StatusPending},
	}}, engine.AddLanes{Run: "r", Step: "s"})
	lane := func(name string) engine.Wake {
		return engine.Wake{LaneKey: engine.LaneKey{Run: "r", Step: "s", Lane: name}}
	}
	require.Equal(t, []engine.Wake{lane("x"), lane("y")}, calls[1])
	commit(t, l, engine.AssignWaves{Run: "r", Step: "s", Sizes: []int{1, 1}}, engine.AddLanes{Run: "r", Step: "s", Wave: 2})
	require.Equal(t, []engine.Wake{lane("y")}, calls[2], "those with work in the wave")
	commit(t, l, engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: "ask", Status: engine.StatusHeld}},
		engine.SetStep{StepRow: engine.StepRow{Run: "r", Path: "more", Status: engine.StatusHeld}})
	commit(t, l, engine.Decide{Run: "r", Path: "ask", Decision: workflows.DecisionReject, Who: "李四", Note: "no", At: at})
	require.Equal(t, []engine.Wake{{LaneKey: engine.LaneKey{Run: "r"}}}, calls[3])
	calls = calls[:2]
	requireAudit(t, l, "reject", "李四", "step ask of run r", "no")

	// An entry that is refused wakes nobody, and one that cannot wake is not committed.
	require.ErrorIs(t, l.Append(t.Context(), engine.Entry{Changes: []engine.Change{lane("x"), engine.SetRun{ID: "none"}}}).Wait(t.Context()), engine.ErrNotFound)
	require.Len(t, calls, 2)
	broken = errors.New("no River")
	failing := l.Append(t.Context(), engine.Entry{Changes: []engine.Change{engine.AddAudit{Who: "me"}, lane("x")}})
	other := l.Append(t.Context(), engine.Entry{Changes: addRuns(0, 1)})
	require.ErrorIs(t, failing.Wait(t.Context()), broken)
	require.NoError(t, other.Wait(t.Context()))
	var n int
	require.NoError(t, l.DB().QueryRow("SELECT count(*) FROM audit WHERE who = 'me'").Scan(&n))
	require.Zero(t, n)
}

func requireAudit(t *testing.T, l *ledger.Ledger, action, who, target, note string) {
	t.Helper()
	var got [4]string
	require.NoError(t, l.DB().QueryRow("SELECT action, who, target, note FROM audit ORDER BY id DESC").Scan(&got[0], &got[1], &got[2], &got[3]))
	require.Equal(t, [4]string{action, who, target, note}, got)
}

// together has the writer commit the entries in one group: it is kept busy until all of them are queued.
func together(t *testing.T, l *ledger.Ledger, entries ...[]engine.Change) (problems []error) {
	t.Helper()
	busy, release := make(chan struct{}), make(chan struct{})
	var blocked sync.WaitGroup
	blocked.Go(func() {
		if err := l.UpdateBucket(t.Context(), "busy", func(b engine.Bucket) engine.Bucket {
			close(busy)
			<-release
			return b
		}); err != nil {
			t.Error(err)
		}
	})
	<-busy
	var receipts []engine.Receipt
	for _, changes := range entries {
		receipts = append(receipts, l.Append(t.Context(), engine.Entry{Changes: changes}))
	}
	close(release)
	blocked.Wait()
	for _, receipt := range receipts {
		problems = append(problems, receipt.Wait(t.Context()))
	}
	return problems
}

// TestAFailureLeavesNothingToItsGroup: neither rows nor wakes, nor what the writer remembered of it.
func TestAFailureLeavesNothingToItsGroup(t *testing.T) {
	l := open(t, newPath(t))
	var woken []engine.Wake
	l.SetWake(func(_ context.Context, _ *sql.Tx, wakes []engine.Wake) (func(), error) {
		woken = append(woken, wakes...)
		return nil, nil
	})
	commit(t, l, engine.AddRun{Run: engine.Run{ID: "r", Trigger: "manual", Foreach: true}})
	add := func(keys ...string) engine.Change {
		add := engine.AddItems{Run: "r", Step: "s"}
		for i, key := range keys {
			add.Items = append(add.Items, engine.Item{Sequence: int64(i), Key: key, Lane: "lane of " + key, Status: engine.StatusPending})
		}
		return add
	}
	lanes := engine.AddLanes{Run: "r", Step: "s"}
	problems := together(t, l,
		[]engine.Change{add("a"), lanes, engine.SetRun{ID: "none"}},
		[]engine.Change{add("b", "a"), lanes},
		[]engine.Change{add("c"), engine.SetRun{ID: "none"}},
	)
	require.ErrorIs(t, problems[0], engine.ErrNotFound)
	require.NoError(t, problems[1])
	require.ErrorIs(t, problems[2], engine.ErrNotFound)
	key := engine.LaneKey{Run: "r", Step: "s"}
	key.Lane = "lane of b"
	want := []engine.Wake{{LaneKey: key}}
	key.Lane = "lane of a"
	require.Equal(t, append(want, engine.Wake{LaneKey: key}), woken)
	var got []string
	for item, err := range l.Items(t.Context(), engine.ItemFilter{Run: "r"}) {
		require.NoError(t, err)
		got = append(got, item.Key+" "+item.Lane+" "+string(item.Status))
	}
	require.Equal(t, []string{"b lane of b pending", "a lane of a pending"}, got)
	ledgertest.CountsEqualRows(t, l, "r")
}

func TestUpdateBucket(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	at := time.Date(2026, 11, 11, 8, 0, 0, 123456789, time.UTC)
	want := engine.Bucket{Key: "账号/1", Arrival: at, NotBefore: at.Add(time.Second), Hour: at, Day: at, HourCount: 3, DayCount: 4, State: []byte{0, 1, 255}}
	require.NoError(t, l.UpdateBucket(t.Context(), want.Key, func(b engine.Bucket) engine.Bucket {
		require.Equal(t, engine.Bucket{Key: want.Key}, b)
		return want
	}))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := l.UpdateBucket(t.Context(), want.Key, func(b engine.Bucket) engine.Bucket {
				b.DayCount++
				return b
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Close())
	want.DayCount += 50
	l = open(t, path)
	kept, err := l.Bucket(t.Context(), want.Key)
	require.NoError(t, err)
	require.Equal(t, want, kept)
	none, err := l.Bucket(t.Context(), "none")
	require.NoError(t, err)
	require.Equal(t, engine.Bucket{Key: "none"}, none)
	for each, err := range l.Buckets(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, want, each)
		none.Key = each.Key
	}
	require.Equal(t, want.Key, none.Key)
	require.NoError(t, l.UpdateBucket(t.Context(), want.Key, func(b engine.Bucket) engine.Bucket {
		require.Equal(t, want, b, "nobody's change is lost, not even to a restart")
		return b
	}))
}

// TestPruneBuckets: one goes when none of its times says anything any more, whatever else it remembers.
func TestPruneBuckets(t *testing.T) {
	l := open(t, newPath(t))
	now := time.Date(2026, 11, 11, 8, 0, 0, 0, time.UTC)
	past, later := now.Add(-time.Nanosecond), now.Add(time.Nanosecond)
	buckets := map[string]engine.Bucket{
		"past":    {Arrival: past, NotBefore: past, Hour: past, Day: past, State: []byte("state")},
		"arrival": {Arrival: later, NotBefore: past, Hour: past, Day: past}, "not before": {NotBefore: later, State: []byte("state")},
		"hour": {Arrival: past, Hour: later}, "day": {Arrival: past, Day: later}, "empty": {},
	}
	for key, bucket := range buckets {
		require.NoError(t, l.UpdateBucket(t.Context(), key, func(b engine.Bucket) engine.Bucket {
			bucket.Key = key
			return bucket
		}))
	}
	require.NoError(t, l.PruneBuckets(t.Context(), now))
	for key, bucket := range buckets {
		bucket.Key = key
		if key == "past" {
			bucket = engine.Bucket{Key: key}
		}
		kept, err := l.Bucket(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, bucket, kept)
	}
}

func TestCloseCommitsWhatIsQueued(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	var receipts []engine.Receipt
	for i := range 1000 {
		receipts = append(receipts, l.Append(t.Context(), engine.Entry{Changes: addRuns(i, i+1)}))
	}
	require.NoError(t, l.Close())
	for _, receipt := range receipts {
		require.NoError(t, receipt.Wait(t.Context()))
	}
	runs, err := open(t, path).Runs(t.Context(), engine.RunFilter{})
	require.NoError(t, err)
	require.Len(t, runs, 1000)
}

// TestAppendWhileClosing: every receipt is answered, whichever comes first.
func TestAppendWhileClosing(t *testing.T) {
	l := open(t, newPath(t))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				id := g*1000 + i
				if err := l.Append(t.Context(), engine.Entry{Changes: addRuns(id, id+1)}).Wait(t.Context()); err != nil && !errors.Is(err, ledger.ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	require.NoError(t, l.Append(t.Context(), engine.Entry{}).Wait(t.Context()))
	require.NoError(t, l.Close())
	wg.Wait()
}

func TestTheFileIsKeptSmall(t *testing.T) {
	path := newPath(t)
	l := open(t, path)
	big := make([]byte, 1<<20)
	for i := range 40 {
		commit(t, l, engine.AddWorkflow{WorkflowVersion: engine.WorkflowVersion{Digest: fmt.Sprint(i), Source: big}})
	}
	require.Less(t, fileSize(t, path+"-wal"), int64(32<<20), "the log is checkpointed as it goes")
}
