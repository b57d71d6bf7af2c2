package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"time"

	"youmiflow/engine"
)

const (
	bucketColumns = `arrival, not_before, hour, hour_count, day, day_count, state`
	selectBucket  = `SELECT ` + bucketColumns + ` FROM bucket WHERE name = ?`
)

// PruneBuckets forgets the buckets all of whose times lie before that instant, whatever their counts and State: a limiter
// that still needs one sets NotBefore accordingly.
func (l *Ledger) PruneBuckets(ctx context.Context, before time.Time) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		nanos := before.UnixNano()
		_, err := g.exec(`DELETE FROM bucket WHERE arrival < ? AND not_before < ? AND hour < ? AND day < ?`, nanos, nanos, nanos, nanos)
		return err
	}}).Wait(ctx)
}

// ForgetBuckets forgets the buckets whose keys begin so. A limiter that is at work keeps what it has in memory.
func (l *Ledger) ForgetBuckets(ctx context.Context, prefix string) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		_, err := g.exec(`DELETE FROM bucket WHERE substr(name, 1, length(?1)) = ?1`, prefix)
		return err
	}}).Wait(ctx)
}

// Bucket returns the bucket as it is kept, without a write; one that is not there has only its Key.
func (l *Ledger) Bucket(ctx context.Context, key string) (engine.Bucket, error) {
	b := engine.Bucket{Key: key}
	err := scanBucket(l.read.QueryRowContext(ctx, selectBucket, key), &b)
	if errors.Is(err, sql.ErrNoRows) {
		return engine.Bucket{Key: key}, nil
	}
	if err != nil {
		return engine.Bucket{}, fmt.Errorf("bucket %s: %w", key, err)
	}
	return b, nil
}

// Buckets gives every bucket, in no order: a plan over a million customers would ask for each otherwise. An error is the
// last it gives.
func (l *Ledger) Buckets(ctx context.Context) iter.Seq2[engine.Bucket, error] {
	return func(yield func(engine.Bucket, error) bool) {
		rows, err := l.read.QueryContext(ctx, `SELECT `+bucketColumns+`, name FROM bucket`)
		if err != nil {
			yield(engine.Bucket{}, fmt.Errorf("reading the buckets: %w", err))
			return
		}
		defer func() {
			_ = rows.Close() // what went wrong, Err says
		}()
		for rows.Next() {
			var b engine.Bucket
			if err := scanBucket(rows, &b, &b.Key); err != nil {
				yield(engine.Bucket{}, fmt.Errorf("reading the buckets: %w", err))
				return
			}
			if !yield(b, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(engine.Bucket{}, fmt.Errorf("reading the buckets: %w", err))
		}
	}
}

// scanBucket reads a row of bucketColumns, and whatever comes after them.
func scanBucket(row interface{ Scan(...any) error }, b *engine.Bucket, more ...any) error {
	var arrival, notBefore, hour, hourCount, day, dayCount int64
	into := append([]any{&arrival, &notBefore, &hour, &hourCount, &day, &dayCount, &b.State}, more...)
	if err := row.Scan(into...); err != nil {
		return err
	}
	b.Arrival, b.NotBefore, b.Hour, b.Day = fromNanos(arrival), fromNanos(notBefore), fromNanos(hour), fromNanos(day)
	b.HourCount, b.DayCount = int(hourCount), int(dayCount)
	return nil
}

// UpdateBucket replaces the bucket by what change makes of it, as one step that nobody else's comes between, and
// returns when that is durable. A key that is new comes as a bucket that has only its Key. Change must be quick, must
// not use the ledger, and may be called more than once, the last time counts: a commit can have to be repeated.
func (l *Ledger) UpdateBucket(ctx context.Context, key string, change func(engine.Bucket) engine.Bucket) error {
	return l.submit(ctx, &pending{do: func(g *group) error {
		before, err := g.bucket(key)
		if err != nil {
			return err
		}
		b := change(before)
		_, err = g.exec(`INSERT INTO bucket (name, arrival, not_before, hour, hour_count, day, day_count, state)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET arrival = excluded.arrival,
			not_before = excluded.not_before, hour = excluded.hour, hour_count = excluded.hour_count,
			day = excluded.day, day_count = excluded.day_count, state = excluded.state`,
			key, nanos(b.Arrival), nanos(b.NotBefore), nanos(b.Hour), int64(b.HourCount), nanos(b.Day), int64(b.DayCount), blob(b.State))
		return err
	}}).Wait(ctx)
}

func (g *group) bucket(key string) (engine.Bucket, error) {
	row, err := g.row(selectBucket, key)
	if err != nil || row == nil {
		return engine.Bucket{Key: key}, err
	}
	return engine.Bucket{
		Key: key, Arrival: fromNanos(row.int(0)), NotBefore: fromNanos(row.int(1)),
		Hour: fromNanos(row.int(2)), HourCount: int(row.int(3)), Day: fromNanos(row.int(4)), DayCount: int(row.int(5)),
		State: row.blob(6),
	}, nil
}

// blob is bytes, or NULL for none.
func blob(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}

// nanos keeps buckets exact: at thousands a second, rounding to microseconds would add up.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
