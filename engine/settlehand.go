package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Settlement counts messages of which it was not known what became. An item of which no call is known counts as one: what
// it was sent after a backup was made.
type Settlement struct {
	Settled int
	Left    int // still unknown
}

// Doubt is what is still to be settled of a run.
type Doubt struct {
	Items    int
	Messages int // one at least for each item
}

// DoubtOf counts what is still to be settled of a run. An unknown call of an item that did not end as unknown is not: nothing
// follows from it.
func DoubtOf(ctx context.Context, ledger Ledger, run string) (Doubt, error) {
	var doubt Doubt
	next, stop := iter.Pull2(ledger.Calls(ctx, CallFilter{Run: run, States: []CallState{CallUnknown}}))
	defer stop()
	call, err, more := next()
	for item, problem := range ledger.Items(ctx, unknownItems(run)) {
		if problem != nil {
			return doubt, fmt.Errorf("reading the unknown items of run %s: %w", run, problem)
		}
		doubt.Items++
		of := 0
		for ; more && err == nil && call.Item <= item.ID; call, err, more = next() { // both are in the order of the items
			if call.Item == item.ID {
				of++
			}
		}
		if err != nil {
			return doubt, fmt.Errorf("reading the unknown calls of run %s: %w", run, err)
		}
		doubt.Messages += max(of, 1)
	}
	return doubt, nil
}

func unknownItems(run string) ItemFilter {
	return ItemFilter{Run: run, Statuses: []Status{StatusUnknown}, Root: true}
}

// UnknownItem finds an unknown item of a run by its key, else by its number, from 1. ErrNotFound when there is none.
func UnknownItem(ctx context.Context, ledger Ledger, run, wanted string) (Item, error) {
	number, _ := strconv.ParseInt(wanted, 10, 64)
	var byNumber Item
	for item, err := range ledger.Items(ctx, unknownItems(run)) {
		if err != nil {
			return item, err
		}
		if item.Key == wanted && item.Key != "" {
			return item, nil
		}
		if number > 0 && item.Sequence+1 == number {
			byNumber = item
		}
	}
	if byNumber.ID == 0 {
		return byNumber, fmt.Errorf("run %s has no unknown item %s: %w", run, wanted, ErrNotFound)
	}
	return byNumber, nil
}

// SettleItem settles every unknown call of an item as a person says, together. ErrNotUnknown when there is nothing to settle,
// also because somebody else has just done it.
func (e *Engine) SettleItem(ctx context.Context, item Item, sent bool, who string) (Settlement, error) {
	if item.Status != StatusUnknown {
		return Settlement{}, ErrNotUnknown
	}
	verdict := Verdict{Sent: sent, Note: who + " says so"}
	changes, calls, err := e.settledByHand(ctx, item, verdict)
	if err != nil {
		return Settlement{}, err
	}
	for _, call := range calls {
		changes = append(changes, settleAudit(e.Now(), item, call.Step, verdict, who))
	}
	if len(calls) == 0 {
		changes = append(changes, settleAudit(e.Now(), item, "", verdict, who))
	}
	if err := e.commit(ctx, changes...); err != nil {
		return Settlement{}, fmt.Errorf("settling item %q: %w", item.Key, err)
	}
	return Settlement{Settled: max(len(calls), 1)}, e.settledRun(ctx, item.Run)
}

// settledByHand are the changes by which all of an item is settled, and the calls that they settle.
func (e *Engine) settledByHand(ctx context.Context, item Item, verdict Verdict) ([]Change, []Call, error) {
	all, err := e.callsOf(ctx, item)
	if err != nil {
		return nil, nil, err
	}
	calls := slices.DeleteFunc(slices.Clone(all), func(call Call) bool { return call.State != CallUnknown })
	changes, err := e.settled(item, all, calls, verdict)
	return changes, calls, err
}

// settledAtOnce is how many items of a run are settled in one entry of the ledger, and settleTries how often they are read when
// somebody else settles some of them at the same time.
const (
	settledAtOnce = 200
	settleTries   = 100
)

// SettleAll settles every unknown message of a run as a person says. One audit row tells of all of them: it is kept with the
// first, so that nothing is settled without it. Another one follows only when somebody else has settled some meanwhile, or
// not all could be. Whoever comes second finds nothing, and is told so by Settled being 0.
func (e *Engine) SettleAll(ctx context.Context, run Run, sent bool, who string) (done Settlement, err error) {
	doubt, err := DoubtOf(ctx, e.Ledger, run.ID)
	if err != nil || doubt.Items == 0 {
		return done, err
	}
	verdict := Verdict{Sent: sent, Note: who + " says so"}
	audit := func(note string) AddAudit {
		return AddAudit{At: e.Now(), Who: who, Action: "settle", On: "run " + run.ID, Note: note}
	}
	first := []Change{audit(fmt.Sprintf("%s: all that was unknown, %d messages of %d items: %s", verdict.word(), doubt.Messages, doubt.Items, verdict.Note))}
	tries := 0
	for after := int64(0); ; {
		var settled int
		var last int64
		settled, last, err = e.settleSome(ctx, run, after, verdict, first)
		if tries++; errors.Is(err, ErrNotUnknown) && tries < settleTries {
			continue // somebody else has settled one of these: they are read again
		}
		if err != nil || last == 0 {
			break
		}
		done.Settled, after, first, tries = done.Settled+settled, last, nil, 0
	}
	if done.Settled > 0 && done.Settled != doubt.Messages {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, e.commit(ctx, audit(fmt.Sprintf("%s: %d of them in the end; the others were settled by somebody else meanwhile, or are left", verdict.word(), done.Settled))))
	}
	if err != nil {
		return done, fmt.Errorf("settling run %s: %w", run.ID, err)
	}
	return done, e.settledRun(ctx, run.ID)
}

// settleSome settles the next items after one, together with other changes. Last is the id of the last of them; 0: there are
// none any more.
func (e *Engine) settleSome(ctx context.Context, run Run, after int64, verdict Verdict, with []Change) (settled int, last int64, err error) {
	filter := unknownItems(run.ID)
	filter.AfterID, filter.Limit = after, settledAtOnce
	changes := with
	for item, err := range e.Ledger.Items(ctx, filter) {
		if err != nil {
			return 0, 0, fmt.Errorf("reading the unknown items: %w", err)
		}
		more, calls, err := e.settledByHand(ctx, item, verdict)
		if err != nil {
			return 0, 0, err
		}
		changes, last = append(changes, more...), item.ID
		settled += max(len(calls), 1)
	}
	if last == 0 {
		return 0, 0, nil
	}
	return settled, last, e.commit(ctx, changes...)
}
