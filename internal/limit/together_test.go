package limit

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// Two processes, with several calls each at once, over one store: what only the store can tell is right all the same.
func TestCapsRestsAndDaysHoldBetweenProcessesAtOnce(t *testing.T) {
	store := NewMemoryStore()
	shared := []*workflows.Limit{
		{Name: "account", Rate: perSecond(2), RestAfter: 7, RestMin: time.Minute, RestMax: 2 * time.Minute, WarmUp: []int{40, 60}, Daily: 500},
		customers(t, 2, 7*day, workflows.OverSkip),
	}
	var mu sync.Mutex
	var all []time.Time
	let := map[string]map[string]bool{}
	var wg sync.WaitGroup
	for worker := range 8 {
		if worker%4 == 0 {
			shared = slices.Clone(shared)
		}
		l := New(Config{Store: store, Shared: shared, Now: func() time.Time { return start }})
		wg.Go(func() {
			for i := range 60 {
				call := message(fmt.Sprint(i), fmt.Sprint(worker%4))
				slot, err := l.Reserve(t.Context(), call, nil)
				if capped := (*engine.CapError)(nil); errors.As(err, &capped) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if slot.Cap { // the other process has just counted this contact, for later
					continue
				}
				mu.Lock()
				all = append(all, slot.At)
				if let[call.Friend] == nil {
					let[call.Friend] = map[string]bool{}
				}
				let[call.Friend][call.Contact] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for friend, contacts := range let {
		require.LessOrEqual(t, len(contacts), 2, friend)
	}
	require.Len(t, let, 60)
	slices.SortFunc(all, time.Time.Compare)
	days, spell := map[int]int{}, 0
	for i, at := range all {
		if spell++; i > 0 && at.Sub(all[i-1]) >= time.Minute {
			spell = 1
		}
		require.LessOrEqual(t, spell, 7, "call %d", i)
		days[at.Day()]++
	}
	require.LessOrEqual(t, days[11], 40)
	require.LessOrEqual(t, days[12], 60)
}

// A call that has to look for another instant gives its share of the day back, also where others have taken theirs since.
func TestACallThatMovesLosesNothingOfTheDay(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "account", GapMin: time.Second, GapMax: time.Second, Hourly: 3, Daily: 3})
	var today []time.Time
	take := func(call engine.LimitedCall) {
		slot, err := l.Reserve(t.Context(), call, nil)
		require.NoError(t, err)
		if slot.At.Before(start.Add(time.Hour)) {
			today = append(today, slot.At)
		}
	}
	later, asked := start.Add(10*time.Minute), 0
	take(engine.LimitedCall{Earliest: func(at time.Time) time.Time {
		if asked++; asked < 2 {
			return at
		}
		if asked == 2 { // it has a slot by now
			take(engine.LimitedCall{})
		}
		return later
	}})
	take(engine.LimitedCall{})
	take(engine.LimitedCall{})
	require.Len(t, today, 3)
	require.Contains(t, today, later)
}
