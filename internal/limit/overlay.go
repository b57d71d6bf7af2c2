package limit

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"youmiflow/engine"
)

// OverlayStore reads what another store keeps, and writes to memory only: a plan sees the history of the limits, and
// leaves it as it is. What changes below it after it was read is not seen. It is safe for concurrent use.
type OverlayStore struct {
	base   Reader
	memory *MemoryStore

	mu     sync.Mutex
	misses int
	whole  bool // all of base has been read
}

// allBuckets is a Reader that can give everything at once.
type allBuckets interface {
	// Buckets gives every bucket, in any order. An error is the last it gives.
	Buckets(ctx context.Context) iter.Seq2[engine.Bucket, error]
}

// fewMisses is how many buckets are read one by one, before all are read at once where the base can do that: a plan over a
// million customers asks for a million.
const fewMisses = 2_000

// NewOverlayStore returns a store over base.
func NewOverlayStore(base Reader) *OverlayStore {
	return &OverlayStore{base: base, memory: NewMemoryStore()}
}

// UpdateBucket implements Store. It fails when the base cannot be read.
func (o *OverlayStore) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	if err := o.fetch(ctx, key); err != nil {
		return err
	}
	return o.memory.UpdateBucket(ctx, key, change)
}

// Bucket implements Reader.
func (o *OverlayStore) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	if err := o.fetch(ctx, key); err != nil {
		return engine.Bucket{}, err
	}
	return o.memory.Bucket(ctx, key)
}

// Forget lets what is over go, but only what was written here: what the base has is asked for again.
func (o *OverlayStore) Forget(now time.Time) { o.memory.Forget(now) }

// fetch brings a bucket into memory, unless it is there.
func (o *OverlayStore) fetch(ctx context.Context, key string) error {
	if _, ok := o.memory.get(key); ok {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.whole {
		return nil
	}
	if o.misses++; o.misses > fewMisses {
		if all, ok := o.base.(allBuckets); ok {
			return o.fetchAll(ctx, all)
		}
	}
	stored, err := o.base.Bucket(ctx, key)
	if err != nil {
		return err
	}
	stored.Key = key
	o.memory.put(stored)
	return nil
}

func (o *OverlayStore) fetchAll(ctx context.Context, all allBuckets) error {
	for stored, err := range all.Buckets(ctx) {
		if err != nil {
			return fmt.Errorf("reading what the limits have counted: %w", err)
		}
		o.memory.put(stored)
	}
	o.whole = true
	return nil
}
