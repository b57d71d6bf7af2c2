package limit

import (
	"context"
	"time"

	"youmiflow/engine"
)

// Store keeps buckets by key.
//
// A bucket all of whose times are more than 48 hours past may be deleted: it says nothing any more. What must be kept for
// longer, such as the contacts of a frequency cap, has a NotBefore that says so.
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
