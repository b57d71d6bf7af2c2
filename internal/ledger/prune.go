package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

const (
	// pruneRuns, pruneItems and pruneRows bound one transaction of pruning, so that calls do not wait for it.
	pruneRuns  = 50
	pruneItems = 200
	pruneRows  = 500
	// prunePause is between two of them.
	prunePause = 10 * time.Millisecond
)

// doomed selects the runs that are over for long and that nobody needs any more. Its parameters are two instants: before the
// first, runs have ended; before the second, those of which outcomes are unknown. Kept in any case are runs with a
// conversation that is not handed back, the last run of a trigger, runs whose parent stays, and the one with the newest
// item, so that the numbers of items go on growing. The runs that finished first come first.
const doomed = `SELECT run.id FROM run WHERE run.finished_at <> 0 AND run.finished_at < ?1
	AND run.status NOT IN ('pending', 'held', 'running', 'paused')
	AND (run.finished_at < ?2 OR NOT EXISTS (SELECT 1 FROM tally WHERE tally.run = run.id AND kind = 'call' AND status IN ('unknown', 'intent') AND n > 0))
	AND NOT EXISTS (SELECT 1 FROM takeover WHERE takeover.run = run.id AND takeover.state IN ('intended', 'held', 'stuck'))
	AND NOT EXISTS (SELECT 1 FROM schedule WHERE schedule.fired_run = run.id)
	AND NOT EXISTS (SELECT 1 FROM run AS parent WHERE parent.id = json_extract(run.parent, '$.run'))
	AND run.id <> (SELECT series.run FROM item JOIN series ON series.id = item.series ORDER BY item.id DESC LIMIT 1)
	ORDER BY run.finished_at LIMIT `

// PruneRuns forgets runs that ended before an instant, with all that belongs to them, in small transactions with pauses
// between, while others append. Those that left calls of which nobody knows what became of them must have ended before the
// other instant too. It returns how many it forgot. When it is broken off, the next call goes on.
//
// Kept in any case are runs with a conversation that is not handed back, the last run of each trigger, and runs that are not
// over, with those that they have called. That an instant has fired is never forgotten.
func (l *Ledger) PruneRuns(ctx context.Context, before, unknown time.Time) (int, error) {
	total := 0
	for {
		n, err := l.pruneSome(ctx, before, unknown)
		if err != nil {
			return total, fmt.Errorf("forgetting old runs: %w", err)
		}
		if total += n; n == 0 {
			break
		}
		if err := pauseFor(ctx, prunePause); err != nil {
			return total, err
		}
	}
	if err := l.pruneSeries(ctx); err != nil {
		return total, fmt.Errorf("forgetting what belonged to old runs: %w", err)
	}
	return total, nil
}

// pruneSome forgets a few runs, but not yet their items: without its run, nobody finds a series any more.
func (l *Ledger) pruneSome(ctx context.Context, before, unknown time.Time) (int, error) {
	var runs []string
	err := l.submit(ctx, &pending{do: func(g *group) error {
		runs = nil
		query := doomed + fmt.Sprint(pruneRuns)
		if err := g.each(query, []driver.Value{micros(before), micros(unknown)}, func(row values) bool {
			runs = append(runs, row.text(0))
			return true
		}); err != nil {
			return err
		}
		for _, run := range runs {
			if err := g.forgetRun(run); err != nil {
				return err
			}
		}
		return nil
	}}).Wait(ctx)
	return len(runs), err
}

// forgetRun leaves only the instant of a run, and its series.
func (g *group) forgetRun(run string) error {
	for _, statement := range []string{
		`INSERT INTO fired (workflow, scheduled_at, sandbox) SELECT workflow, scheduled_at, sandbox FROM run
			WHERE id = ? AND fired_by <> 'manual' AND scheduled_at <> 0 AND parent IS NULL ON CONFLICT DO NOTHING`,
		`DELETE FROM step WHERE run = ?`,
		`DELETE FROM takeover WHERE run = ?`,
		`DELETE FROM tally WHERE run = ?`,
		`DELETE FROM run WHERE id = ?`,
	} {
		if _, err := g.exec(statement, run); err != nil {
			return err
		}
	}
	return nil
}

// orphan is a series whose run is forgotten.
type orphan struct{ id, first, last int64 }

// pruneSeries forgets the items, lanes and calls of runs that are forgotten, also those that an earlier call has left.
func (l *Ledger) pruneSeries(ctx context.Context) error {
	orphans, err := collect(ctx, l.read, func(row scanner) (o orphan, err error) {
		return o, row.Scan(&o.id, &o.first, &o.last)
	}, `SELECT id, first, last FROM series WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.id = series.run)`)
	if err != nil {
		return err
	}
	for _, o := range orphans {
		if err := l.pruneItems(ctx, o); err != nil {
			return err
		}
		if err := l.pruneRest(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// pruneItems forgets the items of a series with their calls, a range of them at a time.
func (l *Ledger) pruneItems(ctx context.Context, o orphan) error {
	for after := o.first - 1; ; {
		// Where the range ends is read without the writer, whom it would hold up: others' items may lie in between.
		ids, err := collect(ctx, l.read, func(row scanner) (id int64, err error) { return id, row.Scan(&id) },
			fmt.Sprintf(`SELECT id FROM item WHERE id > ? AND id <= ? AND series = ? ORDER BY id LIMIT %d`, pruneItems), after, o.last, o.id)
		if err != nil || len(ids) == 0 {
			return err
		}
		from, to := ids[0], ids[len(ids)-1]
		const those = `(SELECT id FROM item WHERE id BETWEEN ? AND ? AND series = ?)`
		const some = `(SELECT ordinal FROM call WHERE item IN ` + those + ` ORDER BY ordinal LIMIT ?)`
		// Calls first, so that no call is ever without its item.
		if err := l.pruneAll(ctx, []driver.Value{from, to, o.id, int64(pruneRows)},
			`DELETE FROM call_outcome WHERE ordinal IN `+some, `DELETE FROM call WHERE ordinal IN `+some); err != nil {
			return err
		}
		if err := l.pruneOnce(ctx, []driver.Value{from, to, o.id}, `DELETE FROM item_state WHERE id IN `+those, `DELETE FROM item WHERE id IN `+those); err != nil {
			return err
		}
		after = to
	}
}

// pruneRest forgets what is left of a series without items.
func (l *Ledger) pruneRest(ctx context.Context, o orphan) error {
	if err := l.pruneAll(ctx, []driver.Value{o.id, int64(pruneRows)}, `DELETE FROM lane WHERE id IN (SELECT id FROM lane WHERE series = ? LIMIT ?)`); err != nil {
		return err
	}
	return l.submit(ctx, &pending{do: func(g *group) error {
		// Their numbers may be given again.
		clear(g.series)
		clear(g.lanes)
		clear(g.epochs)
		if _, err := g.exec(`DELETE FROM wave WHERE series = ?`, o.id); err != nil {
			return err
		}
		_, err := g.exec(`DELETE FROM series WHERE id = ?`, o.id)
		return err
	}}).Wait(ctx)
}

// pruneAll repeats statements of the same arguments, of which the last is pruneRows, until there is nothing left for the
// last of them.
func (l *Ledger) pruneAll(ctx context.Context, args []driver.Value, statements ...string) error {
	for {
		n, err := l.pruneStep(ctx, args, statements)
		if err != nil || n < pruneRows {
			return err
		}
	}
}

func (l *Ledger) pruneOnce(ctx context.Context, args []driver.Value, statements ...string) error {
	_, err := l.pruneStep(ctx, args, statements)
	return err
}

// pruneStep is one transaction and the pause after it. It returns how many rows the last statement took.
func (l *Ledger) pruneStep(ctx context.Context, args []driver.Value, statements []string) (int64, error) {
	var n int64
	err := l.submit(ctx, &pending{do: func(g *group) (err error) {
		for _, statement := range statements {
			if n, err = g.exec(statement, args...); err != nil {
				return err
			}
		}
		return nil
	}}).Wait(ctx)
	return n, errors.Join(err, pauseFor(ctx, prunePause))
}

func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
