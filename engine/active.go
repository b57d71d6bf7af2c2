package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"youmiflow/workflows"
)

// activeRun is what this process holds in memory of a run it works on.
type activeRun struct {
	run      Run
	workflow *workflows.Workflow
	files    []string       // paths given from outside
	names    map[string]any // what expressions see everywhere
	conduct                 // what its file asks for as to how it behaves

	now func() time.Time
	own atomic.Pointer[ownLimits]

	cancelling atomic.Bool // wanted is WantCancel, for good

	mu      sync.Mutex
	wanted  Wanted
	stopped time.Time     // when it ceased to be WantRun
	stop    chan struct{} // closed then
	gates   map[string]*gate
	// openings are those of lanes whose limits bind, between their slices.
	openings map[LaneKey]opening
	// begunTo are the items up to which this process has begun those of lanes.
	begunTo map[LaneKey]int64
	// decision is closed when the decisions about a pause that are being written down are made; nil while there are none.
	decision  chan struct{}
	decisions int
	waits     string    // why calls of the run wait
	until     time.Time // and until when that is so
	resumeAt  map[slotKey]resumption
	asked     map[string]bool // steps that wait for a person
	hearing
	children int // runs that it has called, and that may be open
}

// slotKey names a wait that outlasts a slice: a call's slot, or the pause before its next attempt.
type slotKey struct {
	item int64
	step string
}

// activate returns the run as this process holds it, nil when there is nothing left to do for it.
func (e *Engine) activate(ctx context.Context, id string) (*activeRun, error) {
	run, err := e.Ledger.Run(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil // a job of a run that was deleted
	}
	if err != nil {
		return nil, err
	}
	if run.Status.Over() {
		e.retire(id)
		return nil, nil
	}
	e.mu.Lock()
	active := e.active[id]
	e.mu.Unlock()
	if active == nil {
		if active, err = e.load(ctx, run); err != nil {
			return nil, e.reject(ctx, run, err)
		}
		e.mu.Lock()
		if other := e.active[id]; other != nil {
			active = other
		} else {
			e.active[id] = active
		}
		e.mu.Unlock()
	}
	active.want(run.Wanted)
	active.follow(e.limits.Load())
	return active, nil
}

// load reads the workflow a run was started with.
func (e *Engine) load(ctx context.Context, run Run) (*activeRun, error) {
	workflow, err := e.workflowOf(ctx, run)
	if err != nil {
		return nil, err
	}
	params, err := workflow.BindParams(run.Params)
	if err != nil {
		return nil, &rejected{Failure{Code: "params", Message: err.Error()}}
	}
	if err := e.checkSecrets(workflow); err != nil {
		return nil, &rejected{Failure{Code: "secrets", Message: err.Error()}}
	}
	active := newActiveRun(run, workflow, params, nil, e.Now)
	active.follow(e.limits.Load())
	if active.window, err = windowOf(workflow.Window, e.Location); err != nil {
		return nil, &rejected{Failure{Code: "workflow", Message: err.Error()}}
	}
	if run.Parent != nil {
		if err := e.inherit(ctx, active); err != nil {
			return nil, err
		}
	}
	return active, nil
}

func newActiveRun(run Run, workflow *workflows.Workflow, params map[string]any, limits []*workflows.Limit, now func() time.Time) *activeRun {
	active := &activeRun{
		run: run, workflow: workflow, wanted: WantRun, stop: make(chan struct{}),
		gates: map[string]*gate{}, now: now, resumeAt: map[slotKey]resumption{}, asked: map[string]bool{}, names: runNames(run, params),
	}
	active.own.Store(&ownLimits{limits: limits})
	for _, param := range workflow.Params {
		path, ok := params[param.Name].(string)
		if ok && param.Type == workflows.ParamFile && run.Params[param.Name] != nil {
			active.files = append(active.files, path)
		}
	}
	return active
}

// rejected is why a run cannot even begin.
type rejected struct{ failure Failure }

func (r *rejected) Error() string { return r.failure.Message }

// reject stops a run that cannot be worked on, so that it is not tried for ever. Other errors are passed on.
func (e *Engine) reject(ctx context.Context, run Run, cause error) error {
	var reason *rejected
	if !errors.As(cause, &reason) {
		return cause
	}
	// Paused, not failed: what its items hold and have yet to get is not lost, and another version may go on with it.
	paused, wanted := StatusPaused, WantPause
	err := e.commit(ctx, SetRun{ID: run.ID, Status: &paused, Wanted: &wanted, Error: &reason.failure})
	if err == nil {
		run.Error = &reason.failure
		e.logPause(ctx, run)
	}
	return err
}

func (e *Engine) retire(id string) {
	e.mu.Lock()
	delete(e.active, id)
	e.mu.Unlock()
}

// want notes what is wanted of the run now.
func (a *activeRun) want(wanted Wanted) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if wanted == a.wanted || a.wanted == WantCancel { // a cancel is final
		return
	}
	if a.wanted == WantRun {
		a.stopped = a.now()
		close(a.stop)
	} else if wanted == WantRun {
		a.stop = make(chan struct{})
		a.stopped = time.Time{}
	}
	a.wanted = wanted
	a.cancelling.Store(wanted == WantCancel)
}

// state returns what is wanted, since when it is not WantRun, and a channel that is closed from then on.
func (a *activeRun) state() (Wanted, time.Time, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted, a.stopped, a.stop
}

// gate returns the bound on calls in flight that all lanes of a foreach share in this process.
func (a *activeRun) gate(step string, concurrency int) *gate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gates[step] == nil {
		a.gates[step] = newGate(concurrency)
	}
	return a.gates[step]
}

// asks notes that a step waits for a person, whose decision another process may keep.
func (a *activeRun) asks(path string) {
	a.mu.Lock()
	a.asked[path] = true
	a.mu.Unlock()
}

// questions are the steps that were noted so.
func (a *activeRun) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.asked))
}

// mayWait reports whether nobody is likely to ask something of the run that its caller does not know of.
func (a *activeRun) mayWait() bool { return a.run.Parent != nil && len(a.questions()) == 0 }

// answered has a step no longer be looked after.
func (a *activeRun) answered(path string) {
	a.mu.Lock()
	delete(a.asked, path)
	a.mu.Unlock()
}

// openChildren is how many runs that it has called may be open; childBegun counts one more, and childrenAre says how many
// there are.
func (a *activeRun) openChildren() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.children
}

func (a *activeRun) childBegun() {
	a.mu.Lock()
	a.children++
	a.mu.Unlock()
}

func (a *activeRun) childrenAre(n int) {
	a.mu.Lock()
	a.children = n
	a.mu.Unlock()
}

// waiting notes why a call of the run waits, and until when.
func (a *activeRun) waiting(until time.Time, why string) {
	a.mu.Lock()
	a.waits, a.until = why, until
	a.mu.Unlock()
}

// Waiting says, for people, why calls of a run that this process works on wait now; "" when they do not, or when another
// process works on it.
func (e *Engine) Waiting(run string) string {
	e.mu.Lock()
	active := e.active[run]
	e.mu.Unlock()
	if active == nil {
		return ""
	}
	active.mu.Lock()
	defer active.mu.Unlock()
	if e.Now().After(active.until) {
		return ""
	}
	return active.waits
}
