package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

var start = time.Date(2026, 11, 11, 10, 0, 30, 0, time.UTC)

// clock is a time that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// program compiles an expression over call.
func program(t testing.TB, source string, kind expression.Kind) *expression.Program {
	t.Helper()
	text := expression.Type{Kind: expression.String}
	p, err := expression.Compile(source, expression.Scope{"call": {Kind: expression.Object, Fields: map[string]expression.Type{
		"account": text, "friend": text, "operation": text, "effect": text, "connection": text, "workflow": text,
	}}}, expression.Type{Kind: kind})
	require.NoError(t, err)
	return p
}

func perSecond(n int) workflows.Rate { return workflows.Rate{Count: n, Per: time.Second} }
func perMinute(n int) workflows.Rate { return workflows.Rate{Count: n, Per: time.Minute} }

// fixture is a limiter with a clock that stands still at start.
func fixture(shared ...*workflows.Limit) (*Limiter, *clock) {
	c := &clock{at: start}
	return New(Config{Store: NewMemoryStore(), Shared: shared, Now: c.now}), c
}

// reserve takes n slots for calls of an account, and returns when they are, counted from start.
func reserve(t testing.TB, l *Limiter, account string, n int, own ...*workflows.Limit) []time.Duration {
	t.Helper()
	var offsets []time.Duration
	for i := range n {
		at, err := l.Reserve(t.Context(), engine.LimitedCall{Account: account, Effect: "message", Seed: uint64(i)}, own)
		require.NoError(t, err)
		offsets = append(offsets, at.At.Sub(start))
	}
	return offsets
}

func TestNoLimitIsNow(t *testing.T) {
	l, _ := fixture()
	require.Equal(t, []time.Duration{0, 0, 0}, reserve(t, l, "a", 3))
}

func TestLimitThatDoesNotMatchIsNow(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "reads", Match: program(t, `call.effect == "read"`, expression.Bool), Rate: perMinute(1)})
	require.Equal(t, []time.Duration{0, 0, 0}, reserve(t, l, "a", 3))
}

func TestCallsArePacedEvenlyAfterTheBurst(t *testing.T) {
	for _, at := range []time.Time{start, start.Truncate(time.Minute), start.Truncate(time.Minute).Add(time.Second)} {
		c := &clock{at: at}
		l := New(Config{Store: NewMemoryStore(), Shared: []*workflows.Limit{{Name: "tenant", Rate: perSecond(4), Burst: 3}}, Now: c.now})
		var offsets []time.Duration
		for range 6 {
			instant, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
			require.NoError(t, err)
			offsets = append(offsets, instant.At.Sub(at))
		}
		require.Equal(t, []time.Duration{0, 0, 0, 250 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond}, offsets, at)
	}
}

func TestBurstComesBackAfterARest(t *testing.T) {
	l, c := fixture(&workflows.Limit{Name: "tenant", Rate: perSecond(1), Burst: 2})
	require.Equal(t, []time.Duration{0, 0, time.Second}, reserve(t, l, "", 3))
	c.add(time.Minute) // into another slice
	m := time.Minute
	require.Equal(t, []time.Duration{m, m, m + time.Second}, reserve(t, l, "", 3))
}

func TestEachAccountHasItsBucket(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "account", By: program(t, "call.account", expression.String), Rate: perMinute(20)})
	require.Equal(t, []time.Duration{0, 3 * time.Second}, reserve(t, l, "a", 2))
	require.Equal(t, []time.Duration{0, 3 * time.Second}, reserve(t, l, "b", 2))
	require.Equal(t, []time.Duration{6 * time.Second}, reserve(t, l, "a", 1))
}

func TestOwnLimitsTightenAndNeverLoosen(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "tenant", Rate: perSecond(1)})
	own := &workflows.Limit{Name: "tenant", Scope: "vip", Rate: perSecond(100)}
	require.Equal(t, []time.Duration{0, time.Second}, reserve(t, l, "", 2, own))
	own = &workflows.Limit{Name: "slow", Scope: "vip", Rate: workflows.Rate{Count: 1, Per: 10 * time.Second}}
	require.Equal(t, []time.Duration{2 * time.Second, 12 * time.Second}, reserve(t, l, "", 2, own))
	require.Equal(t, []time.Duration{3 * time.Second, 4 * time.Second}, reserve(t, l, "", 2), "what the slow ones passed over is for the others")
}

func TestGapsAreWithinBoundsAndTheSameEverywhere(t *testing.T) {
	limit := &workflows.Limit{Name: "account", GapMin: 2 * time.Second, GapMax: 6 * time.Second}
	l, _ := fixture(limit)
	offsets := reserve(t, l, "a", 200)
	var shortest, longest = time.Hour, time.Duration(0)
	for i, at := range offsets[1:] {
		gap := at - offsets[i]
		require.GreaterOrEqual(t, gap, 2*time.Second)
		// A call whose gap would reach over the end of a slice begins the next one.
		require.Less(t, gap, 12*time.Second)
		shortest, longest = min(shortest, gap), max(longest, gap)
	}
	require.Less(t, shortest, 2200*time.Millisecond, "drawn evenly")
	require.Greater(t, longest, 5800*time.Millisecond, "drawn evenly")
	again, _ := fixture(limit)
	require.Equal(t, offsets, reserve(t, again, "a", 200))
}

func TestHourlyAndDailyCapsMoveOnToTheNextWindow(t *testing.T) {
	shanghai := time.FixedZone("Asia/Shanghai", 8*3600) // start is 18:00:30 there
	c := &clock{at: start}
	l := New(Config{Store: NewMemoryStore(), Location: shanghai, Now: c.now, Shared: []*workflows.Limit{
		{Name: "account", Hourly: 2, Daily: 5},
	}})
	hour := time.Hour - 30*time.Second
	midnight := 6*time.Hour - 30*time.Second
	require.Equal(t, []time.Duration{0, 0, hour, hour, hour + time.Hour, midnight, midnight, midnight + time.Hour}, reserve(t, l, "a", 8))
}

func TestAnAccountThatHasToWaitDoesNotHoldOthersUp(t *testing.T) {
	l, c := fixture(
		&workflows.Limit{Name: "tenant", Rate: perSecond(20), Burst: 5},
		&workflows.Limit{Name: "account", By: program(t, "call.account", expression.String), Rate: perMinute(20), Daily: 3},
	)
	tomorrow := 14*time.Hour - 30*time.Second
	require.Equal(t, []time.Duration{0, 3 * time.Second, 6 * time.Second, tomorrow, tomorrow + 3*time.Second}, reserve(t, l, "a", 5))
	require.Equal(t, []time.Duration{0, 3 * time.Second}, reserve(t, l, "b", 2))

	// Neither after a restart, beyond the slice that is lost with it.
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	at := reserve(t, again, "c", 1)[0]
	require.LessOrEqual(t, at, time.Minute)
}

func TestHoldKeepsEveryCallOfTheBucketBack(t *testing.T) {
	byAccount := program(t, "call.account", expression.String)
	l, c := fixture(&workflows.Limit{Name: "account", By: byAccount, Rate: perSecond(10)})
	reserve(t, l, "a", 1)
	require.NoError(t, l.Hold(t.Context(), engine.LimitedCall{Account: "a"}, nil, start.Add(5*time.Minute)))
	require.NoError(t, l.Hold(t.Context(), engine.LimitedCall{Account: "a"}, nil, start.Add(time.Minute)), "a shorter one does not shorten it")
	require.Equal(t, []time.Duration{5 * time.Minute, 5*time.Minute + 100*time.Millisecond}, reserve(t, l, "a", 2))
	require.Equal(t, []time.Duration{0}, reserve(t, l, "b", 1))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	require.GreaterOrEqual(t, reserve(t, again, "a", 1)[0], 5*time.Minute+200*time.Millisecond)
}

func TestHoldReachesOtherProcesses(t *testing.T) {
	l, c := fixture(&workflows.Limit{Name: "tenant", Rate: perSecond(10)})
	other := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	reserve(t, other, "", 1)
	require.NoError(t, l.Hold(t.Context(), engine.LimitedCall{}, nil, start.Add(5*time.Minute)))
	c.add(5 * time.Second)
	require.GreaterOrEqual(t, reserve(t, other, "", 1)[0], 5*time.Minute)
}

func TestClockThatStepsBackOpensNothingAgain(t *testing.T) {
	l, c := fixture(&workflows.Limit{Name: "tenant", Rate: perMinute(1), Burst: 3})
	require.Equal(t, []time.Duration{0, 0, 0, time.Minute}, reserve(t, l, "", 4))
	c.add(-time.Hour)
	require.Equal(t, []time.Duration{2 * time.Minute}, reserve(t, l, "", 1))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	require.GreaterOrEqual(t, reserve(t, again, "", 1)[0], 3*time.Minute)
}

// countingStore counts updates, and can be told to fail.
type countingStore struct {
	*MemoryStore
	mu      sync.Mutex
	updates int
	err     error
}

func (s *countingStore) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	s.mu.Lock()
	s.updates++
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.MemoryStore.UpdateBucket(ctx, key, change)
}

func TestHighRateNeedsFewUpdates(t *testing.T) {
	store := &countingStore{MemoryStore: NewMemoryStore()}
	l := New(Config{Store: store, Shared: []*workflows.Limit{{Name: "tenant", Rate: perSecond(20_000)}}, Now: func() time.Time { return start }})
	offsets := reserve(t, l, "", 20_000)
	require.Equal(t, time.Second-50*time.Microsecond, offsets[19_999])
	require.Less(t, store.updates, 30)
}

func TestFailingStoreIsAnErrorThatNamesTheLimit(t *testing.T) {
	broken := errors.New("disk full")
	store := &countingStore{MemoryStore: NewMemoryStore(), err: broken}
	l := New(Config{Store: store, Shared: []*workflows.Limit{{Name: "tenant", Rate: perSecond(1), File: "youmiflow.yaml", Span: diagnostic.Span{Line: 7}}}, Now: func() time.Time { return start }})
	_, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, `limit "tenant" (youmiflow.yaml:7): disk full`)
	require.ErrorIs(t, l.Hold(t.Context(), engine.LimitedCall{}, nil, start), broken)
	store.err = nil
	require.Equal(t, []time.Duration{0}, reserve(t, l, "", 1), "nothing was taken")
}

func TestWaitForABucketEndsWithTheContext(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "tenant", Rate: perSecond(1)})
	reserve(t, l, "", 1)
	busy := l.buckets["tenant="]
	require.NoError(t, busy.turn.Acquire(t.Context(), 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Reserve(ctx, engine.LimitedCall{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	busy.turn.Release(1)
	require.Equal(t, []time.Duration{time.Second}, reserve(t, l, "", 1))
}

func TestManyAtOnceGetDifferentSlots(t *testing.T) {
	l, _ := fixture(
		&workflows.Limit{Name: "tenant", Rate: perSecond(100)},
		&workflows.Limit{Name: "account", By: program(t, "call.account", expression.String), Rate: perSecond(20)},
	)
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for range 50 {
				at, err := l.Reserve(t.Context(), engine.LimitedCall{Account: fmt.Sprint(worker % 4)}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, at.At.Sub(start))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	require.Len(t, all, 800)
	for i := range all[1:] {
		require.GreaterOrEqual(t, all[i+1]-all[i], 10*time.Millisecond)
	}
	require.Less(t, all[799], 15*time.Second, "10 s at 80 a second, and little is wasted")
}

func TestKeysTellLimitsApart(t *testing.T) {
	keys := map[string]bool{}
	for _, limit := range []*workflows.Limit{{Name: "b"}, {Name: "b", Scope: "a"}, {Name: "a/b"}, {Name: "a=b"}, {Name: "@a"}, {Name: "a%2Fb"}} {
		keys[prefix(limit)] = true
	}
	require.Len(t, keys, 6)
}

func TestMemoryStoreForgetsWhatIsOver(t *testing.T) {
	l, c := fixture(&workflows.Limit{Name: "account", Rate: perSecond(1), Daily: 10_000})
	reserve(t, l, "", 600)
	store := l.config.Store.(*MemoryStore)
	require.Greater(t, len(store.full), 5)
	c.add(Kept + time.Hour)
	reserve(t, l, "", 1)
	store.due = 0
	store.Forget(c.now())
	require.LessOrEqual(t, len(store.full), 3)
}

// The clocks of two processes differ by a second, and one is in a new slice already, to which it has carried over what
// was left of the burst: the other must not go on in the old one.
func TestBurstIsNotGivenTwiceWhereSlicesMeet(t *testing.T) {
	limit := &workflows.Limit{Name: "tenant", Rate: perSecond(1), Burst: 6}
	p := paceOf(limit)
	border := time.Unix(0, p.start(p.slice(start.UnixNano())+1)).UTC()
	store := NewMemoryStore()
	process := func(now time.Time) (*Limiter, *clock) {
		c := &clock{at: now}
		return New(Config{Store: store, Shared: []*workflows.Limit{limit}, Now: c.now}), c
	}
	slow, slowClock := process(border.Add(-time.Second))
	fast, _ := process(border.Add(100 * time.Millisecond))
	var all []time.Time
	take := func(l *Limiter, n int) {
		for range n {
			at, err := l.Reserve(t.Context(), engine.LimitedCall{}, nil)
			require.NoError(t, err)
			all = append(all, at.At)
		}
	}
	take(slow, 1)
	take(fast, 6)
	require.Equal(t, border.Add(100*time.Millisecond), all[6], "the burst is there at once")
	slowClock.add(500 * time.Millisecond)
	take(slow, 6)
	slices.SortFunc(all, time.Time.Compare)
	for i := 6; i < len(all); i++ {
		require.GreaterOrEqual(t, all[i].Sub(all[i-6]), time.Second, "call %d of %v", i, all)
	}
}
