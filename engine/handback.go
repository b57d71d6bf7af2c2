package engine

import (
	"context"
	"fmt"
	"slices"
)

// handBack ends every takeover that a run still holds, item by item. When the items are to go on later, they forget
// the takeover, and apply for it again when they do.
func (e *Engine) handBack(ctx context.Context, active *activeRun, fence Fence, forget bool) error {
	open, err := e.openTakeovers(ctx, active.run.ID)
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	for _, takeover := range open {
		if seen[takeover.Item] {
			continue
		}
		seen[takeover.Item] = true
		if err := e.handBackItem(ctx, active, fence, takeover.Item, forget); err != nil {
			return err
		}
	}
	return e.logHandedBack(ctx, active.run.ID, open)
}

// logHandedBack has the log say how many of these conversations were handed back: all but those that are stuck now, which
// have records of their own, and those that are still held.
func (e *Engine) logHandedBack(ctx context.Context, run string, open []Takeover) error {
	if len(open) == 0 {
		return nil
	}
	left, err := e.Ledger.Takeovers(ctx, TakeoverFilter{Run: run,
		States: []TakeoverState{TakeoverStuck, TakeoverIntended, TakeoverHeld}})
	if err != nil {
		return fmt.Errorf("looking for stuck takeovers: %w", err)
	}
	ended := slices.DeleteFunc(open, func(was Takeover) bool {
		return slices.ContainsFunc(left, func(now Takeover) bool { return now.Item == was.Item && now.Step == was.Step })
	})
	if len(ended) > 0 {
		e.Logger.InfoContext(ctx, "conversations were handed back", "run", run, "conversations", len(ended))
	}
	return nil
}

func (e *Engine) handBackItem(ctx context.Context, active *activeRun, fence Fence, id int64, forget bool) error {
	item, err := e.item(ctx, active.run.ID, id)
	if err != nil {
		return err
	}
	s, err := newScope(e, active, item, nil)
	if err != nil {
		return err
	}
	s.fence, s.caller = fence, liveCaller{}
	s.turn = turn{gate: active.gate("", e.Concurrency), horizon: e.Now().Add(e.Grace)}
	if err := s.release(ctx, forget); err != nil {
		return err
	}
	return waitAll(ctx, s.receipts) // who looks next sees that it is not held any more
}
