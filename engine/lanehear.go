package engine

import (
	"context"
	"fmt"
	"time"
)

// feedHeard begins the items of whose customer something was heard, without looking for them, and reports whether nothing
// else is to be begun in this slice: all of the lane has just been looked through, and what it has put aside waits. So a
// million that wait are not looked at for each customer who answers.
func (w *laneWork) feedHeard(ctx context.Context) (alone bool, err error) {
	if !w.listens() {
		return false, nil
	}
	w.heard = map[int64]bool{}
	ids, first := w.active.takeHeard(w.key)
	w.first = first
	for i, id := range ids {
		item, found, err := w.itemByID(ctx, id)
		if err != nil {
			return false, err
		}
		if !found || w.heard[id] || !item.Woken() {
			continue
		}
		if w.leaving.now() || !w.room(true) {
			w.active.noteHeard(w.key, ids[i:]...)
			return false, nil
		}
		w.heard[id] = true
		w.begin(ctx, item)
	}
	wanted, _, _ := w.active.state()
	w.alone = !first && wanted == WantRun && !w.isOver(wanted) && w.engine.Now().Before(w.active.restsUntil(w.key))
	return w.alone, nil
}

// feedWoken begins the items that an event has woken behind the one at which the lane stops for now. Only a process that
// has just taken up the lane has to look for them.
func (w *laneWork) feedWoken(ctx context.Context, after int64) error {
	if !w.first {
		return nil
	}
	filter := ItemFilter{Run: w.key.Run, Step: &w.key.Step, Lane: &w.key.Lane, Statuses: []Status{StatusHeld}, Wave: w.course.Wave,
		AfterID: after}
	for item, err := range w.engine.Ledger.Items(ctx, filter) {
		if err != nil {
			return fmt.Errorf("reading the lane's items: %w", err)
		}
		if w.heard[item.ID] || !item.Woken() {
			continue
		}
		if w.leaving.now() || !w.room(true) {
			return nil
		}
		w.begin(ctx, item)
	}
	return nil
}

// itemByID reads one item of the lane.
func (w *laneWork) itemByID(ctx context.Context, id int64) (Item, bool, error) {
	filter := ItemFilter{Run: w.key.Run, Step: &w.key.Step, Lane: &w.key.Lane, AfterID: id - 1, Limit: 1}
	for item, err := range w.engine.Ledger.Items(ctx, filter) {
		if err != nil {
			return item, false, fmt.Errorf("reading item %d: %w", id, err)
		}
		return item, item.ID == id, nil
	}
	return Item{}, false, nil
}

// listens reports whether events may leave out the rest of the lane's items.
func (w *laneWork) listens() bool {
	return w.step.Foreach.StopWhen != nil && w.engine.Events != nil && w.active.run.Test == nil
}

// looked notes that all of the lane was looked through.
func (w *laneWork) looked() {
	if w.through && w.listens() {
		w.active.lookedThrough(w.key, w.engine.Now().Add(time.Duration(w.passed)*passingOver))
	}
}
