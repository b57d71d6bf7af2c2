package limit

import (
	"context"
	"sync"
	"time"

	"youmiflow/engine"
)

// Store keeps buckets by key.
//
// A bucket all of whose times are more than 48 hours past may be deleted: it says nothing any more.
type Store interface {
	// UpdateBucket replaces the bucket by what change makes of it, as one step that nobody else's comes between, and
	// returns when that is durable. A key that is new comes as a bucket that has only its Key. Change may be called more
	// than once; the last time counts.
	UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error
}

// Reader is a Store that can be read, without a write: a frequency cap that is reached is found out sooner then, at the cost
// of nothing.
type Reader interface {
	// Bucket returns a bucket as it is kept; one that is not there has only its Key.
	Bucket(ctx context.Context, key string) (engine.Bucket, error)
}

// Kept is how long after its last instant a bucket must be kept.
const Kept = 48 * time.Hour

// MemoryStore keeps buckets in memory: for plans, and for tests. It is safe for concurrent use.
type MemoryStore struct {
	mu      sync.Mutex
	buckets map[string]engine.Bucket
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{buckets: map[string]engine.Bucket{}} }

// UpdateBucket implements Store. It only fails with ctx.
func (m *MemoryStore) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	bucket, ok := m.buckets[key]
	if !ok {
		bucket.Key = key
	}
	m.buckets[key] = change(bucket)
	return nil
}

// Bucket implements Reader. It only fails with ctx.
func (m *MemoryStore) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bucket, ok := m.buckets[key]
	if !ok {
		bucket.Key = key
	}
	return bucket, ctx.Err()
}

// Forget deletes what says nothing any more at now: a plan over months would otherwise keep every minute of them.
func (m *MemoryStore) Forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := now.Add(-Kept)
	for key, b := range m.buckets {
		if b.Arrival.Before(before) && b.NotBefore.Before(before) && b.Hour.Before(before) && b.Day.Before(before) {
			delete(m.buckets, key)
		}
	}
}
