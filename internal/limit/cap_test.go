package limit

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// customers is a frequency cap.
func customers(t testing.TB, most int, per time.Duration, over workflows.Over) *workflows.Limit {
	return &workflows.Limit{Name: "customer", By: program(t, `call.account + "/" + call.friend`, expression.String), Max: most, Per: per, Over: over}
}

func message(friend, contact string) engine.LimitedCall {
	return engine.LimitedCall{Account: "a", Friend: friend, Effect: workflows.EffectMessage, Contact: contact}
}

// ask reserves, and says what came of it, counted from start.
func ask(t testing.TB, l *Limiter, call engine.LimitedCall) string {
	t.Helper()
	slot, err := l.Reserve(t.Context(), call, nil)
	if capped := (*engine.CapError)(nil); errors.As(err, &capped) {
		return fmt.Sprintf("%s skips until %s", capped.Limit, capped.Until.Sub(start))
	}
	if late := (*engine.LateError)(nil); errors.As(err, &late) {
		return fmt.Sprintf("%s too late at %s", late.Limit, late.At.Sub(start))
	}
	require.NoError(t, err)
	if slot.Cap {
		return fmt.Sprintf("%s holds until %s", slot.Limit, slot.At.Sub(start))
	}
	if slot.Limit != "" {
		return fmt.Sprintf("%s puts off to %s", slot.Limit, slot.At.Sub(start))
	}
	return slot.At.Sub(start).String()
}

func TestFrequencyCapCountsContactsAndSlides(t *testing.T) {
	l, c := fixture(customers(t, 2, 24*hour, ""))
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	require.Equal(t, "0s", ask(t, l, message("x", "one")), "however many messages")
	c.add(hour)
	require.Equal(t, "1h0m0s", ask(t, l, message("x", "two")))
	require.Equal(t, "customer holds until 24h0m0s", ask(t, l, message("x", "three")))
	require.Equal(t, "1h0m0s", ask(t, l, message("y", "three")), "somebody else")
	c.add(hour)
	require.Equal(t, "2h0m0s", ask(t, l, message("x", "one")), "one that has begun goes on, and counts from its latest message")
	require.Equal(t, "customer holds until 25h0m0s", ask(t, l, message("x", "three")))
	c.add(23 * hour)
	require.Equal(t, "25h0m0s", ask(t, l, message("x", "three")))
	require.Equal(t, "customer holds until 26h0m0s", ask(t, l, message("x", "")))
	c.add(hour)
	require.Equal(t, "26h0m0s", ask(t, l, message("x", "")))
	require.Equal(t, "customer holds until 49h0m0s", ask(t, l, message("x", "")), "without an item each call is a contact")
}

func TestFrequencyCapThatSkips(t *testing.T) {
	l, c := fixture(customers(t, 1, 7*day, workflows.OverSkip))
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	c.add(day)
	require.Equal(t, "customer skips until 168h0m0s", ask(t, l, message("x", "two")))
	require.Equal(t, "24h0m0s", ask(t, l, message("x", "one")))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	require.Equal(t, "customer skips until 192h0m0s", ask(t, again, message("x", "two")), "over a restart")
	require.Equal(t, "24h0m0s", ask(t, again, message("x", "one")), "over a restart")
}

func TestFrequencyCapTakesNoSlotOfOthers(t *testing.T) {
	l, c := fixture(customers(t, 1, day, ""), &workflows.Limit{Name: "tenant", Rate: perMinute(1)})
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	for i := range 10 {
		require.Equal(t, "customer holds until 24h0m0s", ask(t, l, message("x", fmt.Sprint("more", i))))
	}
	require.Equal(t, "tenant puts off to 1m0s", ask(t, l, message("y", "one")))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared, Now: c.now})
	require.Equal(t, "tenant puts off to 2m0s", ask(t, again, message("z", "one")), "nor over a restart")
}

func TestContactThatWasToLeaveLaterIsNotRefusedAfterARestart(t *testing.T) {
	l, c := fixture(customers(t, 1, day, workflows.OverSkip), &workflows.Limit{Name: "tenant", Rate: perMinute(1)})
	ask(t, l, message("x", "one"))
	require.Equal(t, "tenant puts off to 1m0s", ask(t, l, message("y", "two")))
	again := New(Config{Store: l.config.Store, Shared: l.config.Shared[:1], Now: c.now})
	require.Equal(t, "1m0s", ask(t, again, message("y", "two")), "when it was to leave")
}

func TestOnlyMessagesAreCappedAndNotThoseOfATest(t *testing.T) {
	l, _ := fixture(customers(t, 1, day, ""))
	test, read, end := message("x", "test"), message("x", "read"), message("x", "end")
	test.Uncapped, read.Effect, end.Effect = true, workflows.EffectRead, workflows.EffectIdempotent
	for range 3 {
		require.Equal(t, "0s", ask(t, l, test))
		require.Equal(t, "0s", ask(t, l, read))
		require.Equal(t, "0s", ask(t, l, end), "a conversation can always be handed back")
	}
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	require.Equal(t, "0s", ask(t, l, test))
	require.Equal(t, "0s", ask(t, l, read))
	require.Equal(t, "0s", ask(t, l, end))
}

// nights lets calls leave between 10:30 and 11:00 of each day, and start is 10:00:30.
func nights(at time.Time) time.Time {
	opens := at.Truncate(day).Add(10*hour + 30*time.Minute)
	switch {
	case at.Before(opens):
		return opens
	case at.Before(opens.Add(30 * time.Minute)):
		return at
	}
	return opens.Add(day)
}

func TestEarliestIsOneMoreLimit(t *testing.T) {
	l, _ := fixture(&workflows.Limit{Name: "tenant", Rate: workflows.Rate{Count: 6, Per: time.Hour}})
	call := engine.LimitedCall{Earliest: nights}
	require.Equal(t, "29m30s", ask(t, l, call), "no limit, but the call itself")
	require.Equal(t, "39m30s", ask(t, l, call))
	require.Equal(t, "49m30s", ask(t, l, call))
	require.Equal(t, "24h29m30s", ask(t, l, call), "11:00 is too late")
	require.Equal(t, "0s", ask(t, l, engine.LimitedCall{}), "what the window passed over is for the others")
	call.Earliest = func(time.Time) time.Time { return time.Time{} }
	require.Equal(t, "tenant puts off to 10m0s", ask(t, l, call), "an answer that lies before the question is none")
}

func TestUntilTakesNothing(t *testing.T) {
	store := &countingStore{MemoryStore: NewMemoryStore()}
	l := New(Config{Store: store, Now: func() time.Time { return start }, Shared: []*workflows.Limit{
		{Name: "tenant", Rate: perMinute(1)},
		{Name: "account", Match: program(t, `call.account == "a"`, expression.Bool), Daily: 1},
		customers(t, 1, 7*day, ""),
	}})
	by := func(account string, d time.Duration, contact string) engine.LimitedCall {
		return engine.LimitedCall{Account: account, Friend: "x", Effect: workflows.EffectMessage, Contact: contact, Until: start.Add(d)}
	}
	require.Equal(t, "0s", ask(t, l, by("a", 0, "one")), "the last instant is in time")
	require.Equal(t, "tenant too late at 1m0s", ask(t, l, by("b", 59*time.Second, "one")))
	require.Equal(t, "customer too late at 168h0m0s", ask(t, l, by("a", day, "two")))
	require.Equal(t, "account too late at 13h59m30s", ask(t, l, by("a", hour, "one")))
	require.Equal(t, "tenant puts off to 1m0s", ask(t, l, by("b", time.Minute, "one")))
	night := by("b", 20*time.Minute, "one")
	night.Earliest = nights
	require.Equal(t, " too late at 29m30s", ask(t, l, night))
	require.Equal(t, "tenant puts off to 2m0s", ask(t, l, by("c", hour, "one")))
}

func TestWhatStillSaysSomethingIsNotForgotten(t *testing.T) {
	byAccount := program(t, "call.account", expression.String)
	l, c := fixture(customers(t, 1, 7*day, ""), &workflows.Limit{Name: "account", By: byAccount, WarmUp: []int{1}, RestAfter: 1, RestMin: 4 * day, RestMax: 4 * day})
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	c.add(3 * day)
	store := l.config.Store.(*MemoryStore)
	store.due = 0
	store.Forget(c.now())
	again := New(Config{Store: store, Shared: l.config.Shared, Now: c.now})
	require.Equal(t, "customer holds until 168h0m0s", ask(t, again, message("x", "two")))
	require.Equal(t, "account puts off to 96h0m0s", ask(t, again, message("y", "two")))
	require.Equal(t, []int64{20261111}, again.buckets["account=a"].warm.days)
	c.add(20 * day)
	store.due = 0
	store.Forget(c.now())
	require.Len(t, store.plain, 1, "the day of the warm-up")
}

// noReader hides that a store can be read.
type noReader struct{ Store }

func TestCapsHoldOverAStoreThatCannotBeRead(t *testing.T) {
	l := New(Config{Store: noReader{NewMemoryStore()}, Now: func() time.Time { return start }, Shared: []*workflows.Limit{
		customers(t, 1, day, ""), {Name: "daily", By: program(t, "call.friend", expression.String), Max: 2, Per: hour},
	}})
	require.Equal(t, "0s", ask(t, l, message("x", "one")))
	require.Equal(t, "customer holds until 24h0m0s", ask(t, l, message("x", "two")))
	other := message("x", "three")
	other.Account = "b"
	require.Equal(t, "0s", ask(t, l, other), "what one cap refuses is not counted by the other")
	other.Account, other.Contact = "c", "four"
	require.Equal(t, "daily holds until 1h0m0s", ask(t, l, other))
	other.Friend = "y"
	require.Equal(t, "0s", ask(t, l, other), "nor the other way round")
}

func TestCapOfAStateThatCannotBeReadIsAnError(t *testing.T) {
	l, _ := fixture(customers(t, 1, day, ""))
	store := l.config.Store
	require.NoError(t, store.UpdateBucket(context.Background(), "@contacts customer=a/x", func(b engine.Bucket) engine.Bucket {
		b.State = []byte{0, 1, 2}
		return b
	}))
	_, err := l.Reserve(t.Context(), message("x", "one"), nil)
	require.ErrorIs(t, err, errState)
	require.ErrorContains(t, err, `limit "customer"`)
}
