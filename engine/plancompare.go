package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math/bits"
)

// PlannedItem is an item that takes part, as a comparison sees it.
type PlannedItem struct {
	Foreach int // number of its foreach, from 1; 0 for the run's own steps
	Key     string
	Text    [16]byte // what its calls say, as a digest
	// Show returns its calls. It may be called until the item's turn is over.
	Show func() (Sample, error)
}

// PlanItems walks a workflow as Plan does and hands out the items that take part, in their order, without timing them.
// An error that each returns ends the walk and is returned.
func (e *Engine) PlanItems(ctx context.Context, submission Submission, clock *VirtualClock, each func(PlannedItem) error) error {
	p, err := e.newPlanner(ctx, submission, clock)
	if err != nil {
		return err
	}
	p.untimed, p.each = true, each
	_, err = p.run(ctx)
	return err
}

// Comparison is what differs between two states of a workflow and its audience.
type Comparison struct {
	Added, Removed, Changed, Same int
	// The samples are the first few of each kind.
	AddedItems, RemovedItems []Sample
	ChangedItems             []ChangedItem
}

// ChangedItem is an item that gets something else than before.
type ChangedItem struct{ Before, After Sample }

// ItemWalk hands out the items of one state. It may be asked more than once, and gives the same each time.
type ItemWalk func(ctx context.Context, each func(PlannedItem) error) error

// errSeen ends a walk that has shown enough.
var errSeen = errors.New("seen enough")

// Compare finds who is added, who is removed, and who gets something else. It keeps some forty bytes of each item before.
func Compare(ctx context.Context, before, after ItemWalk) (*Comparison, error) {
	c := &comparer{texts: newKeyTexts(), result: &Comparison{}, wanted: map[uint64]int{}}
	if err := before(ctx, c.note); err != nil {
		return nil, err
	}
	if err := after(ctx, c.compare); err != nil {
		return nil, err
	}
	c.result.Removed = c.texts.used - c.result.Same - c.result.Changed
	c.removed = min(c.result.Removed, planSamples)
	if c.removed > 0 || len(c.wanted) > 0 {
		if err := before(ctx, c.show); err != nil && !errors.Is(err, errSeen) {
			return nil, err
		}
	}
	return c.result, nil
}

type comparer struct {
	texts   *keyTexts
	result  *Comparison
	wanted  map[uint64]int // changed items whose state before is to be shown, by their place among the samples
	removed int            // removed items that are still to be shown
}

func (c *comparer) note(item PlannedItem) error {
	c.texts.put(c.texts.hash(item), item.Text)
	return nil
}

func (c *comparer) compare(item PlannedItem) error {
	r := c.result
	hash := c.texts.hash(item)
	text := c.texts.find(hash)
	switch {
	case text == nil:
		r.Added++
		return appendSample(&r.AddedItems, item)
	case text.text == item.Text:
		text.seen = true
		r.Same++
		return nil
	}
	text.seen = true
	r.Changed++
	if len(r.ChangedItems) == planSamples {
		return nil
	}
	after, err := item.Show()
	c.wanted[hash] = len(r.ChangedItems)
	r.ChangedItems = append(r.ChangedItems, ChangedItem{After: after})
	return err
}

// show goes through the items before a second time, for samples.
func (c *comparer) show(item PlannedItem) (err error) {
	hash := c.texts.hash(item)
	if place, ok := c.wanted[hash]; ok {
		c.result.ChangedItems[place].Before, err = item.Show()
		delete(c.wanted, hash)
	} else if text := c.texts.find(hash); text != nil && !text.seen && c.removed > 0 {
		c.removed--
		err = appendSample(&c.result.RemovedItems, item)
	}
	if err == nil && c.removed == 0 && len(c.wanted) == 0 {
		return errSeen
	}
	return err
}

func appendSample(to *[]Sample, item PlannedItem) error {
	if len(*to) == planSamples {
		return nil
	}
	sample, err := item.Show()
	*to = append(*to, sample)
	return err
}

// keyTexts keeps a digest of what each key gets.
type keyTexts struct {
	seed  maphash.Seed
	slots []keyText
	used  int
}

type keyText struct {
	hash uint64 // 0: the slot is empty
	text [16]byte
	seen bool
}

func newKeyTexts() *keyTexts {
	return &keyTexts{seed: maphash.MakeSeed(), slots: make([]keyText, 1024)}
}

func (k *keyTexts) hash(item PlannedItem) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(item.Foreach))
	_, _ = h.Write(number[:]) // never fails
	_, _ = h.WriteString(item.Key)
	return max(1, h.Sum64())
}

// place is the slot of a hash, or the empty one where it belongs.
func (k *keyTexts) place(hash uint64) *keyText {
	first, _ := bits.Mul64(hash, uint64(len(k.slots)))
	for slot := int(first); ; slot++ {
		if slot == len(k.slots) {
			slot = 0
		}
		if s := &k.slots[slot]; s.hash == 0 || s.hash == hash {
			return s
		}
	}
}

func (k *keyTexts) find(hash uint64) *keyText {
	if s := k.place(hash); s.hash != 0 {
		return s
	}
	return nil
}

func (k *keyTexts) put(hash uint64, text [16]byte) {
	if k.used >= len(k.slots)/8*7 {
		old := k.slots
		k.slots = make([]keyText, len(old)+len(old)/2)
		for _, one := range old {
			if one.hash != 0 {
				*k.place(one.hash) = one
			}
		}
	}
	s := k.place(hash)
	if s.hash == 0 {
		k.used++
	}
	*s = keyText{hash: hash, text: text}
}
