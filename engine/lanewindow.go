package engine

import (
	"math"
	"sync"
	"time"
)

// hardly is what an item may wait for a slot of its limits before these are taken to bind its lane.
const hardly = 200 * time.Millisecond

// opening is how many items of a lane may be open at a time: as many as keep its limits busy, and no more, since each of the
// others would hold a conversation that nobody speaks in. It grows while items hardly wait for their limits, and shrinks as
// soon as one has to. It is its lane's, which guards it.
type opening struct {
	size    int
	width   int           // the most
	limited bool          // an item has had to wait: from then on it grows slowly
	calm    int           // items in a row that ended without that
	busy    time.Duration // how long the latest items took, their waits for limits aside
}

// waits hears that one of so many open items has to wait so long for its limits, which was busy so long until then. By
// Little's law the others are too many by the share of its time that it waits.
func (o *opening) waits(open int, busy, waited time.Duration) {
	if waited <= hardly {
		return
	}
	o.limited, o.calm = true, 0
	busy = max(busy, o.busy, time.Millisecond) // what it has yet to do is not known
	needed := float64(open) * float64(busy) / float64(busy+waited)
	o.size = min(o.size, max(1, int(math.Ceil(needed+roomier))))
}

// roomier is what is added to the number of items that are needed on average: gaps are drawn, and calls do not take the same
// time each, and a limit that is not used up is time lost.
const roomier = 0.25

// ended hears that an item has ended which was busy and waited so long.
func (o *opening) ended(busy, waited time.Duration) {
	if o.busy == 0 {
		o.busy = busy
	}
	o.busy += (busy - o.busy) / 4
	if o.calm++; waited > hardly {
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

// stopwatch is how long an item has been open, and waited for its limits meanwhile. The branches of a parallel step share it.
type stopwatch struct {
	mu     sync.Mutex
	began  time.Time
	waited time.Duration
}

// wait adds a wait that begins now, and returns what there was of both then.
func (s *stopwatch) wait(now time.Time, length time.Duration) (busy, waited time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy = max(0, now.Sub(s.began)-s.waited)
	s.waited += length
	return busy, s.waited
}
