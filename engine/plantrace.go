package engine

import (
	"encoding/binary"
	"sync"

	"youmiflow/workflows"
)

// A plan first walks all items, as fast as it can, and then times their calls, lane by lane on a virtual clock. In between
// it keeps of each item what timing has to know. Most items make the same calls as others, to another friend: the list of
// calls, without the friends, is a shape, which they share. What is the item's own is a few bytes.

// plannedOp is one thing that an item does in a plan.
type plannedOp struct {
	path      string
	operation string // of a call
	effect    workflows.Effect
	takeover  TakeoverUse
	whom      int  // number of the conversation among the item's
	finally   bool // stands in a finally: done also when the rest is left out
}

// plannedShape is what many items have in common.
type plannedShape struct {
	id       int
	ops      []plannedOp
	whoms    int    // conversations
	outcome  Status // succeeded or failed; skipped when nothing applied
	reason   string // of a skipped one
	messages int    // calls with the effect message
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
	made := &plannedShape{id: len(s.list), ops: append([]plannedOp(nil), t.ops...), whoms: len(t.whoms), outcome: t.outcome, reason: t.reason}
	for _, op := range made.ops {
		if op.effect == workflows.EffectMessage {
			made.messages++
		}
	}
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
	outcome Status
	reason  string

	key      []byte // of the shape
	known    map[string]*plannedShape
	accounts map[string]int
}

func newTrace(shapes *shapes, friends bool) *trace {
	return &trace{shapes: shapes, friends: friends, known: map[string]*plannedShape{}, accounts: map[string]int{}}
}

func (t *trace) reset() {
	t.ops, t.whoms, t.outcome, t.reason = t.ops[:0], t.whoms[:0], "", ""
}

// call notes a call.
func (t *trace) call(path string, request *Request, finally bool) {
	t.ops = append(t.ops, plannedOp{path: path, operation: request.Operation, effect: request.Effect,
		takeover: request.Takeover, whom: t.whom(whom{request.Account, request.Friend}), finally: finally})
}

func (t *trace) whom(who whom) int {
	for i, known := range t.whoms {
		if known == who {
			return i
		}
	}
	t.whoms = append(t.whoms, who)
	return len(t.whoms) - 1
}

// shape finds the shape of what was gathered.
func (t *trace) shape() *plannedShape {
	t.key = t.key[:0]
	for _, op := range t.ops {
		t.key = append(t.key, op.path...)
		t.key = append(t.key, 0)
		t.key = append(t.key, op.operation...)
		t.key = append(t.key, 0)
		t.key = append(t.key, op.effect...)
		t.key = append(t.key, 0, byte(op.takeover))
		if op.finally {
			t.key = append(t.key, 'f')
		}
		t.key = binary.AppendUvarint(t.key, uint64(op.whom))
	}
	t.key = append(t.key, t.outcome...)
	t.key = append(t.key, 0)
	t.key = append(t.key, t.reason...)
	if found := t.known[string(t.key)]; found != nil {
		return found
	}
	made := t.shapes.shape(t.key, t)
	if len(t.known) > 10_000 {
		clear(t.known)
	}
	t.known[string(t.key)] = made
	return made
}

// appendRecord writes what is the item's own behind its shape: the seed of its key, and whom it concerns.
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
	return to
}

func (t *trace) account(name string) int {
	number, ok := t.accounts[name]
	if !ok {
		number = t.shapes.account(name)
		if len(t.accounts) > 10_000 {
			clear(t.accounts)
		}
		t.accounts[name] = number
	}
	return number
}

// plannedRecord is a record that is read again.
type plannedRecord struct {
	shape *plannedShape
	rank  int64 // among the items that take part, from 1
	seed  uint64
	whoms []plannedWhom
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
	r.whoms = r.whoms[:0]
	for range r.shape.whoms {
		who := plannedWhom{account: number()}
		if friends {
			length := number()
			who.friend, from = string(from[:length]), from[length:]
		}
		r.whoms = append(r.whoms, who)
	}
	return from
}
