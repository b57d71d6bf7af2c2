package limit

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"youmiflow/engine"
)

// warmUp are the daily caps of a bucket's first days of use, and the days, as numbers such as 20261111, that it was used on
// so far: as many as there are caps.
type warmUp struct {
	caps  []int
	days  []int64
	known bool // whether days were read
}

// of is the cap of a day, 0 when the warm-up is over by then.
func (w *warmUp) of(date int64) int {
	if before := w.before(date); before < len(w.caps) {
		return w.caps[before]
	}
	return 0
}

// before counts the days of use before a day.
func (w *warmUp) before(date int64) int {
	n, _ := slices.BinarySearch(w.days, date)
	return n
}

// counts reports that the day is among those that are counted already, or comes when the warm-up is over.
func (w *warmUp) counts(date int64) bool {
	before, found := slices.BinarySearch(w.days, date)
	return found || before >= len(w.caps)
}

// add counts a day.
func (w *warmUp) add(date int64) {
	if before, found := slices.BinarySearch(w.days, date); !found {
		w.days = slices.Insert(w.days, before, date)
		w.days = w.days[:min(len(w.days), len(w.caps))]
	}
}

func (w *warmUp) append(b []byte) []byte {
	before := int64(0)
	for _, date := range w.days {
		b = binary.AppendUvarint(b, uint64(date-before))
		before = date
	}
	return b
}

func (w *warmUp) read(b []byte) error {
	r := reader{rest: b}
	w.days = w.days[:0]
	before := int64(0)
	for len(r.rest) > 0 {
		n := r.number()
		if n > 1e9 {
			return errState
		}
		before += int64(n)
		w.days = append(w.days, before)
	}
	if r.bad {
		return errState
	}
	w.known = true
	return nil
}

// date is an instant's day.
func date(at int64, location *time.Location) int64 {
	year, month, day := time.Unix(0, at).In(location).Date()
	return int64(year)*10_000 + int64(month)*100 + int64(day)
}

// warmth reads on which days the bucket was used.
func (b *bucket) warmth(ctx context.Context) error {
	stored, err := b.view(ctx, "@warm-up "+b.key)
	if err != nil {
		return err
	}
	return b.warm.read(stored.State)
}

// warmed counts the day of a call, once.
func (b *bucket) warmed(ctx context.Context, at int64) error {
	day := date(at, b.location)
	if b.warm.known && b.warm.counts(day) {
		return nil
	}
	next := warmUp{caps: b.warm.caps}
	var problem error
	err := b.store.UpdateBucket(ctx, "@warm-up "+b.key, func(stored engine.Bucket) engine.Bucket {
		if problem = next.read(stored.State); problem != nil {
			return stored
		}
		next.add(day)
		stored.State = next.append(nil)
		stored.NotBefore = time.Unix(0, at+longest).UTC()
		return stored
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return err
	}
	b.warm = next
	return nil
}
