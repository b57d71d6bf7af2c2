package limit

import (
	"math"
	"time"

	"youmiflow/workflows"
)

// Instants and durations are nanoseconds in this package, instants since 1970: the arithmetic of a call is a handful of
// integers.
const (
	never    = math.MaxInt64
	longest  = int64(3 * 365 * 24 * time.Hour) // no interval, and no burst, needs to be remembered for longer
	shortest = int64(time.Minute)              // of a slice: a crash loses what is passed over in it
	leased   = int64(200 * time.Millisecond)   // worth of slots that is taken at once
	most     = 1000                            // slots that are taken at once
)

// pace is the part of a limit that spaces calls: rate, burst and gap.
type pace struct {
	interval       int64 // between calls; 0: no rate
	credit         int64 // how far before the arrival time a call may leave: burst-1 intervals
	gapMin, gapMax int64
	length         int64 // of a slice
	chunk          int64 // slots taken from the store at once
}

func paceOf(limit *workflows.Limit) pace {
	p := pace{gapMin: int64(max(limit.GapMin, 0)), gapMax: int64(max(limit.GapMin, limit.GapMax, 0)), chunk: 1}
	p.gapMin, p.gapMax = min(p.gapMin, longest), min(p.gapMax, longest)
	if limit.Rate.Count > 0 && limit.Rate.Per > 0 {
		count, per := int64(limit.Rate.Count), int64(limit.Rate.Per)
		p.interval = min(longest, per/count+min(1, per%count)) // rounded up: never faster
		p.credit = min(int64(max(limit.Burst, 1)-1), longest/p.interval) * p.interval
		if p.gapMax == 0 && limit.Hourly == 0 && limit.Daily == 0 {
			p.chunk = max(1, min(most, leased/p.interval))
		}
	}
	p.length = max(shortest, min(100*min(p.step(), longest/100), longest), 2*(p.interval+p.gapMax), 4*(p.credit+p.interval))
	return p
}

// none reports that calls are not spaced at all.
func (p *pace) none() bool { return p.interval == 0 && p.gapMax == 0 }

// slice is the number of the slice that holds an instant, start its beginning.
func (p *pace) slice(at int64) int64 { return at / p.length }
func (p *pace) start(k int64) int64  { return k * p.length }

// row is the state of one slice: the arrival time, and the end of the last gap.
type row struct{ arrival, floor int64 }

// fresh is the row of a slice that nobody has used, when nothing is known of the slice before.
func (p *pace) fresh(k int64) row { return row{p.start(k) + p.credit, p.start(k)} }

// lease is a stretch of a bucket's time that this process alone may use: calls leave at floor or later, their arrival
// time starts at arrival and stays within end, and their gaps are over at until.
type lease struct{ floor, until, arrival, end int64 }

// fit is the first instant, from want on, at which a call with that gap may leave within the lease.
func (p *pace) fit(l lease, want, gap int64) (int64, bool) {
	at := max(want, l.floor, l.arrival-p.credit)
	return at, at <= l.until-gap && (p.interval == 0 || max(l.arrival, at) <= l.end-p.interval)
}

// usable reports whether any call can leave within the lease from an instant on.
func (p *pace) usable(l lease, from int64) bool {
	_, ok := p.fit(l, from, p.gapMin)
	return ok
}

// split is what remains of a lease before and after a call at an instant that fits.
func (p *pace) split(l lease, at, gap int64) (before, after lease) {
	before = lease{floor: l.floor, until: min(l.until, at), arrival: l.arrival, end: min(l.end, at)}
	after = lease{floor: max(l.floor, at+gap), until: l.until, arrival: max(l.arrival, at) + p.interval, end: l.end}
	return before, after
}

// advance moves the row of slice k on, so that a call with that gap, and up to p.chunk in all, may leave from want on.
// What it passes over is part of the lease. Own, when not nil, is a lease that reaches up to the row and is taken into
// the new one. It reports false when the slice has no such room.
func (p *pace) advance(k int64, r row, own *lease, want, gap int64) (row, lease, bool) {
	base := r
	if own != nil {
		base = row{own.arrival, own.floor}
	}
	at := max(want, base.floor, base.arrival-p.credit)
	if at >= p.start(k+1) || at > p.start(k+1)-gap {
		return r, lease{}, false
	}
	next, l := r, lease{floor: base.floor, until: never, arrival: base.arrival, end: never}
	if p.interval > 0 {
		arrival := max(base.arrival, at)
		room := (p.start(k+1) + p.credit - arrival) / p.interval
		if room < 1 {
			return r, lease{}, false
		}
		next.arrival = arrival + min(room, p.chunk)*p.interval
		l.end = next.arrival
	}
	if p.gapMax > 0 {
		next.floor = at + gap
		l.until = next.floor
	}
	return next, l, true
}
