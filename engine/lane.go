package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"youmiflow/workflows"
)

// laneWork is one slice of a lane: it begins items in order, several at a time, but no more than its limits let through, so
// that no conversation is taken over long before its turn.
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
	opening opening   // how many items may be
	waiting int       // for something other than a slot: none is begun meanwhile
	resume  time.Time // the earliest instant a suspended item wants to go on at: until then none is begun
	waits   *Waits    // why that is; nil: nothing is known of it
	due     time.Time // the earliest instant one wants to go on at that waits alone
	through bool      // the feed came to the end of the lane
	late    bool      // the slice began when the run's deadline had passed
	passed  int       // items that were passed over, since they wait for later
	holds   bool      // whether there are such, also those that wait for somebody to let them go on
	stopped bool      // an item was suspended until somebody resumes the run
	failure error
	working sync.WaitGroup
	idle    chan Item      // takes an item when a worker has none
	course  course         // how far the foreach is
	speaks  bool           // whether its items make calls that a send window holds
	heard   map[int64]bool // items that were begun since something of their customer was heard
	alone   bool           // and nothing else was
	first   bool           // it is this process's first slice of the lane
	begunTo int64          // the last item that this process has begun in order, in any slice

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
	w := &laneWork{
		engine: e, active: active, step: step, key: key, fence: Fence{key, lane.Epoch},
		gate: active.gate(key.Step, e.concurrency(step)), horizon: e.Now().Add(e.Slice), leaving: leave,
		idle: make(chan Item), speaks: speaks(step.Steps, step.Finally),
	}
	w.opening, w.begunTo = active.openingOf(key, w.gate.width), active.begunIn(key)
	w.changed = sync.NewCond(&w.mu)
	if err := w.locate(ctx); err != nil {
		return nil, err
	}
	if !lane.Clean {
		if err := e.recoverLane(ctx, key); err != nil {
			return nil, err
		}
	}
	if err := w.stillTooMany(ctx); err != nil {
		return nil, err
	}
	if gone, err := e.outerGone(ctx, active); err != nil {
		return nil, err
	} else if gone {
		w.resume = e.Now().Add(applyingAgain)
		if opens := active.opens(e.Now()); !opens.IsZero() && w.speaks { // until then nobody applies
			w.resume, w.waits = opens, waitsForWindow(opens)
		}
		return w.leave(ctx, false)
	}
	if w.outer, err = e.outerNames(ctx, active); err != nil {
		return nil, err
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

// locate finds out how far the foreach is, and how many of its items have failed.
func (w *laneWork) locate(ctx context.Context) error {
	row, err := w.engine.stepRow(ctx, w.key.Run, w.key.Step)
	if err != nil {
		return err
	}
	if w.course, err = readCourse(row); err != nil || w.step.Foreach.Tolerate == nil {
		return err
	}
	counts, err := w.engine.Ledger.Counts(ctx, w.key.Run, w.key.Step)
	if err != nil {
		return fmt.Errorf("counting the items of %s: %w", w.key.Step, err)
	}
	w.active.tolerance(w.key.Step).begin(w.course, counts[StatusFailed]+counts[StatusUnknown])
	return nil
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
	w.active.keepOpening(w.key, w.opening)
	w.active.keepBegun(w.key, w.begunTo)
	if err == nil {
		err = w.failure
	}
	if err == nil {
		err = w.confirmAll(ctx)
	}
	return exhausted && w.resume.IsZero() && !w.stopped && !w.holds, err
}

func (w *laneWork) feed(ctx context.Context) (bool, error) {
	filter := ItemFilter{Run: w.key.Run, Step: &w.key.Step, Lane: &w.key.Lane, Statuses: []Status{StatusPending, StatusHeld},
		Wave: w.course.Wave}
	w.late = w.active.expired(w.engine.Now())
	if alone, err := w.feedHeard(ctx); err != nil || alone {
		return false, err
	}
	for item, err := range w.engine.Ledger.Items(ctx, filter) {
		if err != nil {
			return false, fmt.Errorf("reading the lane's items: %w", err)
		}
		wanted, _, _ := w.active.state()
		if w.leaving.now() {
			return false, nil
		}
		over := w.isOver(wanted)
		if over && len(item.Progress) == 0 {
			continue // ended together, in leave
		}
		if w.heard[item.ID] || !over && !w.isDue(item) {
			continue
		}
		woken := item.Woken()
		if may, err := w.mayBegin(ctx, over || woken, woken); err != nil || !may {
			return false, orElse(err, w.feedWoken(ctx, item.ID))
		}
		w.begunTo = max(w.begunTo, item.ID)
		w.begin(ctx, item)
	}
	w.through = true
	return true, nil
}

// isOver reports whether nothing of the lane is begun any more.
func (w *laneWork) isOver(wanted Wanted) bool {
	return wanted == WantCancel || w.course.Ended != "" || w.active.expired(w.engine.Now())
}

// isDue reports whether an item may go on. One that is held until later is passed over, and looked at again then.
func (w *laneWork) isDue(item Item) bool {
	if item.Status != StatusHeld || !item.Until.IsZero() && !item.Until.After(w.engine.Now()) || w.asksAgain(item) {
		return true
	}
	w.mu.Lock()
	w.putOff(item.Until)
	w.passed++
	w.mu.Unlock()
	return false
}

// putOff notes that an item waits alone until an instant, or, zero, until somebody lets it go on.
func (w *laneWork) putOff(until time.Time) {
	w.holds = true
	w.due = sooner(w.due, until)
}

// mayBegin waits until the lane may begin another item, and reports false when the slice is to end. Once the run is over
// for those that have not begun, the others end whatever holds the lane; nor does that hold one that an event may have
// woken, which asks itself.
func (w *laneWork) mayBegin(ctx context.Context, free, woken bool) (bool, error) {
	if !w.room(woken) {
		return false, nil
	}
	if free {
		return true, nil
	}
	closed, err := w.closed(ctx)
	return !closed, err
}

// room waits until the lane may have another item open, and reports false when none is to be begun in this slice. One that
// an event may have woken does not stand in line.
func (w *laneWork) room(woken bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.failure == nil && w.full(woken) {
		w.changed.Wait()
	}
	wanted, _, _ := w.active.state()
	return w.failure == nil && wanted != WantPause && (woken || !w.stopped && w.resume.IsZero()) &&
		w.engine.Now().Before(w.horizon)
}

func (w *laneWork) full(woken bool) bool {
	if woken && !w.engine.Orderly {
		return w.open >= w.gate.width
	}
	return w.waiting > 0 || w.open >= min(w.opening.size, w.gate.share())
}

// closed reports whether the whole lane has to wait before it begins anything: for the run's send window, or for its
// account, where the lane is one. No item is touched for that.
func (w *laneWork) closed(ctx context.Context) (bool, error) {
	now := w.engine.Now()
	if opens := w.active.opens(now); !opens.IsZero() && w.speaks {
		w.active.waiting(opens, w.active.untilOpen(now, opens, w.engine.Location))
		return true, w.sleep(opens, waitsForWindow(opens))
	}
	account, tripped, err := w.engine.trippedAccount(ctx, w.active.run.book(), w.key.Lane)
	if err != nil || !tripped || !w.speaks {
		return false, err
	}
	w.active.waiting(account.Until, account.text(w.engine.Location))
	return true, w.sleep(account.Until, waitsForAccount(account))
}

// sleep has the lane begin nothing before an instant; zero: before it is woken.
func (w *laneWork) sleep(until time.Time, waits *Waits) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resumes(until, waits)
	return nil
}

// resumes has the lane go on at an instant; zero: when it is woken. The caller holds the lock.
func (w *laneWork) resumes(at time.Time, waits *Waits) {
	if w.resume.IsZero() || !at.IsZero() && at.Before(w.resume) {
		w.waits = waits
	}
	w.stopped = w.stopped || at.IsZero()
	w.resume = sooner(w.resume, at)
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
		watch := &stopwatch{began: w.engine.Now()}
		w.ended(w.item(ctx, item, watch), watch)
	}
}

func (w *laneWork) ended(err error, watch *stopwatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if err == nil && !w.engine.Orderly {
		w.opening.ended(watch.wait(w.engine.Now(), 0))
	}
	if stop, ok := isSuspended(err); ok {
		switch {
		case stop.held != "" && !stop.lane:
			w.putOff(stop.at)
		default:
			w.resumes(stop.at, stop.waits)
		}
	} else if err != nil && w.failure == nil {
		w.failure = err
	}
	w.changed.Signal()
}

// waited hears from an item that it waits for a slot of its limits from now on: the lane holds no further conversations that
// have to wait behind it.
func (w *laneWork) waited(watch *stopwatch, length time.Duration) {
	now := w.engine.Now()
	lap := watch.wait(now, length)
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Before(w.horizon) { // later the lane opens no more, and how many are open says nothing
		w.opening.waits(now, w.open, lap)
	}
}

// wait hears from items that begin and end a wait for something else.
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

// linger is which part of a slice its items may wait for longer, once it begins no more: their slots are used then, while the
// next slice would come too late for some.
const linger = 4

// item works on one item.
func (w *laneWork) item(ctx context.Context, item Item, watch *stopwatch) error {
	s, err := newScope(w.engine, w.active, item, w.outer)
	if err != nil {
		return err
	}
	s.fence, s.caller, s.flow = w.fence, liveCaller{}, liveFlow{w.engine.Orderly}
	s.turn = turn{gate: w.gate, horizon: w.horizon.Add(w.engine.Slice / linger), waiting: w.wait, leaving: w.leaving, stops: w.step.Foreach.StopWhen,
		waited: func(length time.Duration) { w.waited(watch, length) }}
	s.last = lastCall(w.step.Steps, w.step.Finally)
	row, err := decodeRow(item.Data)
	if err != nil {
		return fmt.Errorf("item %q: %w", item.Key, err)
	}
	itemNames(s.names, w.step.Foreach.As, row, item)
	s.lists = [][]*workflows.Step{w.step.Steps, w.step.Finally}
	if s.copied() && len(item.Progress) == 0 { // it was not begun by the time of the backup, and perhaps since
		s.receipts = append(s.receipts, s.engine.Ledger.Append(ctx, Entry{Changes: []Change{s.move(StatusUnknown, ReasonCopied(w.active.run.Copied))}}))
		return w.confirm(ctx, s.receipts)
	}
	if err = s.cutShort(ctx); err == nil {
		err = s.work(ctx, w.step.Steps, w.step.Finally)
	}
	err = s.aside(err)
	if stop, ok := isSuspended(err); ok && stop.held != "" {
		err = s.overheard(ctx, s.hold(ctx, stop))
	}
	if stop, ok := isSuspended(err); ok && len(stop.children) > 0 {
		err = s.missed(ctx, stop)
	}
	if err == nil && (s.kept.status == StatusFailed || s.kept.status == StatusUnknown) {
		err = w.failed(ctx)
	}
	if err != nil {
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
	w.looked()
	wanted, _, _ := w.active.state()
	lane := SetLane{LaneKey: w.key, Clean: true, Done: exhausted && wanted != WantPause}
	if !lane.Done && wanted == WantRun {
		lane.Waits = w.waits
	}
	changes := []Change{lane}
	if lane.Done {
		changes = append(changes, w.remainder(wanted)...)
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
	return w.again(), nil
}

// remainder ends, together, what the lane has that was never begun and never will be.
func (w *laneWork) remainder(wanted Wanted) []Change {
	switch {
	case wanted == WantCancel:
		return []Change{unsure(w.active.run, EndItems{LaneKey: w.key, To: StatusCancelled, Reason: "the run was cancelled"})}
	case w.course.Ended != "":
		return []Change{unsure(w.active.run, EndItems{LaneKey: w.key, To: StatusSkipped, Reason: w.course.Ended})}
	case w.active.expired(w.engine.Now()):
		return []Change{unsure(w.active.run, EndItems{LaneKey: w.key, To: StatusSkipped, Reason: ReasonDeadline})}
	}
	return nil
}

// passingOver is what a lane rests for each item that it has passed over, so that one with a million that wait for different
// instants does not do nothing but look at them.
const passingOver = 20 * time.Microsecond

// again is when the lane is worked on next: at once while it has something to begin, else when something that waits may
// go on, and when the run's deadline passes; nil when somebody has to wake it.
func (w *laneWork) again() *time.Time {
	now := w.engine.Now()
	at := sooner(w.resume, w.due)
	if w.alone {
		at = sooner(at, w.active.restsUntil(w.key))
	} else if !w.through && w.resume.IsZero() && !w.stopped {
		at = now
	}
	if deadline := w.active.deadline(); !w.late {
		at = sooner(at, deadline) // also where it has passed meanwhile
	}
	if at.IsZero() {
		return nil
	}
	if rest := now.Add(time.Duration(w.passed) * passingOver); at.Before(rest) {
		at = rest
	}
	return &at
}
