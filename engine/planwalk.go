package engine

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"sync"

	"youmiflow/workflows"
)

// walkBatch is how many rows are walked at a time.
const walkBatch = 256

// rowBatch is a stretch of the audience: rows as they were read, and what became of each.
type rowBatch struct {
	first  int64 // sequence of its first row
	rows   []readRow
	end    error // what ended the audience behind these rows; nil when more follow
	walked []walkedRow
	done   chan struct{} // gets one value when it is walked
}

// readRow is a row, or what is wrong with it.
type readRow struct {
	row    map[string]any
	number int
	err    error
}

// walk reads the audience of a foreach, has its rows walked by several workers, and hands the batches to take in the order
// of the file. It returns when everything that it began has ended.
func (p *planner) walk(ctx context.Context, reader RowReader, newWorker func() (*walker, error), take func(*rowBatch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	workers := max(1, runtime.GOMAXPROCS(0))
	free := make(chan *rowBatch, 3*workers)
	for range cap(free) {
		free <- &rowBatch{done: make(chan struct{}, 1)}
	}
	work, order := make(chan *rowBatch, cap(free)), make(chan *rowBatch, cap(free))
	for range workers {
		worker, err := newWorker()
		if err != nil {
			return err
		}
		working.Go(func() {
			for batch := range work {
				worker.batch(ctx, batch)
				batch.done <- struct{}{}
			}
		})
	}
	working.Go(func() {
		defer close(work)
		defer close(order)
		readBatches(ctx, reader, free, work, order)
	})
	for batch := range order {
		<-batch.done
		if err := take(batch); err != nil {
			return err
		}
		free <- batch
	}
	return ctx.Err()
}

// readBatches reads until the audience ends, or ctx does.
func readBatches(ctx context.Context, reader RowReader, free <-chan *rowBatch, work, order chan<- *rowBatch) {
	for next := int64(1); ctx.Err() == nil; {
		var batch *rowBatch
		select {
		case batch = <-free:
		case <-ctx.Done():
			return
		}
		batch.first, batch.rows, batch.end = next, batch.rows[:0], nil
		for len(batch.rows) < walkBatch && batch.end == nil {
			batch.end = batch.read(reader)
		}
		next += int64(len(batch.rows))
		order <- batch
		work <- batch
		if batch.end != nil {
			return
		}
	}
}

// read adds a row. Its error ends the audience.
func (b *rowBatch) read(reader RowReader) error {
	row, number, err := reader.Next()
	var problem *RowProblem
	if err != nil && !errors.As(err, &problem) {
		return err
	}
	b.rows = append(b.rows, readRow{row, number, err})
	return nil
}

// walkedRow is what became of a row.
type walkedRow struct {
	problem error // the row is bad
	failure error // the plan cannot go on
	status  Status
	reason  string
	key     string
	hash    uint64 // of the key
	lane    string
	variant string
	digest  [digestSize]byte
	shape   *plannedShape
	record  []byte
}

// walker walks items, one after the other, on one scope.
type walker struct {
	planner *planner
	step    *workflows.Step
	keys    *keySet
	outer   map[string]any
	scope   *scope
	caller  *tracer
	steps   map[string]any
	item    map[string]any
	buffer  []byte // of the batch's records
	seeds   seeds
}

func (p *planner) newWalker(outer *scope, step *workflows.Step, keys *keySet, book *plannedBook) (*walker, error) {
	s, err := newScope(p.engine, outer.active, Item{Run: outer.active.run.ID, Step: step.Path}, outer.steps)
	if err != nil {
		return nil, err
	}
	caller := newTracer(p)
	caller.book = book
	s.caller, s.flow, s.loops = caller, tracedFlow{caller}, tracedLoops{caller}
	s.lists = [][]*workflows.Step{step.Steps, step.Finally}
	s.spare, s.scratch = map[string]*spareNames{}, workflows.NewScratch()
	return &walker{planner: p, step: step, keys: keys, outer: outer.steps, scope: s, caller: caller,
		seeds: newSeeds(outer.active.workflow.Digest), steps: map[string]any{}, item: map[string]any{}}, nil
}

// batch walks every row of a batch.
func (w *walker) batch(ctx context.Context, batch *rowBatch) {
	batch.walked = append(batch.walked[:0], make([]walkedRow, len(batch.rows))...)
	w.buffer = nil // the batch keeps it
	for i := range batch.rows {
		if ctx.Err() != nil {
			batch.walked[i].failure = ctx.Err()
			return
		}
		if batch.rows[i].err == nil {
			w.row(ctx, batch.first+int64(i), &batch.rows[i], &batch.walked[i])
		}
	}
}

// row walks one row: selects it, and where it takes part walks the body.
func (w *walker) row(ctx context.Context, sequence int64, from *readRow, to *walkedRow) {
	item := Item{Run: w.scope.active.run.ID, Step: w.step.Path, Sequence: sequence, Row: from.number}
	w.begin(item)
	s := w.scope
	w.names(from.row, item)
	if to.problem = w.selects(s.names, from.row, &item); to.problem != nil {
		return
	}
	to.status, to.reason, to.lane, to.variant = item.Status, item.Reason, item.Lane, item.Variant
	if item.Status != StatusPending {
		return
	}
	to.key, to.hash = item.Key, w.keys.hash(item.Key)
	s.item = item
	if to.failure = w.body(ctx, item); to.failure != nil {
		return
	}
	w.finish(item, to)
}

// selects decides on an item as the snapshot of a run does (fillItem), which also keeps its row. Texts are looked through for
// secrets as they are, without that.
func (w *walker) selects(names, row map[string]any, item *Item) error {
	e := w.planner.engine
	if e.redactor == nil {
		return selectItem(w.step.Foreach, names, row, item)
	}
	for _, value := range row {
		if text, ok := value.(string); !ok || e.redactor.Text(text) != text {
			return e.fillItem(w.step.Foreach, names, row, item)
		}
	}
	return selectItem(w.step.Foreach, names, row, item)
}

// begin makes the scope a new item's.
func (w *walker) begin(item Item) {
	s := w.scope
	s.item, s.ending, s.standing = item, false, nil
	clear(s.kept.results)
	s.kept.out = nil
	clear(w.steps)
	maps.Copy(w.steps, w.outer)
	s.steps, s.own = w.steps, true
	s.names["steps"] = w.steps
	s.scratch.Reset()
	w.caller.begin()
}

// names lets expressions see the item (itemNames), in maps that are used again for the next.
func (w *walker) names(row map[string]any, item Item) {
	w.item["index"], w.item["row"], w.item["key"] = int(item.Sequence), item.Row, item.Key
	w.scope.names[w.step.Foreach.As] = unwrap(row)
	w.scope.names["item"] = w.item
	w.scope.names["variant"] = item.Variant
}

func (w *walker) body(ctx context.Context, item Item) error {
	s, trace := w.scope, w.caller.trace
	st, late, err := s.body(ctx, w.step.Steps, w.step.Finally)
	if err != nil {
		return err
	}
	if len(s.holding()) > 0 {
		s.ending = true
		if err := s.release(ctx, false); err != nil {
			return err
		}
	}
	w.caller.status, w.caller.reason = s.outcome(itemEnd(st, late))
	trace.outcome = w.caller.status
	trace.variant = item.Variant
	if trace.outcome == StatusSkipped {
		trace.reason = w.caller.reason
	}
	return nil
}

// finish keeps what timing and the digest need of the item.
func (w *walker) finish(item Item, to *walkedRow) {
	trace := w.caller.trace
	to.status, to.reason = trace.outcome, w.caller.reason
	to.shape = trace.shape()
	begun := len(w.buffer)
	w.buffer = trace.appendRecord(w.buffer, to.shape, w.seeds.item(item.Key))
	to.record = w.buffer[begun:len(w.buffer):len(w.buffer)]
	w.caller.digest(item.Key, to.digest[:])
}
