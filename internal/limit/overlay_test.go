package limit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// history is a store that can give everything at once, counts how it is asked, and fails when it is written to.
type history struct {
	*MemoryStore
	keys    []string
	reads   int
	streams int
	err     error
}

func (h *history) UpdateBucket(context.Context, string, func(engine.Bucket) engine.Bucket) error {
	return errors.New("a plan writes nothing")
}

func (h *history) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	h.reads++
	b, _ := h.get(key)
	return b, h.err
}

func (h *history) Buckets(context.Context) iter.Seq2[engine.Bucket, error] {
	h.streams++
	return func(yield func(engine.Bucket, error) bool) {
		for _, key := range h.keys {
			b, _ := h.get(key)
			if !yield(b, h.err) {
				return
			}
		}
	}
}

// seen is a store that notes its keys.
type seen struct {
	*MemoryStore
	keys map[string]bool
}

func (s seen) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	s.keys[key] = true
	return s.MemoryStore.UpdateBucket(ctx, key, change)
}

func TestOverlaySeesTheHistoryAndLeavesIt(t *testing.T) {
	shared := []*workflows.Limit{
		{Name: "account", By: program(t, "call.account", expression.String), Rate: perMinute(1), Daily: 3, WarmUp: []int{2, 3}},
		customers(t, 1, 7*day, workflows.OverSkip),
	}
	base := seen{NewMemoryStore(), map[string]bool{}}
	c := &clock{at: start}
	live := New(Config{Store: base, Shared: shared, Now: c.now})
	require.Equal(t, "0s", ask(t, live, message("x", "one")))

	past := &history{MemoryStore: base.MemoryStore}
	for key := range base.keys {
		past.keys = append(past.keys, key)
	}
	plan := New(Config{Store: NewOverlayStore(past), Shared: shared, Now: c.now})
	require.Equal(t, "customer skips until 168h0m0s", ask(t, plan, message("x", "two")))
	require.Equal(t, "account puts off to 1m0s", ask(t, plan, message("y", "two")))
	require.Equal(t, "account puts off to 13h59m30s", ask(t, plan, message("z", "two")), "two on the first day")
	require.Equal(t, "customer skips until 181h59m30s", ask(t, plan, message("z", "three")))
	require.Equal(t, "account puts off to 1m0s", ask(t, live, message("y", "two")), "a plan leaves everything")

	for i := range fewMisses {
		ask(t, plan, message(fmt.Sprint(i), "two"))
	}
	require.Equal(t, 1, past.streams)
	require.Less(t, past.reads, fewMisses+10)
	past.err = errors.New("gone")
	ask(t, plan, message("more", "two"))
	other := New(Config{Store: NewOverlayStore(past), Shared: shared, Now: c.now})
	_, err := other.Reserve(t.Context(), message("x", "two"), nil)
	require.ErrorIs(t, err, past.err)
}

func TestUsageTellsWhatIsLeft(t *testing.T) {
	l, c := fixture(
		&workflows.Limit{Name: "account", By: program(t, "call.account", expression.String), Rate: perMinute(2), Hourly: 30, Daily: 300,
			WarmUp: []int{20, 50}, RestAfter: 5, RestMin: 2 * time.Minute, RestMax: 2 * time.Minute},
		&workflows.Limit{Name: "reads", Match: program(t, `call.effect == "read"`, expression.Bool), Rate: perMinute(1)},
		&workflows.Limit{Name: "new", By: program(t, "call.account", expression.String), Max: 4, Per: day},
	)
	own := &workflows.Limit{Name: "slow", Scope: "vip", Rate: perMinute(1)}
	for i := range 3 {
		ask(t, l, message("x", fmt.Sprint(i)))
	}
	require.NoError(t, l.Hold(t.Context(), message("x", ""), nil, start.Add(5*time.Minute)))
	c.add(time.Minute)
	fresh := New(Config{Store: NewOverlayStore(l.config.Store.(Reader)), Shared: l.config.Shared, Now: c.now})
	for range 2 {
		all, err := fresh.Usage(t.Context(), engine.LimitedCall{Account: "a", Effect: workflows.EffectMessage}, []*workflows.Limit{own})
		require.NoError(t, err)
		require.Equal(t, []Usage{
			{Limit: "account", Hour: Count{3, 30}, Day: Count{3, 20}, WarmUpDay: 1, Spell: Count{3, 5}, Held: start.Add(5 * time.Minute), Next: start.Add(5 * time.Minute)},
			{Limit: "new", Contacts: Count{3, 4}, Next: start.Add(time.Minute)},
			{Limit: "slow", Scope: "vip", Next: start.Add(time.Minute)},
		}, all)
	}
	ask(t, l, message("x", "four"))
	all, err := fresh.Usage(t.Context(), engine.LimitedCall{Account: "a", Effect: workflows.EffectMessage}, nil)
	require.NoError(t, err)
	require.Len(t, all, 2, "what was read stays as it was")
	require.Equal(t, 3, all[1].Contacts.Used)
}
