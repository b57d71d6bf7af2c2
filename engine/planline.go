package engine

import (
	"container/heap"
	"context"
	"errors"
	"iter"
)

// timeline brings what a plan times to pass in the order of time, one after the other: the strands of the run's own steps,
// the lanes of a foreach, and the runs that items call.
type timeline struct {
	now   int64
	queue actorQueue
	made  int
}

// actor does something at an instant. Of several at one instant, the one made first comes first.
type actor struct {
	at    int64
	index int
	place int // in the queue; -1: it is not in it
	act   func(ctx context.Context, now int64) (again int64, err error)
}

// add makes an actor; it does nothing before it is woken.
func (l *timeline) add(a *actor, act func(context.Context, int64) (int64, error)) {
	l.made++
	a.index, a.place, a.act = l.made, -1, act
}

// wake has an actor act at an instant, or before where it was to do so anyway.
func (l *timeline) wake(a *actor, at int64) {
	switch {
	case a.place < 0:
		a.at = at
		heap.Push(&l.queue, a)
	case at < a.at:
		a.at = at
		heap.Fix(&l.queue, a.place)
	}
}

// run goes on until nothing is left to do.
func (l *timeline) run(ctx context.Context) error {
	for steps := 0; len(l.queue) > 0; steps++ {
		if steps%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		a := heap.Pop(&l.queue).(*actor)
		l.now = max(l.now, a.at)
		again, err := a.act(ctx, l.now)
		if err != nil {
			return err
		}
		if again != never {
			l.wake(a, max(again, l.now))
		}
	}
	return nil
}

type actorQueue []*actor

func (q actorQueue) Len() int { return len(q) }
func (q actorQueue) Less(i, j int) bool {
	if q[i].at == q[j].at {
		return q[i].index < q[j].index
	}
	return q[i].at < q[j].at
}

func (q actorQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

func (q *actorQueue) Push(x any) {
	a := x.(*actor)
	a.place = len(*q)
	*q = append(*q, a)
}

func (q *actorQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	last.place = -1
	return last
}

// strand is a part of the run's own steps that goes on by itself: all of them, or a branch. It runs as a coroutine, and
// gives way whenever it has to wait.
type strand struct {
	actor
	yield func(int64) bool
	item  *plannedItem // the calls of its steps
	err   error
}

// errStranded ends a strand that nobody will wake: the calls that it waits for are held until a person does something.
var errStranded = errors.New("the run waits for a person")

// strandKey finds the strand that a context belongs to.
type strandKey struct{}

func strandOf(ctx context.Context) *strand {
	s, _ := ctx.Value(strandKey{}).(*strand)
	return s
}

// begin starts a strand at the present instant. Its end is told to ended.
func (l *timeline) begin(ctx context.Context, work func(context.Context) error, ended func()) (s *strand, stop func()) {
	s = &strand{}
	next, stop := iter.Pull(func(yield func(int64) bool) {
		s.yield = yield
		s.err = work(context.WithValue(ctx, strandKey{}, s))
	})
	l.add(&s.actor, func(context.Context, int64) (int64, error) {
		again, more := next()
		if !more {
			if ended != nil {
				ended()
			}
			return never, s.err
		}
		return again, nil
	})
	l.wake(&s.actor, l.now)
	return s, stop
}

// await gives way until an instant, or until it is woken (never).
func (s *strand) await(at int64) error {
	if !s.yield(at) {
		return errStranded
	}
	return nil
}
