package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"youmiflow/workflows"
)

// laneWork is one slice of a lane: it begins items in order, several at a time, but none while one of them waits for
// its limit, so that no conversation is taken over long before its turn.
type laneWork struct {
	engine  *Engine
	active  *activeRun
	step    *workflows.Step
	key     LaneKey
	fence   Fence
	outer   map[string]any
	gate    *gate
	horizon time.Time
	leaving *leaving

	mu      sync.Mutex
	changed *sync.Cond
	open    int
	window  int // how many items may be open: grows while none has to wait for long, and is one again when one does
	waiting int
	resume  time.Time // the earliest instant a suspended item wants to go on at
	stopped bool      // an item was suspended until somebody resumes the run
	failure error
	working sync.WaitGroup
	idle    chan Item // takes an item when a worker has none

	receipts []Receipt // of items that ended
}

// workLane works on a lane of a foreach for a slice.
func (e *Engine) workLane(ctx context.Context, active *activeRun, key LaneKey, leave *leaving) (*time.Time, error) {
	lane, err := e.Ledger.Seize(ctx, key)
	if err != nil || lane.Done {
		return nil, err
	}
	step := findStep(active.workflow, key.Step)
	if step == nil {
		return nil, fmt.Errorf("the workflow has no foreach %q", key.Step)
	}
	outer, err := e.outerNames(ctx, active)
	if err != nil {
		return nil, err
	}
	w := &laneWork{
		engine: e, active: active, step: step, key: key, fence: Fence{key, lane.Epoch}, outer: outer,
		gate: active.gate(key.Step, e.concurrency(step)), horizon: e.Now().Add(e.Slice), leaving: leave,
		idle: make(chan Item), window: 1,
	}
	w.changed = sync.NewCond(&w.mu)
	if !lane.Clean {
		if err := e.recoverLane(ctx, key); err != nil {
			return nil, err
		}
	}
	exhausted, err := w.run(ctx)
	if err != nil {
		if errors.Is(err, ErrStale) {
			return nil, nil // somebody else has the lane now
		}
		return nil, err
	}
	return w.leave(ctx, exhausted)
}

func (e *Engine) concurrency(step *workflows.Step) int {
	if step.Foreach.Concurrency > 0 {
		return step.Foreach.Concurrency
	}
	return e.Concurrency
}

// run begins items until the lane is exhausted, the slice is over or the run is to stop, and waits for those it began.
// It reports whether every item of the lane has ended.
func (w *laneWork) run(ctx context.Context) (bool, error) {
	w.gate.lanes.Add(1)
	defer w.gate.lanes.Add(-1)
	exhausted, err := w.feed(ctx)
	close(w.idle)
	w.working.Wait()
	if err == nil {
		err = w.failure
	}
	if err == nil {
		err = w.confirmAll(ctx)
	}
	return exhausted && w.resume.IsZero() && !w.stopped, err
}

func (w *laneWork) feed(ctx context.Context) (bool, error) {
	filter := ItemFilter{Run: w.key.Run, Step: &w.key.Step, Lane: &w.key.Lane, Statuses: []Status{StatusPending}}
	for item, err := range w.engine.Ledger.Items(ctx, filter) {
		if err != nil {
			return false, fmt.Errorf("reading the lane's items: %w", err)
		}
		wanted, _, _ := w.active.state()
		if w.leaving.now() {
			return false, nil
		}
		if wanted == WantCancel && len(item.Progress) == 0 {
			continue // cancelled together, in leave
		}
		if !w.mayBegin(wanted) {
			return false, nil
		}
		w.begin(ctx, item)
	}
	return true, nil
}

// mayBegin waits until the lane may begin another item, and reports false when the slice is to end.
func (w *laneWork) mayBegin(wanted Wanted) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.failure == nil && (w.waiting > 0 || w.open >= min(w.window, w.gate.share())) {
		w.changed.Wait()
	}
	return w.failure == nil && wanted != WantPause && !w.stopped && w.resume.IsZero() &&
		w.engine.Now().Before(w.horizon)
}

func (w *laneWork) begin(ctx context.Context, item Item) {
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	select {
	case w.idle <- item:
	default:
		w.working.Add(1)
		go w.worker(ctx, item)
	}
}

// worker works on items until the feed ends. Workers are kept, since the stack that a call needs is dear to grow.
func (w *laneWork) worker(ctx context.Context, item Item) {
	defer w.working.Done()
	for more := true; more; item, more = <-w.idle {
		w.ended(w.item(ctx, item))
	}
}

func (w *laneWork) ended(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if err == nil {
		w.window = min(2*w.window, w.gate.width)
	}
	if stop, ok := isSuspended(err); ok {
		switch {
		case stop.at.IsZero():
			w.stopped = true
		case w.resume.IsZero() || stop.at.Before(w.resume):
			w.resume = stop.at
		}
	} else if err != nil && w.failure == nil {
		w.failure = err
	}
	w.changed.Signal()
}

// slow hears that an item has to wait for long: its lane holds no further conversations that have to wait behind it.
func (w *laneWork) slow() {
	w.mu.Lock()
	w.window = 1
	w.mu.Unlock()
}

// wait hears from items that begin and end a wait.
func (w *laneWork) wait(waiting bool) {
	w.mu.Lock()
	if waiting {
		w.waiting++
	} else {
		w.waiting--
	}
	w.changed.Signal()
	w.mu.Unlock()
}

// item works on one item.
func (w *laneWork) item(ctx context.Context, item Item) error {
	s, err := newScope(w.engine, w.active, item, w.outer)
	if err != nil {
		return err
	}
	s.fence, s.caller, s.flow = w.fence, liveCaller{}, liveFlow{}
	s.turn = turn{gate: w.gate, horizon: w.horizon, waiting: w.wait, slow: w.slow, leaving: w.leaving}
	s.last = lastCall(w.step.Steps, w.step.Finally)
	row, err := decodeRow(item.Data)
	if err != nil {
		return fmt.Errorf("item %q: %w", item.Key, err)
	}
	itemNames(s.names, w.step.Foreach.As, row, item)
	if err := s.work(ctx, w.step.Steps, w.step.Finally); err != nil {
		return errors.Join(err, w.confirm(ctx, s.receipts))
	}
	return w.confirm(ctx, s.receipts)
}

// unconfirmed is how many items' ends a lane may have on their way to the disk.
const unconfirmed = 256

// confirm sees to it that what was appended becomes durable: the oldest of many now, all of it before the lane is given
// back.
func (w *laneWork) confirm(ctx context.Context, receipts []Receipt) error {
	w.mu.Lock()
	w.receipts = append(w.receipts, receipts...)
	var oldest []Receipt
	if excess := len(w.receipts) - unconfirmed; excess > 0 {
		oldest, w.receipts = w.receipts[:excess:excess], w.receipts[excess:]
	}
	w.mu.Unlock()
	return waitAll(ctx, oldest)
}

func waitAll(ctx context.Context, receipts []Receipt) error {
	for _, receipt := range receipts {
		if err := receipt.Wait(ctx); err != nil {
			return fmt.Errorf("keeping what became of a call: %w", err)
		}
	}
	return nil
}

// confirmAll waits until every item's end is durable.
func (w *laneWork) confirmAll(ctx context.Context) error {
	return waitAll(ctx, w.receipts)
}

// itemNames adds what an item's expressions see besides the run's.
func itemNames(names map[string]any, as string, row any, item Item) {
	names[as] = row
	names["item"] = map[string]any{"index": int(item.Sequence), "row": item.Row, "key": item.Key}
	names["variant"] = item.Variant
}

// leave gives the lane back, and says when to come again.
func (w *laneWork) leave(ctx context.Context, exhausted bool) (*time.Time, error) {
	wanted, _, _ := w.active.state()
	lane := SetLane{LaneKey: w.key, Clean: true, Done: exhausted && wanted != WantPause}
	changes := []Change{lane}
	if lane.Done && wanted == WantCancel {
		changes = append(changes, EndItems{LaneKey: w.key, To: StatusCancelled, Reason: "the run was cancelled"})
	}
	if lane.Done || wanted != WantRun {
		changes = append(changes, Wake{LaneKey: LaneKey{Run: w.key.Run}})
	}
	err := w.engine.Ledger.Append(ctx, Entry{Fence: &w.fence, Changes: changes}).Wait(ctx)
	if errors.Is(err, ErrStale) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("giving the lane back: %w", err)
	}
	if lane.Done || wanted == WantPause {
		return nil, nil
	}
	again := w.engine.Now()
	if w.resume.After(again) {
		again = w.resume
	}
	return &again, nil
}
