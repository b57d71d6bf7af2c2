package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"youmiflow/engine"
)

// commit commits the batch and finishes every receipt. When a statement fails, it starts again with a savepoint around
// each entry, so that the error is only the guilty one's. What passes by itself (disk full, locked) is waited for.
func (w *writer) commit(batch []*pending) {
	began := time.Now()
	w.settle(batch)
	if w.observe != nil {
		w.observe(time.Since(began), len(batch))
	}
	for _, p := range batch {
		close(p.done)
	}
}

// settle commits the batch and leaves each entry's outcome in it.
func (w *writer) settle(batch []*pending) {
	careful := false
	pause := 5 * time.Millisecond
	var deadline time.Time
	for {
		after, err := w.attempt(batch, careful)
		if err == nil {
			for _, f := range after {
				f()
			}
			if !deadline.IsZero() || pause > 5*time.Millisecond {
				w.logger.Warn("the ledger can be written again")
			}
			return
		}
		if !Passing(err) {
			if !careful && len(batch) > 1 {
				careful = true
				continue
			}
			w.commitSingly(batch, err)
			return
		}
		if pause == 5*time.Millisecond {
			w.logger.Warn("the ledger cannot be written for now; trying again until it can", "error", err)
		}
		if !w.pause(pause, &deadline) {
			w.fail(batch, err)
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// pause waits before the next try. It answers false when the ledger is being closed and its patience is used up.
func (w *writer) pause(d time.Duration, deadline *time.Time) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.closing:
		if deadline.IsZero() {
			*deadline = time.Now().Add(patience)
		}
		if time.Now().After(*deadline) {
			return false
		}
		<-timer.C
		return true
	}
}

// commitSingly is the last resort, when it is not a statement that fails: each entry gets a transaction of its own.
func (w *writer) commitSingly(batch []*pending, err error) {
	if len(batch) == 1 {
		w.fail(batch, err)
		return
	}
	for i := range batch {
		w.settle(batch[i : i+1])
	}
}

func (w *writer) fail(batch []*pending, err error) {
	for _, p := range batch {
		p.err = entryError(err)
	}
}

// entryError is what an entry's receipt says when a statement failed.
func entryError(err error) error {
	if duplicate(err) {
		return fmt.Errorf("writing the ledger: %w: %w", engine.ErrExists, err)
	}
	return fmt.Errorf("writing the ledger: %w", err)
}

// attempt is one transaction with the whole batch. An error means that nothing of it was committed; refused entries
// have theirs in pending.err.
func (w *writer) attempt(batch []*pending, careful bool) (after []func(), err error) {
	// No context ends a transaction half way: what is queued is committed, and Wait is what gives up.
	ctx := context.Background()
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeConn(conn)) }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	g := &group{session: &w.session, counts: map[cell]int64{}}
	err = conn.Raw(func(driverConn any) error {
		if err := w.session.enter(driverConn); err != nil {
			return err
		}
		return g.apply(batch, careful)
	})
	if err == nil && len(g.wakes) > 0 {
		after, err = w.callWake(ctx, tx, g.wakes)
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		w.session.forget()
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			// SQLite has rolled back by itself after some errors.
			w.logger.Debug("rolling back", "error", rollback)
		}
		return nil, err
	}
	return after, nil
}

func (w *writer) callWake(ctx context.Context, tx *sql.Tx, wakes []engine.Wake) ([]func(), error) {
	wake := *w.wake.Load()
	if wake == nil {
		return nil, nil
	}
	committed, err := wake(ctx, tx, wakes)
	if err != nil {
		return nil, fmt.Errorf("waking lanes: %w", err)
	}
	if committed == nil {
		return nil, nil
	}
	return []func(){committed}, nil
}

func closeConn(conn *sql.Conn) error {
	if err := conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	return nil
}
