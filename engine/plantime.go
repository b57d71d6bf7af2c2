package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"youmiflow/workflows"
)

// planTimer brings the items of one foreach to their ends.
type planTimer struct {
	planner  *planner
	walk     *planWalk
	book     *plannedBook
	deadline int64 // 0: none
	talks    []talk
	speaks   bool
	lanes    []*plannedLane
	last     int64   // rank of the last item of the wave
	open     int     // lanes that are not done with the wave
	children int     // called runs that are not over
	strand   *strand // that waits for the lanes
}

// PlannedWave is one wave of a foreach.
type PlannedWave struct {
	Step  string // path of the foreach
	Items int
	// BeginsAt and EndsAt are when its first item may begin, and when the last of its items ends.
	BeginsAt, EndsAt time.Time
}

// time works through the items of a foreach, wave after wave, from the present instant of its strand on.
func (p *planner) time(ctx context.Context, w *planWalk) error {
	t := &planTimer{planner: p, walk: w, book: w.caller.book, deadline: w.caller.deadline, talks: talks(w.step.Steps, w.step.Finally),
		speaks: speaks(w.step.Steps, w.step.Finally)}
	for _, spooled := range w.spool.lanes {
		lane := &plannedLane{name: spooled.name, spooled: spooled}
		p.line.add(&lane.actor, func(ctx context.Context, now int64) (int64, error) { return t.turn(ctx, lane, now) })
		t.lanes = append(t.lanes, lane)
	}
	sizes := waveSizes(w.scope.active.wavesOf(w.step), int(w.rank))
	if len(sizes) == 0 {
		t.last = w.rank
		return t.wave(ctx)
	}
	for number, size := range sizes {
		t.last += int64(size)
		begins := p.line.now
		if err := t.wave(ctx); err != nil {
			return err
		}
		p.plan.Waves = append(p.plan.Waves, PlannedWave{Step: w.step.Path, Items: size, BeginsAt: p.asTime(begins), EndsAt: p.asTime(p.line.now)})
		if number+1 < len(sizes) {
			if err := t.between(ctx, w.step.Foreach.Waves[min(number, len(w.step.Foreach.Waves)-1)]); err != nil {
				return err
			}
		}
	}
	return nil
}

// between lets the pause after a wave pass. An approval counts as given at once.
func (t *planTimer) between(ctx context.Context, wave workflows.Wave) error {
	now := t.planner.line.now
	if wave.Approve && !t.expired(now) {
		t.planner.note(noteApprovals)
	}
	if wave.Pause <= 0 || t.expired(now) {
		return nil
	}
	until := now + int64(wave.Pause)
	if t.deadline > 0 {
		until = min(until, t.deadline)
	}
	return t.planner.sleep(ctx, until)
}

// wave has every lane work on what it has of the wave, and waits until all are done.
func (t *planTimer) wave(ctx context.Context) error {
	s := strandOf(ctx)
	for _, lane := range t.lanes {
		it, err := t.fresh(lane)
		if err != nil {
			return err
		}
		if it == nil {
			continue
		}
		t.open++
		t.planner.line.wake(&lane.actor, t.planner.line.now)
	}
	for t.strand = s; t.open > 0; {
		if err := s.await(never); err != nil {
			left, leftErr := t.left()
			t.planner.plan.Items.Held += left
			return errors.Join(err, leftErr)
		}
	}
	return nil
}

// turn is a lane's turn.
func (t *planTimer) turn(ctx context.Context, lane *plannedLane, now int64) (int64, error) {
	again, err := t.pass(ctx, lane, now)
	if err != nil || again != never || !lane.idle() {
		return again, err
	}
	if it, err := t.fresh(lane); err != nil || it != nil {
		return again, err
	}
	if t.open--; t.open == 0 {
		t.planner.line.wake(&t.strand.actor, now)
	}
	return never, nil
}

func (t *planTimer) expired(now int64) bool { return t.deadline > 0 && now >= t.deadline }

// ended counts an item that has ended.
func (t *planTimer) ended(it *plannedItem) {
	status, reason := it.shape.outcome, it.shape.reason
	if it.out != "" {
		status, reason = it.status, it.out
	}
	t.walk.ended(it.shape, status, reason)
}

// skipped counts an item that was never begun.
func (t *planTimer) skipped(it *plannedItem, reason string) {
	t.walk.ended(it.shape, StatusSkipped, reason)
}

// left counts what lanes have that nobody lets go on.
func (t *planTimer) left() (items int, err error) {
	for _, lane := range t.lanes {
		items += len(lane.ready) + len(lane.held)
		if lane.asleep != nil {
			items++
		}
		for {
			if lane.next == nil && !lane.empty {
				if err := t.read(lane); err != nil {
					return items, err
				}
			}
			if lane.next == nil {
				break
			}
			items++
			lane.next = nil
		}
	}
	return items, nil
}

// plannedChild is a run that an item has called.
type plannedChild struct {
	actor
	item *plannedItem
	over bool
}

// child has an item wait for the run that it calls, as liveFlow.child does.
func (t *planTimer) child(it *plannedItem, i int, now int64) *planStop {
	state, op := &it.state[i], &it.ops[i]
	if state.child == nil {
		if t.children >= openChildren {
			return &planStop{at: now + int64(time.Second)}
		}
		state.child = t.call(it, i, op.book, now)
		it.begun = true
	}
	if state.child.over {
		*state = opState{done: true}
		return nil
	}
	return &planStop{at: never, held: true}
}

// call begins a run that an item calls.
func (t *planTimer) call(it *plannedItem, i int, book *plannedBook, now int64) *plannedChild {
	child := &plannedChild{item: &plannedItem{plannedRecord: it.plannedRecord, root: true, talks: book.talks}}
	inner := child.item
	inner.seed = newSeeds(book.active.workflow.Digest).item("")
	inner.contact = contactOf(it.contact+"/"+it.ops[i].path, it.rank)
	inner.reset(it.ops, i+1, it.ops[i].end)
	if length := book.active.workflow.Deadline; length > 0 {
		inner.deadline = now + int64(length)
	}
	t.children++
	if len(t.planner.called) > 2*openChildren {
		t.planner.called = slices.DeleteFunc(t.planner.called, func(child *plannedChild) bool { return child.over })
	}
	t.planner.called = append(t.planner.called, child)
	line := &t.planner.line
	line.add(&child.actor, func(ctx context.Context, now int64) (int64, error) {
		if child.over {
			return never, nil
		}
		stop, err := t.work(ctx, inner, now)
		if err != nil || stop != nil {
			return stopAt(stop), err
		}
		child.over = true
		t.children--
		t.wakes(it, now)
		return never, nil
	})
	line.wake(&child.actor, now)
	return child
}

func stopAt(stop *planStop) int64 {
	if stop == nil {
		return never
	}
	return stop.at
}

// endCalled ends the runs that items have called and that are not over when the run itself ends.
func (p *planner) endCalled(ctx context.Context) error {
	for _, child := range p.called {
		if !child.over {
			child.over = true
			if err := p.handBack(ctx, child.item); err != nil {
				return err
			}
		}
	}
	return nil
}

// wakes lets an item go on that waits for somebody to let it, and its lane with it.
func (t *planTimer) wakes(it *plannedItem, now int64) {
	it.due = now
	for _, lane := range t.lanes {
		if lane.name == it.lane {
			lane.rehold(it)
			t.planner.line.wake(&lane.actor, now)
			return
		}
	}
}
