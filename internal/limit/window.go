package limit

import (
	"context"
	"time"

	"youmiflow/engine"
)

// window caps the calls of each clock hour or each day of the project's time zone.
type window struct {
	daily    bool // else hourly
	most     int  // 0: as many as the warm-up allows
	location *time.Location
	spare    map[int64]int  // taken from the store and not used, by the window's start
	full     map[int64]bool // nothing left in the store

	start, next int64  // of the window that was asked for last
	key         string // of that in the store; "": not yet needed
}

func newWindow(daily bool, most int, location *time.Location) *window {
	return &window{daily: daily, most: most, location: location, spare: map[int64]int{}, full: map[int64]bool{}}
}

// bounds are the start of the window that holds an instant, and the start of the next.
func (w *window) bounds(at int64) (start, next int64) {
	if w.start <= at && at < w.next {
		return w.start, w.next
	}
	w.start, w.next = w.find(at)
	w.key = ""
	return w.start, w.next
}

func (w *window) find(at int64) (start, next int64) {
	t := time.Unix(0, at).In(w.location)
	if w.daily {
		year, month, day := t.Date()
		return time.Date(year, month, day, 0, 0, 0, 0, w.location).UnixNano(),
			time.Date(year, month, day+1, 0, 0, 0, 0, w.location).UnixNano()
	}
	// Not by way of time.Date: an hour that comes twice would be taken for the first one.
	into := int64(t.Minute())*int64(time.Minute) + int64(t.Second())*int64(time.Second) + int64(t.Nanosecond())
	return at - into, at - into + int64(time.Hour)
}

// provide makes sure that the window of an instant has a call to spare; where it is used up it answers with the start
// of the next window, else with the instant. A peek only looks.
func (w *window) provide(ctx context.Context, b *bucket, at int64, peek bool) (int64, error) {
	start, next := w.bounds(at)
	if w.spare[start] > 0 {
		return at, nil
	}
	if w.full[start] {
		return next, nil
	}
	most, err := w.cap(ctx, b, at)
	if err != nil {
		return 0, err
	}
	taken := most == 0
	if !taken {
		if taken, err = w.draw(ctx, b, start, most, peek); err != nil {
			return 0, err
		}
	}
	switch {
	case !taken:
		w.full[start] = true
		return next, nil
	case !peek:
		w.spare[start]++
	}
	return at, nil
}

// draw takes a call of a window from the store, and reports whether there was one.
func (w *window) draw(ctx context.Context, b *bucket, start int64, most int, peek bool) (bool, error) {
	key := w.keyOf(b.key, start)
	if peek {
		stored, err := b.view(ctx, key)
		_, count := w.fields(&stored)
		return *count < most, err
	}
	taken := false
	err := b.store.UpdateBucket(ctx, key, func(stored engine.Bucket) engine.Bucket {
		begins, count := w.fields(&stored)
		*begins = time.Unix(0, start).UTC()
		if taken = *count < most; taken {
			*count++
		}
		return stored
	})
	if err != nil {
		return false, err
	}
	return taken, nil
}

// cap is how many calls the window of an instant lets out, 0 when it does not matter. On a day that is new to it, it looks how many came before.
func (w *window) cap(ctx context.Context, b *bucket, at int64) (int, error) {
	if !w.daily || len(b.warm.caps) == 0 {
		return w.most, nil
	}
	day := date(at, w.location)
	if !b.warm.known || !b.warm.counts(day) {
		if err := b.warmth(ctx); err != nil {
			return 0, err
		}
	}
	most := b.warm.of(day)
	if most == 0 || w.most > 0 && w.most < most {
		most = w.most
	}
	return most, nil
}

// rule is what a window that is used up says.
func (w *window) rule(b *bucket) engine.Rule {
	switch {
	case !w.daily:
		return engine.RuleHourly
	case b.warm.of(date(w.start, w.location)) > 0:
		return engine.RuleWarmUp
	}
	return engine.RuleDaily
}

func (w *window) fields(b *engine.Bucket) (*time.Time, *int) {
	if w.daily {
		return &b.Day, &b.DayCount
	}
	return &b.Hour, &b.HourCount
}

func (w *window) keyOf(bucket string, start int64) string {
	if w.key != "" && w.start == start {
		return w.key
	}
	kind := "hour"
	if w.daily {
		kind = "day"
	}
	key := "@" + kind + " " + time.Unix(0, start).UTC().Format(time.RFC3339) + " " + bucket
	if w.start == start {
		w.key = key
	}
	return key
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
