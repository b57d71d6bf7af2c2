package ledger

import (
	"context"

	"youmiflow/engine"
)

// pending is something to commit, and its receipt.
type pending struct {
	entry engine.Entry
	// do, when set, is what is done in place of an entry's changes.
	do   func(*group) error
	done chan struct{}
	err  error // read after done
}

// Wait implements engine.Receipt.
func (p *pending) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	default:
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pending) finish(err error) {
	p.err = err
	close(p.done)
}

// Append implements engine.Ledger.
func (l *Ledger) Append(ctx context.Context, entry engine.Entry) engine.Receipt {
	return l.submit(ctx, &pending{entry: entry})
}

func (l *Ledger) submit(ctx context.Context, p *pending) *pending {
	p.done = make(chan struct{})
	if l.writer == nil {
		p.finish(ErrReadOnly)
		return p
	}
	w := l.writer
	select {
	case <-w.closing:
		p.finish(ErrClosed)
		return p
	default:
	}
	select {
	case w.queue <- p:
		// The writer may have ended between the two: then nobody else takes it out again.
		select {
		case <-w.done:
			w.refuseRest()
		default:
		}
	case <-w.closing:
		p.finish(ErrClosed)
	case <-ctx.Done():
		p.finish(ctx.Err())
	}
	return p
}

func (p *pending) items() int {
	n := 0
	for _, change := range p.entry.Changes {
		if add, ok := change.(engine.AddItems); ok {
			n += len(add.Items)
		}
	}
	return n
}
