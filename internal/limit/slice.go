package limit

import (
	"cmp"
	"slices"
)

// slice is what this process has of one slice of a bucket's time.
type slice struct {
	key   string  // in the store
	row   row     // as this process left it in the store
	known bool    // whether row says anything
	tail  lease   // reaches up to row
	holes []lease // before tail, in the order of time, also of their until
	full  bool    // the store has no room left
}

// place is where in a slice a call fits: a hole by its index, or behind them the tail.
type place struct {
	at, gap int64
	index   int
}

// find looks for the first instant, from want on, among the leases.
func (s *slice) find(p *pace, want, gap int64) (place, bool) {
	first, _ := slices.BinarySearchFunc(s.holes, want, func(l lease, want int64) int { return cmp.Compare(l.until, want) })
	for i := first; i < len(s.holes); i++ {
		if at, ok := p.fit(s.holes[i], want, gap); ok {
			return place{at, gap, i}, true
		}
	}
	if !s.known {
		return place{}, false
	}
	at, ok := p.fit(s.tail, want, gap)
	return place{at, gap, len(s.holes)}, ok
}

// undo puts back what a take has changed.
type undo struct {
	before lease
	index  int
	pieces int
	tail   bool
}

// take lets a call leave at a place that find has found. What it leaves over of the time before now is dropped.
func (s *slice) take(p *pace, at place, now int64) undo {
	if at.index == len(s.holes) {
		u := undo{before: s.tail, index: at.index, tail: true}
		left, right := p.split(s.tail, at.at, at.gap)
		if s.tail = right; p.usable(left, now) {
			s.holes, u.pieces = append(s.holes, left), 1
		}
		return u
	}
	u := undo{before: s.holes[at.index], index: at.index}
	left, right := p.split(u.before, at.at, at.gap)
	var parts [2]lease
	for _, part := range []lease{left, right} {
		if p.usable(part, now) {
			parts[u.pieces] = part
			u.pieces++
		}
	}
	s.holes = slices.Replace(s.holes, at.index, at.index+1, parts[:u.pieces]...)
	return u
}

func (s *slice) putBack(u undo) {
	if u.tail {
		s.holes, s.tail = s.holes[:u.index], u.before
		return
	}
	s.holes = slices.Replace(s.holes, u.index, u.index+u.pieces, u.before)
}

// extend adds what advance has given. Own tells that the old tail is part of it.
func (s *slice) extend(p *pace, r row, l lease, own bool) {
	if s.known && !own && p.usable(s.tail, 0) {
		s.tail.until = min(s.tail.until, s.tail.end)
		s.holes = append(s.holes, s.tail)
	}
	s.row, s.tail, s.known = r, l, true
}

// expire drops the holes that are over at now, and reports whether there were any.
func (s *slice) expire(p *pace, now int64) bool {
	n := 0
	for n < len(s.holes) && !p.usable(s.holes[n], now) {
		n++
	}
	s.holes = s.holes[n:]
	return n > 0
}

// spent reports that nothing more can leave in this slice.
func (s *slice) spent(p *pace) bool {
	return s.full && len(s.holes) == 0 && (!s.known || !p.usable(s.tail, 0))
}
