package limit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"youmiflow/engine"
)

// stop is a bucket that a call passes.
type stop struct {
	rule   *rule
	bucket *bucket
	gap    int64
	slot   taken
}

// passage is a call on its way through the buckets.
type passage struct {
	call engine.LimitedCall
	way
	now     int64
	from    int64  // the first instant at which it may leave
	until   int64  // the last instant at which it may leave
	delay   int64  // the furthest that anything has put it off
	delayed string // the limit that did; "": what it may leave at
	rule    engine.Rule
}

// run finds an instant that suits all buckets, and takes it in each. A bucket that cannot have the call as early as those
// before it moves the instant on; these give back what they gave, and give what suits then. The slowest bucket comes first,
// so that it mostly decides and the others follow.
func (p *passage) run(ctx context.Context) (int64, error) {
	at, alone := p.move(p.now, p.open(p.from), "", ""), false
	for round := 0; ; round++ {
		if round == patience && len(p.stops) > 1 {
			if err := lock(ctx, p.stops); err != nil {
				giveBack(ctx, p.stops, false)
				return 0, err
			}
			defer unlock(p.stops)
			alone = true
		}
		next, agreed, err := p.round(ctx, at, alone)
		if err == nil && next > p.until {
			err = &engine.LateError{At: time.Unix(0, next).UTC(), Limit: p.delayed}
		}
		if err != nil {
			giveBack(ctx, p.stops, alone)
			return 0, err
		}
		if at = next; !agreed {
			continue
		}
		if next, err = p.settle(ctx, at, alone); err != nil {
			giveBack(ctx, p.stops, alone)
			return 0, err
		}
		if next == at {
			return at, nil
		}
		at = next
	}
}

// round asks each bucket once, and reports whether all of them have agreed to the instant.
func (p *passage) round(ctx context.Context, at int64, alone bool) (int64, bool, error) {
	agreed := true
	for i := range p.stops {
		s := &p.stops[i]
		if at > p.until {
			return at, false, nil
		}
		if (s.slot.held || p.call.Peek) && s.slot.at == at {
			continue
		}
		if err := s.take(ctx, p, at, alone); err != nil {
			return at, false, s.rule.failed(err)
		}
		agreed = agreed && (s.slot.at == at || i == 0)
		at = p.move(at, s.slot.at, s.rule.limit.Name, s.slot.rule)
		if opens := p.open(at); opens != at {
			agreed, at = false, p.move(at, opens, "", "")
		}
	}
	return at, agreed, nil
}

// settle has the buckets count the call towards their rest, or answers with another instant where one has learned better.
func (p *passage) settle(ctx context.Context, at int64, alone bool) (int64, error) {
	if p.call.Peek {
		return at, nil
	}
	for i := range p.stops {
		s := &p.stops[i]
		if s.rule.rest.after == 0 {
			continue
		}
		next, err := s.settle(ctx, p, at, alone)
		if err != nil {
			return 0, s.rule.failed(err)
		}
		if next != at {
			return p.move(at, next, s.rule.limit.Name, engine.RuleRest), nil
		}
	}
	return at, nil
}

func (s *stop) settle(ctx context.Context, p *passage, at int64, alone bool) (int64, error) {
	if !alone {
		if err := s.bucket.turn.Acquire(ctx, 1); err != nil {
			return 0, err
		}
		defer s.bucket.turn.Release(1)
	}
	return s.bucket.tire(ctx, at, p.now, s.rule.rest.draw(p.call.Seed, s.bucket.hash))
}

// begin counts the day of the call where a bucket warms up: now that nothing refuses it any more, that day is used.
func (p *passage) begin(ctx context.Context, at int64) error {
	for i := range p.stops {
		s := &p.stops[i]
		if p.call.Peek || len(s.rule.warm) == 0 {
			continue
		}
		if err := s.bucket.turn.Acquire(ctx, 1); err != nil {
			return err
		}
		err := s.bucket.warmed(ctx, at)
		s.bucket.turn.Release(1)
		if err != nil {
			return s.rule.failed(err)
		}
	}
	return nil
}

// open is the first instant from another on at which the call itself may leave. An answer of its own that lies before the
// question is none.
func (p *passage) open(at int64) int64 {
	if p.call.Earliest == nil {
		return at
	}
	return max(at, p.call.Earliest(time.Unix(0, at).UTC()).UnixNano())
}

// move notes who has put the call off.
func (p *passage) move(at, next int64, by string, rule engine.Rule) int64 {
	if next-at > p.delay {
		p.delay, p.delayed, p.rule = next-at, by, rule
	}
	return next
}

// patience is how many rounds a call looks for its instant while others use the same buckets. Slots that it gives back
// are lost where others were quicker, so that two calls could drive each other on for ever; after that it has the
// buckets to itself.
const patience = 4

// take gives the slot back that the call had in the bucket, and takes the first one from want on. One after p.until is not
// taken.
func (s *stop) take(ctx context.Context, p *passage, want int64, alone bool) error {
	s.release(ctx, alone)
	if !alone {
		if err := s.bucket.turn.Acquire(ctx, 1); err != nil {
			return err
		}
		defer s.bucket.turn.Release(1)
	}
	slot, err := s.bucket.take(ctx, want, query{now: p.now, until: p.until, gap: s.gap, peek: p.call.Peek, priority: p.call.Priority})
	s.slot = slot
	return err
}

// release gives a slot back. It is lost, which is the safe side, where ctx ends the wait for the bucket.
func (s *stop) release(ctx context.Context, alone bool) {
	if !s.slot.held {
		return
	}
	s.slot.held = false
	if !alone {
		if err := s.bucket.turn.Acquire(ctx, 1); err != nil {
			return
		}
		defer s.bucket.turn.Release(1)
	}
	s.bucket.release(s.slot)
}

func giveBack(ctx context.Context, stops []stop, alone bool) {
	for i := range stops {
		stops[i].release(ctx, alone)
	}
}

// lock waits for the turn of every bucket, in the order of their keys, so that no two calls wait for each other.
func lock(ctx context.Context, stops []stop) error {
	order := byKey(stops)
	for i, b := range order {
		if err := b.turn.Acquire(ctx, 1); err != nil {
			for _, locked := range order[:i] {
				locked.turn.Release(1)
			}
			return err
		}
	}
	return nil
}

func unlock(stops []stop) {
	for _, s := range stops {
		s.bucket.turn.Release(1)
	}
}

func byKey(stops []stop) []*bucket {
	buckets := make([]*bucket, len(stops))
	for i, s := range stops {
		buckets[i] = s.bucket
	}
	slices.SortFunc(buckets, func(a, b *bucket) int { return cmp.Compare(a.key, b.key) })
	return buckets
}
