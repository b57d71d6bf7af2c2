package engine

import (
	"math"
	"sync"
	"time"
)

// The waits by which a lane is told what its limits let through.
const (
	// hardly is what an item may wait for its slots before the limits are taken to bind its lane.
	hardly = 200 * time.Millisecond
	// badly is what says so again at once, though the lane has just shrunk.
	badly = 5 * time.Second
)

// opening is how many items of a lane may be open at a time: as many as keep its limits busy, and no more, since each of the
// others would hold a conversation that nobody speaks in. It grows while items hardly wait for their limits, and shrinks as
// soon as one has to. It is its lane's, which guards it.
type opening struct {
	size    int
	width   int           // the most
	limited bool          // an item has had to wait: from then on it grows slowly
	calm    int           // items in a row that ended without that
	busy    time.Duration // how long the latest items took, their waits for limits aside
	shrunk  time.Time     // when it last did
}

// waits hears from one of so many open items that it waits for its limits. By Little's law they are too many by the share of
// its time that it waits. An item that is older than the latest shrinking waits for what was mended then, unless it waits badly.
func (o *opening) waits(now time.Time, open int, item lap) {
	if item.waited <= hardly {
		return
	}
	o.limited, o.calm = true, 0
	if item.began.Before(o.shrunk) && item.waited < badly {
		return
	}
	busy := max(item.busy, o.busy, time.Millisecond) // what it has yet to do is not known
	needed := float64(open) * float64(busy) / float64(busy+item.waited)
	if size := max(1, int(math.Ceil(needed+roomier))); size < o.size {
		o.size, o.shrunk = size, now
	}
}

// roomier is what is added to the number of items that are needed on average: gaps are drawn, and calls do not take the same
// time each, and a limit that is not used up is time lost.
const roomier = 0.25

// ended hears that an item has ended.
func (o *opening) ended(item lap) {
	if o.busy == 0 {
		o.busy = item.busy
	}
	o.busy += (item.busy - o.busy) / 4
	if o.calm++; item.waited > hardly {
		o.calm = 0
	}
	if o.calm < o.size {
		return
	}
	o.calm = 0
	if more := o.size; o.limited {
		o.size += max(1, more/4)
	} else {
		o.size += more
	}
	o.size = min(o.size, o.width)
}

// openingOf returns how many items a lane may have open at the start of a slice: where limits bind it, as many as it had at the end
// of the last; else it has to find out, since nobody knows what holds by now.
func (a *activeRun) openingOf(lane LaneKey, width int) opening {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.openings[lane]; ok {
		return known
	}
	return opening{size: 1, width: width}
}

// keepOpening notes what a lane has found out so.
func (a *activeRun) keepOpening(lane LaneKey, o opening) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !o.limited || o.size == 1 {
		delete(a.openings, lane)
		return
	}
	if a.openings == nil {
		a.openings = map[LaneKey]opening{}
	}
	o.calm = 0
	a.openings[lane] = o
}

// stopwatch is how long an item has been open, and waited for its limits meanwhile. The branches of a parallel step share it.
type stopwatch struct {
	mu     sync.Mutex
	began  time.Time
	waited time.Duration
}

// lap is what a stopwatch shows: since when an item has been open, how long it had something to do since, and how long it has
// waited for its limits, or is about to.
type lap struct {
	began        time.Time
	busy, waited time.Duration
}

// wait adds a wait that begins now.
func (s *stopwatch) wait(now time.Time, length time.Duration) lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := max(0, now.Sub(s.began)-s.waited)
	s.waited += length
	return lap{s.began, busy, s.waited}
}
