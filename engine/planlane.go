package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sort"
)

// plannedLane is a lane as laneWork works on it, with slices that last no time.
type plannedLane struct {
	actor
	name    string
	spooled *spooledLane
	buffer  []byte // what was read of its records
	rest    []byte // of buffer
	rank    int64
	next    *plannedItem // the next that was never begun; nil: not read yet, or none is left
	empty   bool         // none is left

	asleep *plannedItem   // lets time pass in the middle, and the lane with it
	ready  []*plannedItem // by rank: looked at whenever the lane is worked on, before anything else is begun
	held   []*plannedItem // that wait alone, as a heap by when they go on
	spare  *plannedItem   // one that has ended, for the next
}

// pass works on a lane at an instant, and returns when to come again; never when it is done, or has to be woken.
func (t *planTimer) pass(ctx context.Context, lane *plannedLane, now int64) (int64, error) {
	if t.expired(now) {
		return t.wind(ctx, lane, now)
	}
	lane.due(now)
	for {
		it, err := t.pick(lane)
		if err != nil {
			return never, err
		}
		if it == nil {
			return t.again(lane, never), nil
		}
		if !it.asleep {
			if opens := t.closed(lane, now); opens != 0 {
				lane.putBack(it)
				return t.again(lane, opens), nil
			}
		}
		stop, err := t.work(ctx, it, now)
		if err != nil {
			return never, err
		}
		if at := t.after(lane, it, stop); at != 0 {
			return t.again(lane, at), nil
		}
	}
}

// after puts an item where it belongs, and returns when the lane goes on where it cannot do so now; 0 where it can.
func (t *planTimer) after(lane *plannedLane, it *plannedItem, stop *planStop) int64 {
	switch {
	case stop == nil:
		t.ended(it)
		if lane.spare == nil {
			lane.spare = it
		}
		return 0
	case stop.held && !stop.lane:
		lane.hold(it)
		return 0
	case stop.held:
		lane.hold(it)
		return stop.at
	}
	if it.asleep = stop.asleep; it.asleep {
		lane.asleep = it
	} else {
		lane.putBack(it)
	}
	return stop.at
}

// closed is laneWork.closed: the send window of the run, or the lane's account, keeps it from beginning anything.
func (t *planTimer) closed(lane *plannedLane, now int64) int64 {
	if !t.speaks {
		return 0
	}
	if opens := t.book.opensAt(now); opens != 0 {
		return opens
	}
	if len(t.planner.tripped) == 0 {
		return 0
	}
	return t.planner.trippedUntil(lane.name, now)
}

// wind ends a lane whose run has passed its deadline: what has begun ends its steps, what has not is skipped.
func (t *planTimer) wind(ctx context.Context, lane *plannedLane, now int64) (int64, error) {
	open := slices.Concat(lane.ready, lane.held)
	if lane.asleep != nil {
		open = append(open, lane.asleep)
	}
	lane.ready, lane.held, lane.asleep = nil, nil, nil
	sort.Slice(open, func(i, j int) bool { return open[i].rank < open[j].rank })
	for i, it := range open {
		if !it.begun {
			t.skipped(it, ReasonDeadline)
			continue
		}
		stop, err := t.work(ctx, it, now)
		if err != nil {
			return never, err
		}
		if stop == nil {
			t.ended(it)
			continue
		}
		lane.ready = slices.Clone(open[i+1:])
		if at := t.after(lane, it, stop); at != 0 {
			return t.again(lane, at), nil
		}
		lane.ready = nil
	}
	if len(lane.held) > 0 {
		return t.again(lane, never), nil
	}
	return never, t.skipRest(lane)
}

// skipRest skips what the lane has left of the wave.
func (t *planTimer) skipRest(lane *plannedLane) error {
	for {
		it, err := t.fresh(lane)
		if err != nil || it == nil {
			return err
		}
		lane.next = nil
		t.skipped(it, ReasonDeadline)
		lane.spare = it
	}
}

// due moves the held items that may go on to those that are ready.
func (l *plannedLane) due(now int64) {
	for len(l.held) > 0 && l.held[0].due <= now {
		l.putBack(l.unhold())
	}
}

// pick takes the item that is to be worked on next: the first by rank of those that wait no longer, else one that was
// never begun. It is nil when there is none.
func (t *planTimer) pick(lane *plannedLane) (*plannedItem, error) {
	if it := lane.asleep; it != nil {
		lane.asleep = nil
		return it, nil
	}
	if len(lane.ready) > 0 {
		it := lane.ready[0]
		lane.ready = slices.Delete(lane.ready, 0, 1)
		return it, nil
	}
	it, err := t.fresh(lane)
	if it != nil {
		lane.next = nil
	}
	return it, err
}

// putBack has an item looked at again, in the order of ranks.
func (l *plannedLane) putBack(it *plannedItem) {
	at, _ := slices.BinarySearchFunc(l.ready, it.rank, func(other *plannedItem, rank int64) int { return cmp.Compare(other.rank, rank) })
	l.ready = slices.Insert(l.ready, at, it)
}

// again is when the lane is worked on next, when nothing else wakes it before.
func (t *planTimer) again(lane *plannedLane, at int64) int64 {
	if len(lane.held) > 0 {
		at = min(at, lane.held[0].due)
	}
	if t.deadline > t.planner.line.now && (at != never || !lane.idle()) {
		at = min(at, t.deadline)
	}
	return at
}

// idle reports whether nothing of the lane is left to do in its wave.
func (l *plannedLane) idle() bool {
	return l.asleep == nil && len(l.ready) == 0 && len(l.held) == 0
}

// fresh is the next item of the wave that was never begun; nil when none is left.
func (t *planTimer) fresh(lane *plannedLane) (*plannedItem, error) {
	if lane.next == nil && !lane.empty {
		if err := t.read(lane); err != nil {
			return nil, err
		}
	}
	if lane.next == nil || lane.next.rank > t.last {
		return nil, nil
	}
	return lane.next, nil
}

// read reads the next record of a lane.
func (t *planTimer) read(lane *plannedLane) (err error) {
	if len(lane.rest) == 0 {
		lane.rest, err = t.walk.spool.next(lane.spooled, lane.buffer)
		if errors.Is(err, io.EOF) {
			lane.empty = true
			return nil
		}
		if err != nil {
			return err
		}
		lane.buffer = lane.rest
	}
	it := lane.spare
	if lane.spare = nil; it == nil {
		it = &plannedItem{}
	}
	p := t.planner
	lane.rest = p.shapes.readRecord(lane.rest, p.friends, lane.rank, &it.plannedRecord)
	lane.rank = it.rank
	it.lane, it.deadline, it.talks = lane.name, t.deadline, t.talks
	if p.capping {
		it.contact = contactOf(t.walk.step.Path, it.rank)
	}
	it.reset(it.shape.ops, 0, len(it.shape.ops))
	lane.next = it
	return nil
}

// hold and unhold keep the held items as a heap, by when they go on and then by rank.
func (l *plannedLane) hold(it *plannedItem) {
	l.held = append(l.held, it)
	for i := len(l.held) - 1; i > 0; {
		above := (i - 1) / 2
		if !goesBefore(l.held[i], l.held[above]) {
			break
		}
		l.held[i], l.held[above] = l.held[above], l.held[i]
		i = above
	}
}

// rehold puts a held item where it belongs now that it goes on earlier.
func (l *plannedLane) rehold(it *plannedItem) {
	if at := slices.Index(l.held, it); at >= 0 {
		l.held = slices.Delete(l.held, at, at+1)
		again := l.held
		l.held = nil
		for _, other := range again {
			l.hold(other)
		}
		l.hold(it)
	}
}

func (l *plannedLane) unhold() *plannedItem {
	first, last := l.held[0], len(l.held)-1
	l.held[0] = l.held[last]
	l.held[last] = nil
	l.held = l.held[:last]
	for i := 0; ; {
		least := i
		for below := 2*i + 1; below <= 2*i+2 && below < last; below++ {
			if goesBefore(l.held[below], l.held[least]) {
				least = below
			}
		}
		if least == i {
			return first
		}
		l.held[i], l.held[least] = l.held[least], l.held[i]
		i = least
	}
}

func goesBefore(a, b *plannedItem) bool { return a.due < b.due || a.due == b.due && a.rank < b.rank }
