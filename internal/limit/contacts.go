package limit

import (
	"encoding/binary"
	"errors"
	"slices"
)

// contact is one item that writes to somebody: when its first call was let out and when its latest.
type contact struct {
	id          uint64 // of the item; 0: of nobody else
	first, last int64
}

// contacts are what a frequency cap remembers of one key.
type contacts struct {
	floor int64     // no new contact before it: that is what remains of those that were forgotten
	list  []contact // in the order of their first calls
}

// frequency is a frequency cap: at most so many contacts within any span of per, half-open. A contact counts from its first call
// to its latest.
type frequency struct {
	per  int64
	most int
}

// grain is how exactly contacts are kept. They are rounded to the safe side.
const grain = int64(1e6)

// admit returns the first instant from at on at which a call of that contact may leave. One that has begun is not held
// back, only to the instant at which it was to begin: nobody is left in the middle of a conversation.
func (f frequency) admit(c *contacts, id uint64, at int64) (first int64, begun bool) {
	if i := c.find(id); i >= 0 {
		return max(at, c.list[i].first), true
	}
	at = max(at, c.floor)
	if len(c.list) < f.most {
		return at, false
	}
	for {
		next := f.moveOn(c, at)
		if next == at {
			return at, false
		}
		at = next
	}
}

// moveOn returns at when no span that holds it is full, else an instant before which one is. Spans are told by their start:
// full ones are found where a contact is about to fall out of them, or at the last of them.
func (f frequency) moveOn(c *contacts, at int64) int64 {
	if full, until := f.full(c, at); full {
		return until + f.per
	}
	next := at
	for _, one := range c.list {
		if one.last <= at-f.per || one.last >= at {
			continue
		}
		if full, until := f.full(c, one.last); full {
			next = max(next, until+f.per)
		}
	}
	return next
}

// full reports whether the span that starts there holds as many contacts as may be, and when the first of them ends.
func (f frequency) full(c *contacts, from int64) (bool, int64) {
	n, until := 0, int64(never)
	for _, one := range c.list {
		if one.first < from+f.per && one.last >= from {
			n, until = n+1, min(until, one.last)
		}
	}
	return n >= f.most, until
}

// add counts a call that leaves at an instant, and forgets what says nothing more at now.
func (f frequency) add(c *contacts, id uint64, at, now int64) {
	from, to := at-at%grain, at+(grain-at%grain)%grain
	if i := c.find(id); i >= 0 {
		c.list[i].first, c.list[i].last = min(c.list[i].first, from), max(c.list[i].last, to)
	} else {
		c.list = append(c.list, contact{id, from, to})
	}
	slices.SortStableFunc(c.list, func(a, b contact) int { return int(max(-1, min(1, a.first-b.first))) })
	c.list = slices.DeleteFunc(c.list, func(one contact) bool {
		if one.last+f.per > now {
			return false
		}
		c.floor = max(c.floor, one.last+f.per)
		return true
	})
	for len(c.list) > 2*f.most {
		c.floor = max(c.floor, c.list[0].last+f.per)
		c.list = slices.Delete(c.list, 0, 1)
	}
}

func (c *contacts) find(id uint64) int {
	if id == 0 {
		return -1
	}
	return slices.IndexFunc(c.list, func(one contact) bool { return one.id == id })
}

// latest is when the last contact was.
func (c *contacts) latest() int64 {
	at := int64(0)
	for _, one := range c.list {
		at = max(at, one.last)
	}
	return at
}

// errState says that a bucket's state is none that a limiter has written.
var errState = errors.New("its state in the ledger cannot be read")

// append writes contacts: the floor, then each with its id, when it came after the one before, and how long it lasted. That
// is 16 bytes for one, and about 14 for each more.
func (c *contacts) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(c.floor/grain))
	before := int64(0)
	for _, one := range c.list {
		b = binary.LittleEndian.AppendUint64(b, one.id)
		b = binary.AppendUvarint(b, uint64((one.first-before)/grain))
		b = binary.AppendUvarint(b, uint64((one.last-one.first)/grain))
		before = one.first
	}
	return b
}

// read reads what append has written, into c.
func (c *contacts) read(b []byte) error {
	c.floor, c.list = 0, c.list[:0]
	if len(b) == 0 {
		return nil
	}
	r := reader{rest: b}
	c.floor = r.instant(0)
	before := int64(0)
	for len(r.rest) > 0 && !r.bad {
		one := contact{id: r.fixed()}
		one.first = r.instant(before)
		one.last = r.instant(one.first)
		before = one.first
		c.list = append(c.list, one)
	}
	if r.bad {
		return errState
	}
	return nil
}

// reader takes numbers off a state.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) fixed() uint64 {
	if len(r.rest) < 8 {
		r.bad, r.rest = true, nil
		return 0
	}
	n := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return n
}

// instant reads one that is so many grains after another, within what fits.
func (r *reader) instant(after int64) int64 {
	n := r.number()
	if n > uint64((never/2-after)/grain) {
		r.bad, r.rest = true, nil
		return after
	}
	return after + int64(n)*grain
}
