package limit

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"youmiflow/engine"
)

// lookAgain is how long holds of other processes may go unseen.
const lookAgain = int64(5 * time.Second)

// bucket is one limit for one key, as this process sees it. Two of the same key do no harm: the store decides.
type bucket struct {
	key     string
	hash    uint64
	pace    pace
	caps    [2]int // an hour, a day
	store   Store
	windows []*window

	turn *semaphore.Weighted // first come, first served, and a wait that ends with its context

	clock   int64 // the latest time seen: a clock that steps back must not open the past again
	looked  int64 // clock when the bucket's own row was last read; 0: never
	hold    int64
	current int64 // slice of clock
	open    int64 // every slice before it is spent
	slices  map[int64]*slice
	carried row   // how the slice `current` begins, when that is known
	carries bool  // whether it is
	changes int64 // counts changes, so that none is undone that others have built on
}

// taken is a slot, and what it takes to give it back.
type taken struct {
	at      int64
	slice   int64
	undo    undo
	changes int64
	held    bool
}

// take takes the first slot from want on, and none that comes after until: then it answers with an instant that does, and
// that nothing comes before. It is the caller's turn, as with everything below.
func (b *bucket) take(ctx context.Context, now, want, until, gap int64) (taken, error) {
	if err := b.enter(ctx, now); err != nil {
		return taken{}, err
	}
	want = max(want, b.clock, b.hold)
	for {
		if want > until {
			return taken{at: want}, nil
		}
		k, at, err := b.find(ctx, want, until, gap)
		if err != nil {
			return taken{}, err
		}
		if at.at > until {
			return taken{at: at.at}, nil
		}
		if want, err = b.provide(ctx, at.at); err != nil {
			return taken{}, err
		}
		if want == at.at {
			return b.commit(k, at), nil
		}
	}
}

// provide asks the windows for a call at that instant; an answer other than it is when to try instead.
func (b *bucket) provide(ctx context.Context, at int64) (int64, error) {
	for _, w := range b.windows {
		next, err := w.provide(ctx, b.store, b.key, at)
		if err != nil || next != at {
			return next, err
		}
	}
	return at, nil
}

func (b *bucket) commit(k int64, at place) taken {
	b.changes++
	t := taken{at: at.at, slice: k, held: true}
	for _, w := range b.windows {
		w.use(at.at)
	}
	if !b.pace.none() {
		t.undo = b.slices[k].take(&b.pace, at, b.clock)
		b.advance()
	}
	t.changes = b.changes
	return t
}

// release gives a slot back that was not told to anybody. It is lost, which is the safe side, where others have built
// on it since.
func (b *bucket) release(t taken) {
	if t.changes != b.changes {
		return
	}
	b.changes++
	for _, w := range b.windows {
		w.putBack(t.at)
	}
	if s := b.slices[t.slice]; s != nil {
		s.putBack(t.undo)
	}
}

// find looks for the first instant from want on, in what this process has or else in the store. It looks no further than
// until.
func (b *bucket) find(ctx context.Context, want, until, gap int64) (int64, place, error) {
	if b.pace.none() {
		return 0, place{at: want}, nil
	}
	for k := max(b.pace.slice(want), b.open); ; k++ {
		if err := ctx.Err(); err != nil {
			return 0, place{}, err
		}
		from, s := max(want, b.pace.start(k)), b.at(k)
		if from > until {
			return k, place{at: from}, nil
		}
		if s.expire(&b.pace, b.clock) {
			b.changes++
		}
		if at, ok := s.find(&b.pace, from, gap); ok {
			return k, at, nil
		}
		if s.full {
			continue
		}
		late, err := b.acquire(ctx, k, s, from, until, gap)
		if err != nil || late > until {
			return k, place{at: late}, err
		}
		if at, ok := s.find(&b.pace, from, gap); ok {
			return k, at, nil
		}
	}
}

// at is slice k.
func (b *bucket) at(k int64) *slice {
	s := b.slices[k]
	if s == nil {
		s = &slice{}
		b.slices[k] = s
	}
	return s
}

// acquire takes more of slice k from the store. When the first instant it could have there comes after until, it takes
// nothing and answers with that, else with 0.
func (b *bucket) acquire(ctx context.Context, k int64, s *slice, want, until, gap int64) (late int64, err error) {
	var (
		next row
		got  lease
		own  *lease
		ok   bool
	)
	err = b.store.UpdateBucket(ctx, b.sliceKey(k), func(stored engine.Bucket) engine.Bucket {
		r := b.read(k, stored)
		own, late = nil, 0
		if s.known && s.row == r {
			own = &s.tail
		}
		if next, got, ok = b.pace.advance(k, r, own, want, gap); !ok {
			_, _, room := b.pace.advance(k, r, own, b.pace.start(k), b.pace.gapMin)
			s.full = !room
			return stored
		}
		if at, _ := b.pace.fit(got, want, gap); at > until {
			late = at
			return stored
		}
		return b.write(stored, next)
	})
	if err != nil || late > 0 {
		return late, err
	}
	b.changes++
	if ok {
		s.extend(&b.pace, next, got, own != nil)
	}
	return 0, nil
}

// read is a stored row, or how a slice begins that has none.
func (b *bucket) read(k int64, stored engine.Bucket) row {
	r := b.pace.fresh(k)
	if b.carries && k == b.current {
		r = b.carried
	}
	if !stored.Arrival.IsZero() {
		r.arrival = stored.Arrival.UnixNano()
	}
	if !stored.NotBefore.IsZero() {
		r.floor = stored.NotBefore.UnixNano()
	}
	return r
}

func (b *bucket) write(stored engine.Bucket, r row) engine.Bucket {
	stored.Arrival = time.Unix(0, r.arrival).UTC()
	if b.pace.gapMax > 0 {
		stored.NotBefore = time.Unix(0, r.floor).UTC()
	}
	return stored
}

func (b *bucket) sliceKey(k int64) string {
	return "@" + time.Unix(0, b.pace.start(k)).UTC().Format(time.RFC3339Nano) + "/" + time.Duration(b.pace.length).String() +
		" " + b.key
}

// advance leaves spent slices behind.
func (b *bucket) advance() {
	for s := b.slices[b.open]; s != nil && s.spent(&b.pace); s = b.slices[b.open] {
		delete(b.slices, b.open)
		b.open++
	}
}
