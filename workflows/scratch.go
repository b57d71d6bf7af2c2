package workflows

// Scratch lends its memory to the lists and objects that values compute, and to what is made of them, so that one item after
// the other is computed in the same. It is for one goroutine. What was computed in it is only valid until the next Reset. A
// nil Scratch lends nothing: everything is made anew.
type Scratch struct {
	round   uint64
	lent    map[*Value]*loan
	objects []map[string]any
	used    int // of objects, since the last Reset
	bytes   []byte
}

// scratchBytes is how much Bytes lends at once, in bytes.
const scratchBytes = 4 << 10

// loan is what a value has of a Scratch: once between two Resets, so that nothing that is in use is written over.
type loan struct {
	round  uint64
	list   []any
	object map[string]any
}

// NewScratch returns one that has nothing yet.
func NewScratch() *Scratch {
	return &Scratch{round: 1, lent: map[*Value]*loan{}, bytes: make([]byte, 0, scratchBytes)}
}

// Reset takes back everything that was lent.
func (s *Scratch) Reset() {
	s.round++
	s.used = 0
}

// Object lends an object that has no fields.
func (s *Scratch) Object() map[string]any {
	if s == nil {
		return map[string]any{}
	}
	if s.used == len(s.objects) {
		s.objects = append(s.objects, map[string]any{})
	}
	s.used++
	object := s.objects[s.used-1]
	clear(object)
	return object
}

// Bytes lends memory to write to, of no length and some capacity; nil from a nil Scratch. It is always the same: what was
// written to it before is written over.
func (s *Scratch) Bytes() []byte {
	if s == nil {
		return nil
	}
	return s.bytes
}

// borrow returns what a value may write to; nil when it has to make something new.
func (s *Scratch) borrow(v *Value) *loan {
	if s == nil {
		return nil
	}
	l := s.lent[v]
	switch {
	case l == nil:
		l = &loan{}
		s.lent[v] = l
	case l.round == s.round:
		return nil
	}
	l.round = s.round
	return l
}

// listOf is a list for the elements of v.
func (s *Scratch) listOf(v *Value) []any {
	l := s.borrow(v)
	if l == nil {
		return make([]any, len(v.items))
	}
	if l.list == nil {
		l.list = make([]any, len(v.items))
	}
	return l.list
}

// objectOf is an object for the fields of v. It may hold them already, and holds no others.
func (s *Scratch) objectOf(v *Value) map[string]any {
	l := s.borrow(v)
	if l == nil {
		return make(map[string]any, len(v.items))
	}
	if l.object == nil {
		l.object = make(map[string]any, len(v.items))
	} else if len(l.object) != len(v.items) { // it was added to, or not filled to the end
		clear(l.object)
	}
	return l.object
}

// wrapOf is an object for the one field that v, which is no list or object itself, stands for.
func (s *Scratch) wrapOf(v *Value) map[string]any {
	l := s.borrow(v)
	if l == nil {
		return make(map[string]any, 1)
	}
	if l.object == nil {
		l.object = make(map[string]any, 1)
	} else if len(l.object) != 1 {
		clear(l.object)
	}
	return l.object
}
