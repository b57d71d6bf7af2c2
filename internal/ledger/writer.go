package ledger

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueSize bounds what waits for the writer; Append blocks beyond it.
	queueSize = 4096
	// groupSize bounds one transaction.
	groupSize = 512
	// groupItems bounds the items of one transaction, so that a snapshot does not hold up the calls of others.
	groupItems = 4000
	// patience is how long a closing ledger goes on trying to commit when the disk is full or another process has
	// the file locked.
	patience = 5 * time.Second
	// longestPause is between two tries.
	longestPause = 2 * time.Second
)

// writer is the one goroutine that writes.
type writer struct {
	db      *sql.DB
	logger  *slog.Logger
	wake    atomic.Pointer[WakeFunc]
	queue   chan *pending
	closing chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has ended
	once    sync.Once
	session session
	observe func(took time.Duration, entries int) // nil: nobody hears
}

func startWriter(db *sql.DB, logger *slog.Logger, observe func(time.Duration, int)) *writer {
	w := &writer{
		db: db, logger: logger, observe: observe,
		queue:   make(chan *pending, queueSize),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go w.run()
	return w
}

// close has the writer commit what is queued, and waits for it.
func (w *writer) close() {
	w.once.Do(func() { close(w.closing) })
	<-w.done
	w.refuseRest()
}

func (w *writer) refuseRest() {
	for {
		select {
		case p := <-w.queue:
			p.finish(ErrClosed)
		default:
			return
		}
	}
}

func (w *writer) run() {
	defer close(w.done)
	defer w.finalize()
	batch := make([]*pending, 0, groupSize)
	for {
		var first *pending
		select {
		case first = <-w.queue:
		case <-w.closing:
			select {
			case first = <-w.queue:
			default:
				return
			}
		}
		// Whoever is about to append gets to do it first: a third fewer commits, each with more in it.
		runtime.Gosched()
		batch = w.gather(append(batch[:0], first))
		w.commit(batch)
		clear(batch)
	}
}

// finalize closes the statements: with one left open, SQLite would not checkpoint when the connection is closed.
func (w *writer) finalize() {
	conn, err := w.db.Conn(context.Background())
	if err == nil {
		err = errors.Join(conn.Raw(w.session.leave), closeConn(conn))
	}
	if err != nil {
		w.logger.Warn("closing the ledger's statements", "error", err)
	}
}

// gather adds what is waiting, and never waits for more: the connection is River's too.
func (w *writer) gather(batch []*pending) []*pending {
	items := batch[0].items()
	for len(batch) < groupSize && items < groupItems {
		select {
		case p := <-w.queue:
			batch = append(batch, p)
			items += p.items()
		default:
			return batch
		}
	}
	return batch
}
