package limit

import (
	"context"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"youmiflow/engine"
)

// MemoryStore keeps buckets in memory: for plans, and for tests. It is safe for concurrent use. It keeps a hash of 128 bits
// in place of each key, so that a million customers with a frequency cap take about 100 bytes each.
type MemoryStore struct {
	first, second maphash.Seed

	mu    sync.Mutex
	full  map[hashed]memory
	plain map[hashed]plainMemory
	due   int // Forget has nothing to gain while there are fewer
}

type hashed struct{ first, second uint64 }

// memory is a bucket without what it does not take: zones, and its key.
type memory struct {
	arrival, notBefore, hour, day int64
	hourCount, dayCount           int32
	state                         []byte
}

// plainMemory is a bucket that has nothing else.
type plainMemory struct {
	notBefore int64
	state     []byte
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{
		first: maphash.MakeSeed(), second: maphash.MakeSeed(),
		full: map[hashed]memory{}, plain: map[hashed]plainMemory{}, due: mostBuckets,
	}
}

// UpdateBucket implements Store. It only fails with ctx.
func (m *MemoryStore) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	h := m.hash(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	before, _ := m.load(h)
	before.Key = key
	m.save(h, change(before))
	return nil
}

// Bucket implements Reader. It only fails with ctx.
func (m *MemoryStore) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	b, _ := m.get(key)
	return b, ctx.Err()
}

func (m *MemoryStore) get(key string) (engine.Bucket, bool) {
	h := m.hash(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.load(h)
	b.Key = key
	return b, ok
}

// put keeps a bucket unless there is one of its key already.
func (m *MemoryStore) put(b engine.Bucket) {
	h := m.hash(b.Key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.load(h); !ok {
		m.save(h, b)
	}
}

func (m *MemoryStore) hash(key string) hashed {
	return hashed{maphash.String(m.first, key), maphash.String(m.second, key)}
}

func (m *MemoryStore) load(h hashed) (engine.Bucket, bool) {
	if b, ok := m.full[h]; ok {
		return engine.Bucket{
			Arrival: instant(b.arrival), NotBefore: instant(b.notBefore), Hour: instant(b.hour), Day: instant(b.day),
			HourCount: int(b.hourCount), DayCount: int(b.dayCount), State: b.state,
		}, true
	}
	b, ok := m.plain[h]
	return engine.Bucket{NotBefore: instant(b.notBefore), State: b.state}, ok
}

func (m *MemoryStore) save(h hashed, b engine.Bucket) {
	if b.Arrival.IsZero() && b.Hour.IsZero() && b.Day.IsZero() && b.HourCount == 0 && b.DayCount == 0 {
		delete(m.full, h)
		m.plain[h] = plainMemory{nanos(b.NotBefore), b.State}
		return
	}
	delete(m.plain, h)
	m.full[h] = memory{
		arrival: nanos(b.Arrival), notBefore: nanos(b.NotBefore), hour: nanos(b.Hour), day: nanos(b.Day),
		hourCount: int32(min(b.HourCount, math.MaxInt32)), dayCount: int32(min(b.DayCount, math.MaxInt32)), state: b.State,
	}
}

// Forget deletes what says nothing any more at now: a plan over months would otherwise keep every minute of them. It costs
// little when it is called often.
func (m *MemoryStore) Forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.full)+len(m.plain) < m.due {
		return
	}
	before := now.Add(-Kept).UnixNano()
	for h, b := range m.full {
		if max(b.arrival, b.notBefore, b.hour, b.day) < before {
			delete(m.full, h)
		}
	}
	for h, b := range m.plain {
		if b.notBefore < before {
			delete(m.plain, h)
		}
	}
	m.due = max(mostBuckets, 2*(len(m.full)+len(m.plain)))
}

func instant(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
