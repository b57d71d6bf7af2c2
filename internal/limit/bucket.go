package limit

import (
	"context"
	"sync/atomic"
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
	rule    *rule
	pace    pace
	store   Store
	windows []*window // an hour, a day
	warm    warmUp
	rested  spells // as far as this process knows

	first precedence

	again *acquiring // nil: a new one each time

	location *time.Location

	turn *semaphore.Weighted // first come, first served, and a wait that ends with its context

	latest  atomic.Int64 // the last slot given
	clock   int64        // the latest time seen: a clock that steps back must not open the past again
	looked  int64        // clock when the bucket's own row was last read; 0: never
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
	first   precedence // before
	changes int64
	held    bool
	rule    engine.Rule // that put it off furthest
}

// query is what a call asks of a bucket.
type query struct {
	now   int64
	until int64 // the last instant that does
	gap   int64 // after the call
	peek  bool  // takes nothing

	priority int
}

// take takes the first slot from want on, and none that comes after until: then it answers with an instant that does, and
// that nothing comes before. It is the caller's turn, as with everything below.
func (b *bucket) take(ctx context.Context, want int64, q query) (taken, error) {
	if err := b.enter(ctx, q); err != nil {
		return taken{}, err
	}
	asked := want
	want = b.yield(max(want, b.clock, b.hold), q.priority)
	furthest, by := want-asked, engine.Rule("")
	for {
		if want > q.until {
			return taken{at: want}, nil
		}
		k, at, err := b.find(ctx, want, q)
		if err != nil {
			return taken{}, err
		}
		if at.at > q.until {
			return taken{at: at.at}, nil
		}
		if at.at-want > furthest {
			furthest, by = at.at-want, ""
		}
		var rule engine.Rule
		if want, rule, err = b.provide(ctx, at.at, q.peek); err != nil {
			return taken{}, err
		}
		if want == at.at {
			if q.peek {
				return taken{at: want, rule: by}, nil
			}
			slot := b.commit(k, at, q.priority)
			slot.rule = by
			return slot, nil
		}
		if want-at.at > furthest {
			furthest, by = want-at.at, rule
		}
	}
}

// provide asks the rest and the windows for a call at that instant; an answer other than it is when to try instead, and
// which of them says so.
func (b *bucket) provide(ctx context.Context, at int64, peek bool) (int64, engine.Rule, error) {
	if b.rule.rest.after > 0 {
		if peek { // others' calls are learned of when one is counted, which this is not
			if err := b.recall(ctx); err != nil {
				return 0, "", err
			}
		}
		if next, _, _ := b.rule.rest.admit(&b.rested, at); next != at {
			return next, engine.RuleRest, nil
		}
	}
	for _, w := range b.windows {
		next, err := w.provide(ctx, b, at, peek)
		if err != nil || next != at {
			return next, w.rule(b), err
		}
	}
	return at, "", nil
}

// recall reads what calls there were since the last rest.
func (b *bucket) recall(ctx context.Context) error {
	stored, err := b.view(ctx, "@rest "+b.key)
	if err != nil {
		return err
	}
	return b.rested.read(stored.State)
}

// view reads a bucket, without a write where the store can do that.
func (b *bucket) view(ctx context.Context, key string) (engine.Bucket, error) {
	if from, ok := b.store.(Reader); ok {
		return from.Bucket(ctx, key)
	}
	var seen engine.Bucket
	err := b.store.UpdateBucket(ctx, key, func(stored engine.Bucket) engine.Bucket {
		seen = stored
		return stored
	})
	if err != nil {
		return engine.Bucket{}, err
	}
	return seen, nil
}

func (b *bucket) commit(k int64, at place, priority int) taken {
	b.changes++
	b.latest.Store(max(b.latest.Load(), at.at))
	t := taken{at: at.at, slice: k, first: b.first, held: true}
	b.precede(at.at, priority)
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

// release gives a slot back that was not told to anybody. Its place is lost, which is the safe side, where others have
// built on it since; its share of an hour or a day is not, since that is only counted.
func (b *bucket) release(t taken) {
	for _, w := range b.windows {
		w.putBack(t.at)
	}
	if t.changes != b.changes {
		return
	}
	b.changes++
	b.first = t.first
	if s := b.slices[t.slice]; s != nil {
		s.putBack(t.undo)
	}
}

// find looks for the first instant from want on, in what this process has or else in the store. It looks no further than
// until. A peek finds what the store would give, and leaves it there.
func (b *bucket) find(ctx context.Context, want int64, q query) (int64, place, error) {
	if b.pace.none() {
		return 0, place{at: want}, nil
	}
	for k := max(b.pace.slice(want), b.open); ; k++ {
		if err := ctx.Err(); err != nil {
			return 0, place{}, err
		}
		from, s := max(want, b.pace.start(k)), b.at(k)
		if from > q.until {
			return k, place{at: from}, nil
		}
		if s.expire(&b.pace, b.clock) {
			b.changes++
		}
		if at, ok := s.find(&b.pace, from, q.gap); ok {
			return k, at, nil
		}
		if s.full {
			continue
		}
		left, err := b.acquire(ctx, k, s, from, q)
		if err != nil || left > 0 {
			return k, place{at: left}, err
		}
		if at, ok := s.find(&b.pace, from, q.gap); ok {
			return k, at, nil
		}
	}
}

// at is slice k.
func (b *bucket) at(k int64) *slice {
	s := b.slices[k]
	if s == nil {
		s = &slice{key: b.sliceKey(k)}
		b.slices[k] = s
	}
	return s
}

// advance leaves spent slices behind.
func (b *bucket) advance() {
	for s := b.slices[b.open]; s != nil && s.spent(&b.pace); s = b.slices[b.open] {
		delete(b.slices, b.open)
		b.open++
	}
}
