package limit

import (
	"context"
	"hash/fnv"
	"time"

	"youmiflow/engine"
	"youmiflow/workflows"
)

// capStop is a frequency cap that a call passes. Its state is in the store alone: there may be a million customers.
type capStop struct {
	rule *rule
	key  string
	id   uint64 // of the contact
}

// contactsKey begins the keys of contacts in the store.
const contactsKey = "@contacts "

// refused says that a cap lets a call pass at a later instant only.
type refused struct {
	by    *rule
	until int64
	begun bool // the contact is counted already
}

// contactID is 0 for a call that is a contact of its own.
func contactID(contact string) uint64 {
	if contact == "" {
		return 0
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(contact)) // never fails
	return max(1, hash.Sum64())
}

// peek asks each cap whether it would let the call pass at an instant. It takes nothing. The
// last instant that any names is the answer, and one that skips goes before those that hold. A contact that is counted
// already, for a later instant, is to leave then: that is what it returns besides.
func peek(ctx context.Context, store Store, caps []capStop, at int64) (int64, *refused, error) {
	var found *refused
	start := at
	for _, c := range caps {
		known, err := c.read(ctx, store)
		if err != nil {
			return at, nil, c.rule.failed(err)
		}
		until, begun := c.rule.frequency.admit(&known, c.id, at)
		if begun {
			start = max(start, until)
		} else if until > at {
			found = found.or(&refused{by: c.rule, until: until})
		}
	}
	return start, found, nil
}

// read reads the contacts; none where the store cannot be read, since they are looked at once more when one is counted.
func (c *capStop) read(ctx context.Context, store Store) (known contacts, err error) {
	from, ok := store.(Reader)
	if !ok {
		return known, nil
	}
	stored, err := from.Bucket(ctx, c.key)
	if err != nil {
		return known, err
	}
	err = known.read(stored.State)
	return known, err
}

// or returns the one that counts.
func (r *refused) or(other *refused) *refused {
	switch {
	case r == nil:
		return other
	case r.skips() != other.skips():
		if r.skips() {
			return r
		}
		return other
	case r.until >= other.until:
		return r
	}
	return other
}

func (r *refused) skips() bool { return !r.begun && r.by.limit.Over == workflows.OverSkip }

// answer is what a call hears that a cap has refused.
func (r *refused) answer(p *passage) (engine.Slot, error) {
	name, at := r.by.limit.Name, time.Unix(0, p.open(r.until)).UTC()
	if r.skips() {
		return engine.Slot{}, &engine.CapError{Limit: name, Until: time.Unix(0, r.until).UTC()}
	}
	if at.UnixNano() > p.until {
		return engine.Slot{}, &engine.LateError{At: at, Limit: name}
	}
	return engine.Slot{At: at, Limit: name, Cap: true}, nil
}

// count counts a call that leaves at an instant in all caps, or in none: then one has refused it.
func count(ctx context.Context, store Store, caps []capStop, at, now int64) (*refused, error) {
	for i, c := range caps {
		until, begun, err := c.count(ctx, store, at, now)
		if err == nil && until == at {
			continue
		}
		for _, counted := range caps[:i] {
			if back := counted.putBack(ctx, store, at); back != nil && err == nil {
				err = counted.rule.failed(back)
			}
		}
		if err != nil {
			return nil, c.rule.failed(err)
		}
		return &refused{c.rule, until, begun}, nil
	}
	return nil, nil
}

// count counts a call, and answers with its instant, or with the one to come again at.
func (c *capStop) count(ctx context.Context, store Store, at, now int64) (until int64, begun bool, err error) {
	err = c.change(ctx, store, func(known *contacts) bool {
		f := c.rule.frequency
		if until, begun = f.admit(known, c.id, at); until > at {
			return false
		}
		f.add(known, c.id, at, now)
		return true
	})
	if err != nil {
		return 0, false, err
	}
	return until, begun, nil
}

// putBack takes a contact off that nobody has heard of. One of several calls stays: that counts too much for a while.
func (c *capStop) putBack(ctx context.Context, store Store, at int64) error {
	return c.change(context.WithoutCancel(ctx), store, func(known *contacts) bool {
		for i := len(known.list) - 1; i >= 0; i-- {
			one := known.list[i]
			if one.id == c.id && one.first == at-at%grain && one.last-one.first <= grain {
				known.list = append(known.list[:i], known.list[i+1:]...)
				return true
			}
		}
		return false
	})
}

// change changes the contacts in the store, unless it answers false.
func (c *capStop) change(ctx context.Context, store Store, change func(*contacts) bool) error {
	var problem error
	err := store.UpdateBucket(ctx, c.key, func(stored engine.Bucket) engine.Bucket {
		var known contacts
		if problem = known.read(stored.State); problem != nil || !change(&known) {
			return stored
		}
		stored.State = known.append(make([]byte, 0, 2+14*len(known.list)))
		stored.NotBefore = time.Unix(0, max(known.floor, known.latest()+c.rule.frequency.per)).UTC()
		return stored
	})
	if err == nil {
		err = problem
	}
	return err
}
