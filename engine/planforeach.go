package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"youmiflow/workflows"
)

// planWalk is a foreach that is planned: what it takes of its rows, in their order.
type planWalk struct {
	planner *planner
	scope   *scope // of the run's own steps
	step    *workflows.Step
	caller  *plannedItem // the run's own steps
	keys    *keySet
	spool   *spool
	ranks   map[*spooledLane]int64 // of the last record of each lane
	rank    int64                  // of the last item that takes part
	counts  map[Status]int
	bad     *problems
	sampler *walker         // walks a row again, to show its calls
	shown   map[string]bool // variants of which there is a sample
	test    *sample         // nil: it is no test
	number  int             // among the foreaches of the run, from 1
}

func (p *planner) newPlanWalk(s *scope, step *workflows.Step, caller *plannedItem) (*planWalk, error) {
	w := &planWalk{planner: p, scope: s, step: step, caller: caller, keys: newKeySet(), spool: newSpool(), ranks: map[*spooledLane]int64{},
		counts: map[Status]int{}, test: newSample(s.active.run.Test, step.Foreach), shown: map[string]bool{}, bad: p.engine.newProblems(s.active, step)}
	p.foreaches++
	w.number = p.foreaches
	var err error
	w.sampler, err = p.newWalker(s, step, w.keys, caller.book)
	return w, err
}

func (w *planWalk) close() error { return w.spool.close() }

// run walks the audience.
func (w *planWalk) run(ctx context.Context) (err error) {
	p := w.planner
	reader, err := openRows(ctx, w.scope, w.step.Foreach, &planPacer{p, w.scope, w.step})
	if err != nil {
		return &audienceError{err}
	}
	defer func() { err = errors.Join(w.bad.end(err), reader.Close()) }()
	if err := checkColumns(w.scope.active.workflow, w.step.Foreach, reader); err != nil {
		return &audienceError{err}
	}
	worker := func() (*walker, error) { return p.newWalker(w.scope, w.step, w.keys, w.caller.book) }
	err = p.walk(ctx, reader, worker, func(batch *rowBatch) error { return w.take(ctx, batch) })
	if errors.Is(err, errSampled) {
		return nil
	}
	return err
}

// take folds a batch into the plan.
func (w *planWalk) take(ctx context.Context, batch *rowBatch) error {
	for i := range batch.rows {
		from, row := &batch.rows[i], &batch.walked[i]
		if row.failure != nil {
			return row.failure
		}
		if err := w.row(ctx, batch.first+int64(i), from, row); err != nil {
			return err
		}
		if w.test != nil && w.test.enough() {
			return errSampled
		}
	}
	if batch.end == nil || batch.end == io.EOF { //nolint:errorlint // itself: a connection that breaks off wraps it
		return nil
	}
	if stopsSnapshot(batch.end) {
		return batch.end
	}
	return &audienceError{batch.end}
}

func (w *planWalk) row(ctx context.Context, sequence int64, from *readRow, row *walkedRow) error {
	if from.err != nil {
		return audience(w.bad.take(from.err))
	}
	w.bad.row()
	if row.problem != nil {
		return audience(w.bad.add(RowProblem{Row: from.number, Problem: row.problem.Error()}))
	}
	if w.bad.some() {
		return nil
	}
	return w.item(ctx, sequence, from, row)
}

// audience makes an error one of the audience.
func audience(err error) error {
	if err == nil {
		return nil
	}
	return &audienceError{err}
}

// item counts an item, and keeps what timing needs of one that takes part.
func (w *planWalk) item(ctx context.Context, sequence int64, from *readRow, row *walkedRow) error {
	if !w.sampled(row) {
		return nil
	}
	plan := w.planner.plan
	plan.Items.Total++
	if row.hash != 0 && !w.keys.add(row.hash) {
		row.status, row.reason, row.record = StatusSkipped, ReasonDuplicate, nil
	}
	if row.record == nil {
		w.skipped(row.reason)
		return nil
	}
	w.rank++
	w.planner.hash.Write(row.digest[:])
	if w.planner.untimed {
		w.ended(row.shape, row.status, row.reason)
		return w.tell(ctx, sequence, from, row)
	}
	if err := w.show(ctx, sequence, from, row); err != nil {
		return err
	}
	lane := w.spool.lane(row.lane)
	var rank [binary.MaxVarintLen64]byte
	delta := binary.AppendUvarint(rank[:0], uint64(w.rank-w.ranks[lane]))
	w.ranks[lane] = w.rank
	return w.spool.add(lane, delta, row.record)
}

// sampled reports whether a test send takes a row; every other run takes all.
func (w *planWalk) sampled(row *walkedRow) bool {
	if w.test == nil {
		return true
	}
	item := Item{Key: row.key, Variant: row.variant, Status: StatusSkipped}
	if row.record != nil {
		item.Status = StatusPending
	}
	return w.test.takes(item)
}

// skipped counts an item that takes no part.
func (w *planWalk) skipped(reason string) {
	w.counts[StatusSkipped]++
	w.planner.plan.Items.Skipped[reason]++
}

// ended counts how an item ends that takes part.
func (w *planWalk) ended(shape *plannedShape, status Status, reason string) {
	if status == StatusSkipped {
		w.skipped(reason)
		return
	}
	plan := w.planner.plan
	w.counts[status]++
	plan.Items.Selected++
	if shape.variant != "" {
		plan.Variants[shape.variant]++
	}
}

// tell hands an item to whoever compares.
func (w *planWalk) tell(ctx context.Context, sequence int64, from *readRow, row *walkedRow) error {
	if w.planner.each == nil || row.status == StatusSkipped {
		return nil
	}
	return w.planner.each(PlannedItem{Foreach: w.number, Key: row.key, Text: [16]byte(row.digest[:16]), Show: func() (Sample, error) {
		return w.again(ctx, sequence, from, row)
	}})
}

// show keeps the item's calls, where it is among those that the plan shows.
func (w *planWalk) show(ctx context.Context, sequence int64, from *readRow, row *walkedRow) error {
	plan := w.planner.plan
	failed := row.status == StatusFailed
	if failed && row.shape.messages > 0 {
		plan.BrokenOff++
	} else if failed {
		plan.FailureCount++
	}
	if !failed && !w.shows(row) || failed && len(plan.Failures) == w.planner.samples {
		return nil
	}
	sample, err := w.again(ctx, sequence, from, row)
	if failed {
		plan.Failures = append(plan.Failures, sample)
	} else {
		plan.Samples = append(plan.Samples, sample)
	}
	return err
}

// shows reports whether an item is among the samples: the first few, and the first of each variant.
func (w *planWalk) shows(row *walkedRow) bool {
	if row.status != StatusSucceeded {
		return false
	}
	known := w.shown[row.variant]
	w.shown[row.variant] = true
	return len(w.planner.plan.Samples) < w.planner.samples || !known && row.variant != ""
}

// again walks a row once more, for its calls.
func (w *planWalk) again(ctx context.Context, sequence int64, from *readRow, row *walkedRow) (Sample, error) {
	var again walkedRow
	sample := &Sample{Key: row.key, Variant: row.variant, Reason: row.reason, Row: from.row}
	w.sampler.caller.sample = sample
	w.sampler.row(ctx, sequence, from, &again)
	return *sample, again.failure
}
