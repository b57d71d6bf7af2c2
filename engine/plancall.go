package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"strconv"

	"youmiflow/workflows"
)

// digestSize is the length of an item's digest in bytes.
const digestSize = sha256.Size

// tracer is the caller of an item that a plan walks: it calls nobody, and notes what would be called.
type tracer struct {
	planner *planner
	book    *plannedBook // of the run whose steps are walked
	trace   *trace
	hash    hash.Hash
	buffer  []byte
	status  Status // how the item ends
	reason  string
	sample  *Sample   // nil unless its calls are to be shown
	results []*result // of calls, to be used again for the next item
	given   int       // how many of them this item has
}

func newTracer(p *planner) *tracer {
	return &tracer{planner: p, book: p.book, trace: newTrace(p.shapes, p.friends), hash: sha256.New()}
}

// begin forgets the last item.
func (t *tracer) begin() {
	t.trace.reset()
	t.hash.Reset()
	t.status, t.reason = "", ""
	t.given = 0
}

// result is one that is empty. It is valid until the next item begins.
func (t *tracer) result() *result {
	if t.given == len(t.results) {
		t.results = append(t.results, &result{})
	}
	r := t.results[t.given]
	t.given++
	*r = result{}
	return r
}

func (t *tracer) local(ctx context.Context, s *scope, _ *workflows.Step, action Action) (*result, error) {
	return s.assume(ctx, action), nil
}

// assume performs a step that calls nobody, unless it says itself what a plan goes on with.
func (s *scope) assume(ctx context.Context, action Action) *result {
	outcome := Outcome{State: Succeeded, Outputs: action.Assumed}
	if action.Assumed == nil {
		outcome = action.Perform(ctx)
	}
	return local(s.engine.clean(outcome))
}

func (t *tracer) call(_ context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	request := action.Request
	t.show(step.Path, request)
	if !s.handing { // else timing does it by itself, whenever the item ends
		t.trace.call(step.Path, request, s.ending, t.book)
	}
	return assumed(s, step, action, t.result()), nil
}

// show makes a call part of the digest, and of the sample where one is wanted.
func (t *tracer) show(path string, request *Request) {
	body := t.planner.engine.redactor.JSON(request.Body) // so the digest does not change with the secret either
	t.note(path, request.Operation, body)
	if t.sample != nil {
		t.sample.Calls = append(t.sample.Calls, SampleCall{Step: path, Operation: request.Operation,
			Account: request.Account, Friend: request.Friend, Request: bytes.Clone(body)}) // the body's memory is lent
	}
}

// noteWait makes a wait part of the digest.
func (t *tracer) noteWait(path string, value int64) {
	var text [20]byte
	t.note(path, "wait", strconv.AppendInt(text[:0], value, 10))
}

// note makes a call part of the digest.
func (t *tracer) note(path, operation string, body []byte) {
	b := append(append(append(append(t.buffer[:0], path...), 0), operation...), 0)
	b = append(b, body...)
	b = append(b, b[0])
	t.hash.Write(b) // at once: it is quicker than piece by piece
	t.buffer = b
}

// digest is what the item's calls and its key come to.
func (t *tracer) digest(key string, to []byte) {
	t.buffer = append(t.buffer[:0], key...)
	t.hash.Write(t.buffer)
	t.hash.Sum(to[:0])
}

// assumed is the result of a call that a plan takes as succeeded. What is kept of it is nobody else's, so that it needs no
// copies. It is written to r, which is empty.
func assumed(s *scope, step *workflows.Step, action Action, r *result) *result {
	request := action.Request
	r.Status, r.Outputs = StatusSucceeded, action.Assumed
	if request.Takeover == TakeoverNone {
		return r
	}
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	if request.Takeover == TakeoverApplies {
		r.Takeover = TakeoverHeld
		if r.Held, _ = action.Assumed["takeover"].(map[string]any); r.Held == nil {
			r.Held = Handle{"account": request.Account, "friend": request.Friend}
		}
		s.kept.results[step.Path] = r
		return r
	}
	for _, other := range s.kept.results {
		if other.Takeover == TakeoverHeld && other.Held["account"] == request.Account && other.Held["friend"] == request.Friend {
			other.Takeover = TakeoverEnded
		}
	}
	return r
}

// seeds gives the seeds of calls as a run of the workflow will (scope.limited), in two steps, so that an item keeps eight
// bytes for all its calls. They are the 64-bit FNV-1a of the workflow's digest, the item's key and the step's path.
type seeds struct{ start uint64 }

const (
	fnvStart = 14695981039346656037
	fnvPrime = 1099511628211
)

func newSeeds(digest string) seeds { return seeds{fnvPart(fnvStart, digest)} }

// item is what an item of that key keeps, and seedOf what a call of it at a step gets.
func (s seeds) item(key string) uint64 { return fnvPart(s.start, key) }

func seedOf(item uint64, path string) uint64 { return fnvPart(item, path) }

// fnvPart goes on with a part and the zero byte that ends it.
func fnvPart(hash uint64, part string) uint64 {
	for i := range len(part) {
		hash = (hash ^ uint64(part[i])) * fnvPrime
	}
	return hash * fnvPrime
}
