package engine

import (
	"encoding/binary"
	"slices"
	"sync"

	"youmiflow/workflows"
)

// A plan first walks all items, as fast as it can, and then times their calls, lane by lane on a virtual clock. In between
// it keeps of each item what timing has to know. Most items do the same as others, for another friend: the list of what
// they do, without the friends, is a shape, which they share. What is the item's own is a few bytes.

// opKind says what an op is.
type opKind uint8

const (
	opCall     opKind = iota
	opWait            // lets time pass
	opTogether        // branches that are worked on at the same time
	opChild           // another workflow
)

// plannedOp is one thing that an item does in a plan. The ops of the branches of an opTogether, and those of an opChild,
// stand behind it, up to its end.
type plannedOp struct {
	kind      opKind
	finally   bool // stands in a finally: done also when the rest is left out
	takeover  TakeoverUse
	path      string
	operation string // of a call
	effect    workflows.Effect
	whom      int   // number of the conversation among the item's
	value     int   // of a wait: its number among the item's
	until     bool  // that number is an instant, else it is a length
	end       int   // the op behind what belongs to it
	branches  []int // where those of an opTogether begin
	book      *plannedBook
}

// plannedShape is what many items have in common.
type plannedShape struct {
	id       int
	ops      []plannedOp
	whoms    int    // conversations
	values   int    // of waits
	outcome  Status // succeeded or failed; skipped when nothing applied
	reason   string // of a skipped one
	variant  string
	messages int // calls with the effect message
}

// shapes are all the shapes of a plan. They are safe for concurrent use.
type shapes struct {
	mu     sync.Mutex
	byKey  map[string]*plannedShape
	list   []*plannedShape
	number map[string]int // of accounts
	names  []string
}

func newShapes() *shapes { return &shapes{byKey: map[string]*plannedShape{}, number: map[string]int{}} }

// shape returns the one of that key, which it makes of what trace has gathered when it is new.
func (s *shapes) shape(key []byte, t *trace) *plannedShape {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.byKey[string(key)]; found != nil {
		return found
	}
	made := t.made(len(s.list))
	s.byKey[string(key)] = made
	s.list = append(s.list, made)
	return made
}

// account numbers an account.
func (s *shapes) account(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, ok := s.number[name]
	if !ok {
		number = len(s.names)
		s.number[name] = number
		s.names = append(s.names, name)
	}
	return number
}

// whom is a conversation.
type whom struct{ account, friend string }

// trace gathers what one item does. It is used again for the next.
type trace struct {
	shapes  *shapes
	friends bool // whether friends are kept: some limit looks at them

	ops     []plannedOp
	whoms   []whom
	values  []int64
	outcome Status
	reason  string
	variant string

	key      []byte // of the shape
	known    map[string]*plannedShape
	accounts map[string]int
}

// mostKnown is how many shapes and accounts a trace has at hand; beyond, it forgets and asks for them again.
const mostKnown = 10_000

func newTrace(shapes *shapes, friends bool) *trace {
	return &trace{shapes: shapes, friends: friends, known: map[string]*plannedShape{}, accounts: map[string]int{}}
}

func (t *trace) reset() {
	t.ops, t.whoms, t.values = t.ops[:0], t.whoms[:0], t.values[:0]
	t.outcome, t.reason, t.variant = "", "", ""
}

// add notes an op and returns its place.
func (t *trace) add(op plannedOp) int {
	t.ops = append(t.ops, op)
	t.ops[len(t.ops)-1].end = len(t.ops)
	return len(t.ops) - 1
}

// close says that all that belongs to an op is noted.
func (t *trace) close(op int) { t.ops[op].end = len(t.ops) }

// call notes a call.
func (t *trace) call(path string, request *Request, finally bool, book *plannedBook) int {
	return t.add(plannedOp{kind: opCall, path: path, operation: request.Operation, effect: request.Effect,
		takeover: request.Takeover, whom: t.whom(whom{request.Account, request.Friend}), finally: finally, book: book})
}

// wait notes a wait, for a length or until an instant.
func (t *trace) wait(path string, value int64, until, finally bool, book *plannedBook) int {
	t.values = append(t.values, value)
	return t.add(plannedOp{kind: opWait, path: path, value: len(t.values) - 1, until: until, finally: finally, book: book})
}

func (t *trace) whom(who whom) int {
	if i := slices.Index(t.whoms, who); i >= 0 {
		return i
	}
	t.whoms = append(t.whoms, who)
	return len(t.whoms) - 1
}

// made makes a shape of what was gathered.
func (t *trace) made(id int) *plannedShape {
	shape := &plannedShape{id: id, ops: slices.Clone(t.ops), whoms: len(t.whoms), values: len(t.values), outcome: t.outcome,
		reason: t.reason, variant: t.variant}
	for i, op := range shape.ops {
		shape.ops[i].branches = slices.Clone(op.branches)
		if op.effect == workflows.EffectMessage {
			shape.messages++
		}
	}
	return shape
}

// shape finds the shape of what was gathered.
func (t *trace) shape() *plannedShape {
	t.writeKey()
	if found := t.known[string(t.key)]; found != nil {
		return found
	}
	if len(t.known) > mostKnown {
		clear(t.known)
	}
	made := t.shapes.shape(t.key, t)
	t.known[string(t.key)] = made
	return made
}

func (t *trace) writeKey() {
	key := t.key[:0]
	for i := range t.ops {
		op := &t.ops[i]
		key = append(append(key, op.path...), 0)
		key = append(append(key, op.operation...), 0)
		key = append(append(key, op.effect...), 0)
		flags := byte(op.kind)<<4 | byte(op.takeover)<<2
		if op.finally {
			flags |= 1
		}
		if op.until {
			flags |= 2
		}
		key = append(key, flags)
		if key = binary.AppendUvarint(key, uint64(op.whom)); op.book != nil {
			key = binary.AppendUvarint(key, uint64(op.book.id))
		}
		key = binary.AppendUvarint(key, uint64(op.end-i))
		for _, branch := range op.branches {
			key = binary.AppendUvarint(key, uint64(branch-i))
		}
	}
	key = append(append(key, t.variant...), 0)
	key = append(append(key, t.outcome...), 0)
	key = append(key, t.reason...)
	t.key = key
}

// appendRecord writes what is the item's own behind its shape: the seed of its key, whom it concerns, and how long it waits.
func (t *trace) appendRecord(to []byte, shape *plannedShape, seed uint64) []byte {
	to = binary.AppendUvarint(to, uint64(shape.id))
	to = binary.LittleEndian.AppendUint64(to, seed)
	for _, who := range t.whoms {
		to = binary.AppendUvarint(to, uint64(t.account(who.account)))
		if t.friends {
			to = binary.AppendUvarint(to, uint64(len(who.friend)))
			to = append(to, who.friend...)
		}
	}
	for _, value := range t.values {
		to = binary.AppendVarint(to, value)
	}
	return to
}

func (t *trace) account(name string) int {
	number, ok := t.accounts[name]
	if !ok {
		number = t.shapes.account(name)
		if len(t.accounts) > mostKnown {
			clear(t.accounts)
		}
		t.accounts[name] = number
	}
	return number
}

// plannedRecord is a record that is read again.
type plannedRecord struct {
	shape  *plannedShape
	rank   int64 // among the items that take part, from 1
	seed   uint64
	whoms  []plannedWhom
	values []int64
}

type plannedWhom struct {
	account int
	friend  string
}

// readRecord takes the first record off, and returns the rest.
func (s *shapes) readRecord(from []byte, friends bool, last int64, r *plannedRecord) []byte {
	number := func() int {
		value, n := binary.Uvarint(from)
		from = from[n:]
		return int(value)
	}
	r.rank = last + int64(number())
	r.shape = s.list[number()]
	r.seed, from = binary.LittleEndian.Uint64(from), from[8:]
	r.whoms, r.values = r.whoms[:0], r.values[:0]
	for range r.shape.whoms {
		who := plannedWhom{account: number()}
		if friends {
			length := number()
			who.friend, from = string(from[:length]), from[length:]
		}
		r.whoms = append(r.whoms, who)
	}
	for range r.shape.values {
		value, n := binary.Varint(from)
		from = from[n:]
		r.values = append(r.values, value)
	}
	return from
}
