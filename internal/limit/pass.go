package limit

import (
	"cmp"
	"context"
	"slices"
)

// stop is a bucket that a call passes.
type stop struct {
	rule   *rule
	bucket *bucket
	gap    int64
	slot   taken
}

// pass finds an instant that suits all buckets, and takes it in each. A bucket that cannot have the call as early as
// those before it moves the instant on; these give back what they gave, and give what suits then. The slowest bucket
// comes first, so that it mostly decides and the others follow.
func pass(ctx context.Context, stops []stop, now int64) (int64, error) {
	at, alone := now, false
	for round := 0; ; round++ {
		if round == patience && len(stops) > 1 {
			if err := lock(ctx, stops); err != nil {
				giveBack(ctx, stops, false)
				return 0, err
			}
			defer unlock(stops)
			alone = true
		}
		agreed := true
		for i := range stops {
			s := &stops[i]
			if s.slot.held && s.slot.at == at {
				continue
			}
			if err := s.take(ctx, now, at, alone); err != nil {
				giveBack(ctx, stops, alone)
				return 0, s.rule.failed(err)
			}
			agreed = agreed && (s.slot.at == at || i == 0)
			at = s.slot.at
		}
		if agreed {
			return at, nil
		}
	}
}

// patience is how many rounds a call looks for its instant while others use the same buckets. Slots that it gives back
// are lost where others were quicker, so that two calls could drive each other on for ever; after that it has the
// buckets to itself.
const patience = 4

// take gives the slot back that the call had in the bucket, and takes the first one from want on.
func (s *stop) take(ctx context.Context, now, want int64, alone bool) error {
	s.release(ctx, alone)
	if !alone {
		if err := s.bucket.turn.Acquire(ctx, 1); err != nil {
			return err
		}
		defer s.bucket.turn.Release(1)
	}
	slot, err := s.bucket.take(ctx, now, want, s.gap)
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
