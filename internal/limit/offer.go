package limit

import (
	"context"
	"time"

	"youmiflow/engine"
)

// acquire takes more of slice k from the store. What comes after until, or is but looked at, it leaves there, and answers
// with its instant, else with 0.
func (b *bucket) acquire(ctx context.Context, k int64, s *slice, want int64, q query) (int64, error) {
	a := b.acquiring()
	a.asking, a.got, a.until = b.asking(k, s, want, q.gap), offer{}, q.until
	if q.peek {
		stored, err := b.view(ctx, s.key)
		if err != nil {
			return 0, err
		}
		a.got = a.offer(stored)
	} else if err := b.store.UpdateBucket(ctx, s.key, a.change); err != nil {
		return 0, err
	}
	got := &a.got
	s.full = s.full || got.full
	if got.ok && (q.peek || got.at > q.until) {
		return got.at, nil
	}
	b.changes++
	if got.ok {
		s.extend(&b.pace, got.row, got.lease, got.own)
	}
	return 0, nil
}

// acquiring is one exchange with the store.
type acquiring struct {
	asking
	until  int64 // the last instant that does
	got    offer
	change func(engine.Bucket) engine.Bucket // take, as the store calls it
}

// acquiring is used again where the store has done with it when it returns; a plan asks millions of times.
func (b *bucket) acquiring() *acquiring {
	if b.again != nil {
		return b.again
	}
	a := &acquiring{}
	a.change = a.take
	switch b.store.(type) {
	case *MemoryStore, *OverlayStore:
		b.again = a
	}
	return a
}

func (a *acquiring) take(stored engine.Bucket) engine.Bucket {
	a.got = a.offer(stored)
	if !a.got.ok || a.got.at > a.until {
		return stored
	}
	return a.pace.write(stored, a.got.row)
}

// offer is what a slice in the store has for a call.
type offer struct {
	row   row
	lease lease
	at    int64
	own   bool // the old tail is part of the lease
	ok    bool
	full  bool // there is nothing for any call
}

// asking is what the offer of a slice depends on. It is apart from the bucket, since a store may ask once more when nobody
// waits for the answer any longer.
type asking struct {
	pace      *pace
	slice     int64
	begins    row // how the slice begins
	known     bool
	row       row // as this process left it
	tail      lease
	want, gap int64
}

func (b *bucket) asking(k int64, s *slice, want, gap int64) asking {
	return asking{pace: &b.rule.pace, slice: k, begins: b.begins(k), known: s.known, row: s.row, tail: s.tail, want: want, gap: gap}
}

func (a *asking) offer(stored engine.Bucket) offer {
	r := a.begins.read(stored)
	var own *lease
	if a.known && a.row == r {
		own = &a.tail
	}
	next, got, ok := a.pace.advance(a.slice, r, own, a.want, a.gap)
	if !ok {
		_, _, room := a.pace.advance(a.slice, r, own, a.pace.start(a.slice), a.pace.gapMin)
		return offer{full: !room}
	}
	at, _ := a.pace.fit(got, a.want, a.gap)
	return offer{row: next, lease: got, at: at, own: own != nil, ok: true}
}

// begins is how slice k begins, as far as is known.
func (b *bucket) begins(k int64) row {
	if b.carries && k == b.current {
		return b.carried
	}
	return b.pace.fresh(k)
}

// read is a stored row, or r where there is none.
func (r row) read(stored engine.Bucket) row {
	if !stored.Arrival.IsZero() {
		r.arrival = stored.Arrival.UnixNano()
	}
	if !stored.NotBefore.IsZero() {
		r.floor = stored.NotBefore.UnixNano()
	}
	return r
}

func (p *pace) write(stored engine.Bucket, r row) engine.Bucket {
	stored.Arrival = time.Unix(0, r.arrival).UTC()
	if p.gapMax > 0 {
		stored.NotBefore = time.Unix(0, r.floor).UTC()
	}
	return stored
}

func (b *bucket) sliceKey(k int64) string {
	return "@" + time.Unix(0, b.pace.start(k)).UTC().Format(time.RFC3339Nano) + "/" + time.Duration(b.pace.length).String() +
		" " + b.key
}
