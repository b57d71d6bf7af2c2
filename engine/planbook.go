package engine

import (
	"context"
	"fmt"
	"time"

	"youmiflow/internal/calendar"
	"youmiflow/workflows"
)

// plannedBook is what timing has to know of a run: the plan's own, or one that it calls.
type plannedBook struct {
	id      int
	planner *planner
	active  *activeRun
	window  *calendar.Window // nil: at any time
	limited bool             // some limit may put a call off
	call    LimitedCall      // what its calls have in common
	talks   []talk

	earliest func(time.Time) time.Time // window.Next

	minute int64 // the last at which the window was asked, and what it said
	opens  int64
}

func (p *planner) newBook(active *activeRun, window *calendar.Window) *plannedBook {
	run := active.run
	book := &plannedBook{
		planner: p, active: active, window: window, limited: len(p.engine.shared())+len(active.limits()) > 0, minute: -1,
		call: LimitedCall{Connection: run.Connection, Workflow: run.Workflow, Uncapped: run.Test != nil, Priority: active.workflow.Priority},
	}
	if run.Test != nil {
		book.window = nil
	}
	if book.window != nil {
		book.earliest = book.window.Next
	}
	book.talks = talks(active.workflow.Steps, active.workflow.Finally)
	p.books = append(p.books, book)
	book.id = len(p.books)
	return book
}

// opensAt is when the send window opens, 0 when it is open.
func (b *plannedBook) opensAt(now int64) int64 {
	if b.window == nil {
		return 0
	}
	// A window opens and closes at the full minute of some clock, and no clock is off by a part of a minute nowadays.
	if minute := now / int64(time.Minute); minute != b.minute {
		b.minute, b.opens = minute, 0
		if at := time.Unix(0, now); !b.window.Open(at) {
			b.opens = b.window.Next(at).UnixNano()
		}
	}
	return b.opens
}

// reserve asks the limits for a slot of an op's call, as scope.limited does. With peek it takes none.
func (b *plannedBook) reserve(ctx context.Context, now int64, call LimitedCall, held bool, deadline int64) (Slot, error) {
	p := b.planner
	p.clock.at = time.Unix(0, now)
	if held {
		if deadline > 0 {
			call.Until = time.Unix(0, deadline)
		}
		if b.window != nil {
			call.Earliest = b.earliest
		}
	}
	slot, err := p.engine.Limiter.Reserve(ctx, call, b.active.limits())
	if err != nil {
		return slot, err
	}
	return slot, nil
}

// tripped returns until when an account's calls are held: 0 when they are not, never when nobody knows.
func (p *planner) trippedUntil(account string, now int64) int64 {
	until, held := p.tripped[account]
	if !held || until != never && now >= until {
		return 0
	}
	return until
}

// never is an instant that does not come.
const never = 1<<63 - 1

// knowTripped reads which accounts are held, where there is a ledger.
func (p *planner) knowTripped(ctx context.Context) error {
	if p.engine.Ledger == nil {
		return nil
	}
	list, err := p.engine.Ledger.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("reading which accounts are held: %w", err)
	}
	for _, account := range list {
		if account.Connection != p.active.run.book() || !account.Tripped {
			continue
		}
		p.tripped[account.Account] = never
		if !account.Until.IsZero() {
			p.tripped[account.Account] = account.Until.UnixNano()
		}
	}
	return nil
}

// talk is a step that may send the first message in a conversation.
type talk struct{ path, operation string }

// talks lists the steps of a body that may, in the order in which scope.nextMessage looks for one.
func talks(lists ...[]*workflows.Step) []talk {
	var found []talk
	for _, list := range lists {
		for _, step := range list {
			if inConversation(step) {
				found = append(found, talk{step.Path, step.Uses.Type.Operation.ID})
			}
			found = append(found, talks(step.Steps)...)
			for _, branch := range step.Parallel {
				found = append(found, talks(branch.Steps)...)
			}
		}
	}
	return found
}
