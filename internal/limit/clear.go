package limit

import (
	"context"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// Clear frees the limits of a call from what lies in the future and is no count: a hold that the platform asked for, and
// where a clock that ran ahead has pushed the bucket to. What was counted stays. Other processes that have the bucket in
// memory go on as they were until they start again.
func (l *Limiter) Clear(ctx context.Context, call engine.LimitedCall, own []*workflows.Limit) error {
	var on way
	if err := l.way(&on, &call, own); err != nil {
		return err
	}
	now := l.config.Now().UTC()
	for _, s := range on.stops {
		err := l.config.Store.UpdateBucket(ctx, s.bucket.key, func(stored engine.Bucket) engine.Bucket {
			if stored.Arrival.After(now) {
				stored.Arrival = now
			}
			if stored.NotBefore.After(now) {
				stored.NotBefore = time.Time{}
			}
			return stored
		})
		if err != nil {
			return s.rule.failed(err)
		}
		l.mu.Lock()
		delete(l.buckets, s.bucket.key)
		l.mu.Unlock()
	}
	return nil
}
