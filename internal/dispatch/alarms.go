package dispatch

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// maxAlarms bounds the jobs whose instants are kept in memory. River's scheduler, up to 5 s late, serves the rest.
const maxAlarms = 100_000

// alarms makes jobs due at their instants.
type alarms struct {
	fire    func(ctx context.Context, job int64)
	changed chan struct{}

	mu  sync.Mutex
	due alarmHeap
}

type alarm struct {
	at  time.Time
	job int64
}

func newAlarms(fire func(context.Context, int64)) *alarms {
	return &alarms{fire: fire, changed: make(chan struct{}, 1)}
}

func (a *alarms) set(at time.Time, job int64) {
	a.mu.Lock()
	if len(a.due) < maxAlarms {
		heap.Push(&a.due, alarm{at, job})
	}
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// run fires alarms until ctx ends.
func (a *alarms) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		job, wait := a.next(time.Now())
		if job != 0 {
			a.fire(ctx, job)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-a.changed:
		case <-timer.C:
		}
	}
}

// next takes a job that is due, or says how long there is none.
func (a *alarms) next(now time.Time) (job int64, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.due) == 0 {
		return 0, time.Hour
	}
	if first := a.due[0]; first.at.After(now) {
		return 0, first.at.Sub(now)
	}
	first, _ := heap.Pop(&a.due).(alarm)
	return first.job, 0
}

// alarmHeap implements heap.Interface, the earliest first.
type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

func (h *alarmHeap) Push(x any) {
	if one, ok := x.(alarm); ok {
		*h = append(*h, one)
	}
}

func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
