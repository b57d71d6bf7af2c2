package limit

import (
	"context"
	"time"

	"youmiflow/engine"
)

// enter brings the bucket to the present: it reads the bucket's own row when a slice begins, and every few seconds.
// That row holds the start of the latest slice that any process has entered, as Arrival, so that a clock that has
// stepped back opens no earlier one, not even after a restart; and the latest hold, as NotBefore.
func (b *bucket) enter(ctx context.Context, q query) error {
	b.clock = max(b.clock, q.now)
	k := b.pace.slice(b.clock)
	if b.looked != 0 && k == b.current && b.clock-b.looked < lookAgain {
		return nil
	}
	if err := b.look(ctx, 0); err != nil {
		return err
	}
	if k = b.pace.slice(b.clock); k > b.current || b.open == 0 {
		if err := b.carry(ctx, k); err != nil {
			return err
		}
		b.leave(k)
	}
	b.looked = b.clock
	return nil
}

// look reads the bucket's own row, and raises the hold in it.
func (b *bucket) look(ctx context.Context, until int64) error {
	entered := b.pace.start(b.pace.slice(b.clock))
	hold := until
	err := b.store.UpdateBucket(ctx, b.key, func(stored engine.Bucket) engine.Bucket {
		entered = max(entered, nanos(stored.Arrival))
		hold = max(until, nanos(stored.NotBefore))
		stored.Arrival = time.Unix(0, entered).UTC()
		if hold > 0 {
			stored.NotBefore = time.Unix(0, hold).UTC()
		}
		return stored
	})
	if err != nil {
		return err
	}
	b.clock, b.hold = max(b.clock, entered), max(b.hold, hold)
	return nil
}

// carry finds out how slice k begins, where its first moments could not have their burst for not knowing: it closes
// the slice before, which is over, and takes its arrival time on.
func (b *bucket) carry(ctx context.Context, k int64) error {
	b.carries = false
	if b.pace.credit == 0 || b.clock >= b.pace.start(k)+b.pace.credit {
		return nil
	}
	var last row
	begins := b.begins(k - 1)
	err := b.store.UpdateBucket(ctx, b.sliceKey(k-1), func(stored engine.Bucket) engine.Bucket {
		last = begins.read(stored)
		stored.NotBefore = time.Unix(0, b.pace.start(k)).UTC()
		return stored
	})
	if err != nil {
		return err
	}
	b.carried, b.carries = row{max(last.arrival, b.pace.start(k)), b.pace.start(k)}, true
	return nil
}

// leave makes k the current slice and forgets all before it.
func (b *bucket) leave(k int64) {
	b.changes++
	b.current, b.open = k, max(b.open, k)
	for i := range b.slices {
		if i < k {
			delete(b.slices, i)
		}
	}
	for _, w := range b.windows {
		w.forget(b.clock)
	}
}

// keepBack holds every call of the bucket back until then.
func (b *bucket) keepBack(ctx context.Context, now, until int64) error {
	if err := b.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer b.turn.Release(1)
	b.clock = max(b.clock, now)
	return b.look(ctx, until)
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
