package engine

import (
	"context"
	"fmt"
)

// handBack ends every takeover that a run still holds, item by item. When the items are to go on later, they forget
// the takeover, and apply for it again when they do.
func (e *Engine) handBack(ctx context.Context, active *activeRun, fence Fence, forget bool) error {
	open, err := e.Ledger.Takeovers(ctx, TakeoverFilter{Run: active.run.ID,
		States: []TakeoverState{TakeoverIntended, TakeoverHeld}})
	if err != nil {
		return fmt.Errorf("looking for open takeovers: %w", err)
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
	return nil
}

func (e *Engine) handBackItem(ctx context.Context, active *activeRun, fence Fence, id int64, forget bool) error {
	for item, err := range e.Ledger.Items(ctx, ItemFilter{Run: active.run.ID, AfterID: id - 1, Limit: 1, Root: true}) {
		if err != nil {
			return fmt.Errorf("reading item %d: %w", id, err)
		}
		if item.ID != id {
			continue
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
	}
	return nil
}
