package limit

import (
	"context"
	"time"

	"youmiflow/engine"
)

// window caps the calls of each clock hour or each day of the project's time zone.
type window struct {
	kind     string // "hour" or "day"
	most     int
	location *time.Location
	spare    map[int64]int  // taken from the store and not used, by the window's start
	full     map[int64]bool // nothing left in the store
}

func newWindow(kind string, most int, location *time.Location) *window {
	return &window{kind: kind, most: most, location: location, spare: map[int64]int{}, full: map[int64]bool{}}
}

// bounds are the start of the window that holds an instant, and the start of the next.
func (w *window) bounds(at int64) (start, next int64) {
	t := time.Unix(0, at).In(w.location)
	if w.kind == "day" {
		year, month, day := t.Date()
		return time.Date(year, month, day, 0, 0, 0, 0, w.location).UnixNano(),
			time.Date(year, month, day+1, 0, 0, 0, 0, w.location).UnixNano()
	}
	// Not by way of time.Date: an hour that comes twice would be taken for the first one.
	into := int64(t.Minute())*int64(time.Minute) + int64(t.Second())*int64(time.Second) + int64(t.Nanosecond())
	return at - into, at - into + int64(time.Hour)
}

// provide makes sure that the window of an instant has a call to spare; where it is used up it answers with the start
// of the next window, else with the instant.
func (w *window) provide(ctx context.Context, store Store, key string, at int64) (int64, error) {
	start, next := w.bounds(at)
	if w.spare[start] > 0 {
		return at, nil
	}
	if w.full[start] {
		return next, nil
	}
	taken := false
	err := store.UpdateBucket(ctx, w.key(key, start), func(b engine.Bucket) engine.Bucket {
		begins, count := w.fields(&b)
		*begins = time.Unix(0, start).UTC()
		if taken = *count < w.most; taken {
			*count++
		}
		return b
	})
	if err != nil {
		return 0, err
	}
	if !taken {
		w.full[start] = true
		return next, nil
	}
	w.spare[start]++
	return at, nil
}

func (w *window) fields(b *engine.Bucket) (*time.Time, *int) {
	if w.kind == "day" {
		return &b.Day, &b.DayCount
	}
	return &b.Hour, &b.HourCount
}

func (w *window) key(bucket string, start int64) string {
	return "@" + w.kind + " " + time.Unix(0, start).UTC().Format(time.RFC3339) + " " + bucket
}

// use counts a call that leaves at an instant for which provide has provided.
func (w *window) use(at int64) {
	start, _ := w.bounds(at)
	w.spare[start]--
}

func (w *window) putBack(at int64) {
	start, _ := w.bounds(at)
	w.spare[start]++
}

// forget drops the windows that are over.
func (w *window) forget(now int64) {
	current, _ := w.bounds(now)
	for start := range w.spare {
		if start < current {
			delete(w.spare, start)
		}
	}
	for start := range w.full {
		if start < current {
			delete(w.full, start)
		}
	}
}
