package limit

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// rest is a pause after so many calls. It is drawn evenly between its bounds.
type rest struct {
	after         int // calls; 0: none
	least, longer int64
}

func restOf(limit *workflows.Limit) rest {
	if limit.RestAfter < 1 || max(limit.RestMin, limit.RestMax) <= 0 {
		return rest{}
	}
	least := min(max(int64(limit.RestMin), 0), longest)
	return rest{after: limit.RestAfter, least: least, longer: min(max(least, int64(limit.RestMax)), longest)}
}

// spell is a row of calls with no rest between them. Its pause is how long none must leave for the next to be another
// spell: it is drawn from the seed of the spell's first call, so that a plan and its run draw the same.
type spell struct {
	from, to int64
	calls    int
	pause    int64
}

// spells are what a bucket remembers of its calls. They are apart by the earlier one's pause.
type spells struct {
	floor int64 // no call before it: that is what remains of those that were forgotten
	list  []spell
}

// mostSpells bounds them: there are more than one or two only where calls leave in no order, far apart from each other.
const mostSpells = 32

// draw is the pause of a spell that begins with a call.
func (r rest) draw(seed, bucket uint64) int64 {
	p := pace{gapMin: r.least, gapMax: r.longer}
	return p.gap(seed^0x72657374, bucket)
}

// admit returns the first instant from at on at which another call may leave, and the spell that it belongs to: the
// index of one that it makes longer, or where a new one is to stand.
func (r rest) admit(s *spells, at int64) (first int64, index int, joins bool) {
	at = max(at, s.floor)
	for i, one := range s.list {
		switch {
		case at >= one.to+one.pause:
			continue
		case at <= one.from-r.longer:
			return at, i, false
		case one.calls < r.after && !r.touches(s, i, at):
			return at, i, true
		}
		at = one.to + one.pause
	}
	return at, len(s.list), false
}

// touches reports whether spell i, with a call at that instant, would come too close to the next one.
func (r rest) touches(s *spells, i int, at int64) bool {
	return i+1 < len(s.list) && at > s.list[i].to && at > s.list[i+1].from-r.longer
}

// add counts a call at an instant that admit has given, and forgets what says nothing more at now.
func (r rest) add(s *spells, at, now, pause int64) {
	_, i, joins := r.admit(s, at)
	from, to := at-at%grain, at+(grain-at%grain)%grain
	if joins {
		one := &s.list[i]
		one.from, one.to, one.calls = min(one.from, from), max(one.to, to), one.calls+1
	} else {
		s.list = slices.Insert(s.list, i, spell{from, to, 1, pause + (grain-pause%grain)%grain})
	}
	for len(s.list) > 0 && s.list[0].to+s.list[0].pause <= now {
		s.floor = max(s.floor, s.list[0].to+s.list[0].pause)
		s.list = slices.Delete(s.list, 0, 1)
	}
	for len(s.list) > mostSpells {
		r.merge(s)
	}
}

// tired counts the calls of the spell that a call at an instant would go on with, 0 after a rest.
func (r rest) tired(s *spells, at int64) int {
	for _, one := range s.list {
		if one.from <= at && at < one.to+one.pause {
			return one.calls
		}
	}
	return 0
}

// merge makes one of the two spells that are closest, in which there is no room for more: the safe side.
func (r rest) merge(s *spells) {
	closest, gap := 0, int64(never)
	for i := range s.list[1:] {
		if between := s.list[i+1].from - s.list[i].to; between < gap {
			closest, gap = i, between
		}
	}
	a, b := s.list[closest], s.list[closest+1]
	s.list[closest] = spell{a.from, b.to, r.after, b.pause}
	s.list = slices.Delete(s.list, closest+1, closest+2)
}

// append writes spells: at most 32, of about 12 bytes each.
func (s *spells) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.floor/grain))
	before := int64(0)
	for _, one := range s.list {
		b = binary.AppendUvarint(b, uint64((one.from-before)/grain))
		b = binary.AppendUvarint(b, uint64((one.to-one.from)/grain))
		b = binary.AppendUvarint(b, uint64(one.calls))
		b = binary.AppendUvarint(b, uint64(one.pause/grain))
		before = one.to
	}
	return b
}

// read reads what append has written, into s.
func (s *spells) read(b []byte) error {
	s.floor, s.list = 0, s.list[:0]
	if len(b) == 0 {
		return nil
	}
	r := reader{rest: b}
	s.floor = r.instant(0)
	before := int64(0)
	for len(r.rest) > 0 && !r.bad {
		one := spell{from: r.instant(before)}
		one.to = r.instant(one.from)
		one.calls = int(min(r.number(), 1<<31))
		one.pause = r.instant(0)
		before = one.to
		s.list = append(s.list, one)
	}
	if r.bad {
		return errState
	}
	return nil
}

// over is when nothing of it says anything any more.
func (s *spells) over() int64 {
	at := s.floor
	for _, one := range s.list {
		at = max(at, one.to+one.pause)
	}
	return at
}

// tire counts a call towards the next rest, at the instant that all have agreed to. It answers with that, or with another
// where it has learned better.
func (b *bucket) tire(ctx context.Context, at, now, pause int64) (int64, error) {
	var (
		known   spells
		next    int64
		problem error
	)
	err := b.store.UpdateBucket(ctx, "@rest "+b.key, func(stored engine.Bucket) engine.Bucket {
		if problem = known.read(stored.State); problem != nil {
			return stored
		}
		if next, _, _ = b.rule.rest.admit(&known, at); next != at {
			return stored
		}
		b.rule.rest.add(&known, at, now, pause)
		stored.State = known.append(make([]byte, 0, 32))
		stored.NotBefore = time.Unix(0, known.over()).UTC()
		return stored
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return 0, err
	}
	b.rested = known
	return next, nil
}
