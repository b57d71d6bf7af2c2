package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// partingRuns is of how many runs at a time HandBack hands conversations back, each of as many as Config.Concurrency allows.
const partingRuns = 4

// HandBack ends the takeovers that runs hold while nobody works on them: of items that wait for their slot, or for a moment.
// They apply again when they go on. It is for a process that ends in order, once it calls Work no more; a lane whose Work
// has not returned is passed over. Mine says which runs the process may speak for. It works until ctx ends, and returns how
// many of their conversations are held then; the log says by which runs.
func (e *Engine) HandBack(ctx context.Context, mine func(Run) bool) (left int, err error) {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: unfinished()})
	if err != nil {
		return 0, fmt.Errorf("looking for runs that hold conversations: %w", err)
	}
	var working errgroup.Group
	working.SetLimit(partingRuns)
	var mu sync.Mutex
	for _, run := range runs {
		if run.holding() == 0 || !mine(run) {
			continue
		}
		working.Go(func() error {
			problem := e.part(ctx, run.ID)
			held, counting := e.stillHeld(context.WithoutCancel(ctx), run.ID, problem)
			mu.Lock()
			defer mu.Unlock()
			left += held
			if counting != nil {
				err = errors.Join(err, fmt.Errorf("run %s: %w", run.ID, counting))
			}
			return nil
		})
	}
	return left, errors.Join(working.Wait(), err)
}

// stillHeld counts what a run holds although it was to hand everything back, and has the log say so and why.
func (e *Engine) stillHeld(ctx context.Context, run string, why error) (int, error) {
	open, err := e.openTakeovers(ctx, run)
	if err != nil || len(open) == 0 {
		return 0, errors.Join(err, why)
	}
	attrs := []any{"run", run, "conversations", len(open)}
	if why != nil {
		attrs = append(attrs, "error", why)
	}
	e.Logger.WarnContext(ctx, "conversations are still held; they are handed back when a process next works on this ledger", attrs...)
	return len(open), nil
}

// part hands back what a run holds, lane by lane. Its error is of the first that did not get through.
func (e *Engine) part(ctx context.Context, run string) error {
	active, err := e.activate(ctx, run)
	if err != nil || active == nil {
		return err
	}
	open, err := e.openTakeovers(ctx, run)
	if err != nil {
		return err
	}
	lanes := map[LaneKey][]int64{}
	for _, takeover := range open {
		item, err := e.item(ctx, run, takeover.Item)
		if err != nil {
			return err
		}
		key := LaneKey{Run: run, Step: item.Step, Lane: item.Lane}
		lanes[key] = append(lanes[key], item.ID)
	}
	var working errgroup.Group // one that fails does not keep the others
	working.SetLimit(e.Concurrency)
	for key, items := range lanes {
		working.Go(func() error { return e.partLane(ctx, active, key, items) })
	}
	return errors.Join(working.Wait(), e.logHandedBack(context.WithoutCancel(ctx), run, open))
}

// partLane hands back what items of a lane hold. A lane in which that ended in an error is not given back: whoever takes it
// next looks for calls without an answer.
func (e *Engine) partLane(ctx context.Context, active *activeRun, key LaneKey, items []int64) error {
	if !e.enter(key) {
		return nil // its slice has not ended
	}
	defer e.exit(key)
	lane, err := e.Ledger.Seize(ctx, key)
	if err != nil {
		return err
	}
	if !lane.Clean {
		if err := e.recoverLane(ctx, key); err != nil {
			return err
		}
	}
	fence := Fence{key, lane.Epoch}
	slices.Sort(items)
	var working errgroup.Group
	working.SetLimit(e.Concurrency)
	for _, item := range slices.Compact(items) {
		working.Go(func() error {
			err := e.handBackItem(ctx, active, fence, item, true)
			if _, later := isSuspended(err); later {
				return nil
			}
			return err
		})
	}
	if err := orElse(working.Wait(), ctx.Err()); err != nil { // what is on its way when the time is up may be kept or not
		return fmt.Errorf("handing back what the items of lane %q hold: %w", key.Lane, err)
	}
	back := SetLane{LaneKey: key, Clean: true, Done: lane.Done}
	if err := e.Ledger.Append(ctx, Entry{Fence: &fence, Changes: []Change{back}}).Wait(ctx); err != nil {
		return fmt.Errorf("giving the lane back: %w", err)
	}
	return nil
}

// item reads one item of a run, or its root.
func (e *Engine) item(ctx context.Context, run string, id int64) (Item, error) {
	for item, err := range e.Ledger.Items(ctx, ItemFilter{Run: run, AfterID: id - 1, Limit: 1, Root: true}) {
		if err != nil {
			return item, fmt.Errorf("reading item %d: %w", id, err)
		}
		if item.ID == id {
			return item, nil
		}
	}
	return Item{}, fmt.Errorf("item %d: %w", id, ErrNotFound)
}

// enter notes that this process works on a lane, and reports false when it does already; exit ends that.
func (e *Engine) enter(key LaneKey) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.entered[key] {
		return false
	}
	e.entered[key] = true
	return true
}

func (e *Engine) exit(key LaneKey) {
	e.mu.Lock()
	delete(e.entered, key)
	e.mu.Unlock()
}
