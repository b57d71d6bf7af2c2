package cli

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"youmiflow/engine"
	"youmiflow/internal/ledger"
	"youmiflow/internal/web/result"
)

// explain adds to a run what only people read of it: why items were skipped, and whom the messages of a test stand for.
func (a *app) explain(ctx context.Context, l *ledger.Ledger, run engine.Run, view *result.Run) error {
	if a.output != "table" {
		return nil
	}
	if view.Counts.Skipped > 0 {
		reasons, err := l.Reasons(ctx, run, engine.StatusSkipped)
		if err != nil {
			return err
		}
		for _, reason := range reasons {
			view.Skipped = append(view.Skipped, result.Reason(reason))
		}
	}
	if run.Test == nil {
		return nil
	}
	return addTested(view, func(yield func(result.Item, error) bool) {
		for item, err := range l.Items(ctx, engine.ItemFilter{Run: run.ID, Statuses: notSkipped()}) {
			var shown result.Item
			if err == nil {
				shown, err = result.OfItem(ctx, l, item)
			}
			if !yield(shown, err) || err != nil {
				return
			}
		}
	})
}

// mostRemoteReasons is how many skipped items are fetched from a daemon to say why they were.
const mostRemoteReasons = 5000

// explain does the same for a run of a daemon elsewhere. Where too many were skipped, `runs items` says why.
func (r remote) explain(ctx context.Context, view *result.Run) error {
	if r.app.output != "table" {
		return nil
	}
	if n := view.Counts.Skipped; n > 0 && n <= mostRemoteReasons {
		counts := map[string]int{}
		for item, err := range r.Items(ctx, view.ID, []engine.Status{engine.StatusSkipped}) {
			if err != nil {
				return err
			}
			counts[engine.ReasonAlone(item.Reason)]++
		}
		for _, reason := range sortedKeys(counts) {
			view.Skipped = append(view.Skipped, result.Reason{Reason: reason, Items: counts[reason]})
		}
		slices.SortStableFunc(view.Skipped, func(a, b result.Reason) int { return b.Items - a.Items })
	}
	if view.Test == nil {
		return nil
	}
	return addTested(view, r.Items(ctx, view.ID, notSkipped()))
}

// notSkipped are the statuses of items that a test send has taken.
func notSkipped() []engine.Status {
	return []engine.Status{engine.StatusPending, engine.StatusHeld, engine.StatusSucceeded, engine.StatusFailed, engine.StatusUnknown,
		engine.StatusCancelled}
}

// addTested adds the items of a test send in the order in which they were begun: since they take turns with their one
// recipient, that is the order of the messages.
func addTested(view *result.Run, items iter.Seq2[result.Item, error]) error {
	for item, err := range items {
		if err != nil {
			return err
		}
		view.Tested = append(view.Tested, item)
	}
	begun := func(item result.Item) time.Time {
		if len(item.Calls) == 0 || item.Calls[0].StartedAt == nil {
			return time.Unix(1<<40, 0) // nothing was sent for it
		}
		return *item.Calls[0].StartedAt
	}
	slices.SortStableFunc(view.Tested, func(a, b result.Item) int { return begun(a).Compare(begun(b)) })
	return nil
}

// mostReasons is how many reasons are shown.
const mostReasons = 5

// writeReasons says why items were skipped, the most frequent reasons first.
func writeReasons(b *strings.Builder, view result.Run) {
	left := view.Counts.Skipped
	for i, reason := range view.Skipped {
		if i == mostReasons {
			fmt.Fprintf(b, "           %d skipped for other reasons\n", left)
			return
		}
		fmt.Fprintf(b, "           %d skipped: %s\n", reason.Items, cmp.Or(reason.Reason, "no reason is known"))
		left -= reason.Items
	}
}

// mostTested is how many items of a test are shown.
const mostTested = mostTestRows

// writeTested says for which items of the list the messages of a test were.
func writeTested(b *strings.Builder, view result.Run) {
	title := "sent for"
	for i, item := range view.Tested {
		if i == mostTested {
			fmt.Fprintf(b, "           and %d more\n", len(view.Tested)-i)
			return
		}
		var parts []string
		if item.Row > 0 {
			parts = append(parts, fmt.Sprintf("row %d", item.Row))
		}
		parts = append(parts, item.Key)
		if item.Variant != "" {
			parts = append(parts, "variant "+item.Variant)
		}
		if item.Status != engine.StatusSucceeded {
			parts = append(parts, string(item.Status))
		}
		fmt.Fprintf(b, "%-10s %s\n", title, strings.Join(parts, ", "))
		title = ""
	}
}
