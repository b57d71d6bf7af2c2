package rehearsal

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"sync"
	"time"

	"youmiflow/engine"
)

// Lanes has the lanes of runs worked on, one at a time: always the one that is due first, and when that is later, the clock
// goes on to it. It stands in for the dispatcher of a real process.
type Lanes struct {
	clock *Clock

	mu  sync.Mutex
	due dueHeap
	at  map[engine.LaneKey]time.Time // the earliest of each lane: others of it in the heap are stale
}

// NewLanes makes one that knows of no lane yet.
func NewLanes(clock *Clock) *Lanes {
	return &Lanes{clock: clock, at: map[engine.LaneKey]time.Time{}}
}

// Wake has lanes worked on once a transaction is committed. It fits ledger.WakeFunc.
func (l *Lanes) Wake(_ context.Context, _ *sql.Tx, wakes []engine.Wake) (committed func(), err error) {
	return func() {
		for _, wake := range wakes {
			l.Add(wake.LaneKey, wake.At)
		}
	}, nil
}

// Add has a lane worked on at an instant, or earlier where that is so already. The zero time means at once.
func (l *Lanes) Add(key engine.LaneKey, at time.Time) {
	if now := l.clock.Now(); at.Before(now) {
		at = now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, ok := l.at[key]; ok && !at.Before(before) {
		return
	}
	l.at[key] = at
	heap.Push(&l.due, due{at, key})
}

// Forget forgets all lanes: somebody else has them worked on from now on.
func (l *Lanes) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due, l.at = nil, map[engine.LaneKey]time.Time{}
}

// Next is when a lane is due next; false when none is.
func (l *Lanes) Next() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.drop() {
		return time.Time{}, false
	}
	return l.due[0].at, true
}

// Step works on the lane that is due first, when the clock has gone on to that; false when none is due.
func (l *Lanes) Step(ctx context.Context, work func(context.Context, engine.LaneKey) (*time.Time, error)) (bool, error) {
	key, ok := l.take()
	if !ok {
		return false, nil
	}
	again, err := work(ctx, key)
	if err == nil && again != nil {
		l.Add(key, *again)
	}
	return true, err
}

func (l *Lanes) take() (engine.LaneKey, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.drop() {
		return engine.LaneKey{}, false
	}
	first, _ := heap.Pop(&l.due).(due)
	delete(l.at, first.key)
	l.clock.Advance(first.at)
	return first.key, true
}

// drop forgets what is stale at the top, and reports whether anything is left.
func (l *Lanes) drop() bool {
	for len(l.due) > 0 {
		if at, ok := l.at[l.due[0].key]; ok && at.Equal(l.due[0].at) {
			return true
		}
		heap.Pop(&l.due)
	}
	return false
}

type due struct {
	at  time.Time
	key engine.LaneKey
}

// dueHeap implements heap.Interface: the earliest first, and at one instant by the lanes' names, so that it does not matter
// which was woken first.
type dueHeap []due

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key.Run, b.key.Run), cmp.Compare(a.key.Step, b.key.Step),
		cmp.Compare(a.key.Lane, b.key.Lane)) < 0
}

func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *dueHeap) Push(x any) {
	if one, ok := x.(due); ok {
		*h = append(*h, one)
	}
}

// Pop implements heap.Interface.
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
