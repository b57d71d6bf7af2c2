package engine

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// plannedLane is a lane as it would work: one item behind the other, against a platform that answers at once.
type plannedLane struct {
	at      int64 // the virtual time at which it stands
	index   int   // among the lanes, to break ties the same way every time
	spooled *spooledLane
	buffer  []byte // what was read of its records
	rest    []byte // of buffer
	rank    int64
	item    plannedRecord
	next    int // op of item
	open    bool
}

// planTimer brings the lanes of a foreach to their ends, in the order of time.
type planTimer struct {
	planner *planner
	walk    *planWalk
	call    LimitedCall
	queue   laneQueue
	end     int64
}

// time works through the lanes of a foreach from now on, and returns when the last of them ends.
func (p *planner) time(ctx context.Context, w *planWalk) (time.Time, error) {
	run := p.active.run
	t := &planTimer{planner: p, walk: w, call: LimitedCall{Connection: run.Connection, Workflow: run.Workflow}, end: p.now.UnixNano()}
	for _, spooled := range w.spool.lanes {
		t.queue = append(t.queue, &plannedLane{at: t.end, index: spooled.index, spooled: spooled})
	}
	heap.Init(&t.queue)
	for steps := 0; len(t.queue) > 0; steps++ {
		if steps%1024 == 0 && ctx.Err() != nil {
			return p.now, ctx.Err()
		}
		lane := t.queue[0]
		before := lane.at
		more, err := t.step(ctx, lane)
		if err != nil {
			return p.now, err
		}
		t.end = max(t.end, lane.at)
		switch {
		case !more:
			heap.Pop(&t.queue)
		case lane.at != before:
			heap.Fix(&t.queue, 0)
		}
	}
	if t.end > p.now.UnixNano() {
		return time.Unix(0, t.end).In(p.engine.Location), nil
	}
	return p.now, nil
}

// step has a lane do the next thing, and reports whether there may be more to do.
func (t *planTimer) step(ctx context.Context, lane *plannedLane) (bool, error) {
	if !lane.open {
		if err := t.begin(lane); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	if err := t.leave(ctx, lane, &lane.item.shape.ops[lane.next]); err != nil {
		return false, err
	}
	if lane.next++; lane.next == len(lane.item.shape.ops) {
		lane.open = false
		t.walk.ended(lane.item.shape.outcome, lane.item.shape.reason)
	}
	return true, nil
}

// begin takes the lane's next item up.
func (t *planTimer) begin(lane *plannedLane) (err error) {
	if len(lane.rest) == 0 {
		if lane.rest, err = t.walk.spool.next(lane.spooled, lane.buffer); err != nil {
			return err
		}
		lane.buffer = lane.rest
	}
	p := t.planner
	lane.rest = p.shapes.readRecord(lane.rest, p.friends, lane.rank, &lane.item)
	lane.rank, lane.next, lane.open = lane.item.rank, 0, true
	return nil
}

// leave has a call leave when the limits allow it.
func (t *planTimer) leave(ctx context.Context, lane *plannedLane, op *plannedOp) error {
	p, who := t.planner, &lane.item.whoms[op.whom]
	account := p.shapes.names[who.account]
	if p.limited {
		p.clock.at = time.Unix(0, lane.at)
		call := &t.call
		call.Operation, call.Effect, call.Account, call.Friend = op.operation, op.effect, account, who.friend
		call.Seed = seedOf(lane.item.seed, op.path)
		slot, err := p.engine.Limiter.Reserve(ctx, *call, p.active.limits)
		if err != nil {
			return fmt.Errorf("timing the plan: %w", err)
		}
		lane.at = max(lane.at, slot.At.UnixNano())
	}
	p.tally.call(who.account, account, op.operation, lane.at)
	return nil
}

// laneQueue is a heap of lanes, the first in time on top.
type laneQueue []*plannedLane

func (q laneQueue) Len() int { return len(q) }
func (q laneQueue) Less(i, j int) bool {
	if q[i].at == q[j].at {
		return q[i].index < q[j].index
	}
	return q[i].at < q[j].at
}
func (q laneQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *laneQueue) Push(x any)   { *q = append(*q, x.(*plannedLane)) }
func (q *laneQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
