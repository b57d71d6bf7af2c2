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
	sampler *walker // walks a row again, to show its calls
}

func (p *planner) newPlanWalk(s *scope, step *workflows.Step, caller *plannedItem) (*planWalk, error) {
	w := &planWalk{planner: p, scope: s, step: step, caller: caller, keys: newKeySet(), spool: newSpool(), ranks: map[*spooledLane]int64{},
		counts: map[Status]int{}, bad: p.engine.newProblems(s.active, step)}
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
	return p.walk(ctx, reader, worker, func(batch *rowBatch) error { return w.take(ctx, batch) })
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
	plan := w.planner.plan
	plan.Items.Total++
	if row.hash != 0 && !w.keys.add(row.hash) {
		row.status, row.reason, row.record = StatusSkipped, ReasonDuplicate, nil
	}
	if row.record != nil {
		w.rank++
		w.planner.hash.Write(row.digest[:])
		if err := w.show(ctx, sequence, from, row); err != nil {
			return err
		}
	}
	if row.record == nil {
		w.skipped(row.reason)
		return nil
	}
	lane := w.spool.lane(row.lane)
	var rank [binary.MaxVarintLen64]byte
	delta := binary.AppendUvarint(rank[:0], uint64(w.rank-w.ranks[lane]))
	w.ranks[lane] = w.rank
	return w.spool.add(lane, delta, row.record)
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

// show keeps the item's calls, where it is among those that the plan shows.
func (w *planWalk) show(ctx context.Context, sequence int64, from *readRow, row *walkedRow) error {
	plan := w.planner.plan
	failed := row.status == StatusFailed
	if failed && row.shape.messages > 0 {
		plan.BrokenOff++
	} else if failed {
		plan.FailureCount++
	}
	switch {
	case failed && len(plan.Failures) < planSamples, row.status == StatusSucceeded && len(plan.Samples) < planSamples:
	default:
		return nil
	}
	var again walkedRow
	sample := &Sample{Variant: row.variant, Reason: row.reason}
	w.sampler.caller.sample = sample
	w.sampler.row(ctx, sequence, from, &again)
	if again.failure != nil {
		return again.failure
	}
	sample.Key = w.sampler.scope.item.Key
	if failed {
		plan.Failures = append(plan.Failures, *sample)
	} else {
		plan.Samples = append(plan.Samples, *sample)
	}
	return nil
}
