package engine

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// planner makes a plan: it walks the run's own steps in place of a run, on a clock of its own.
type planner struct {
	engine    *Engine
	active    *activeRun
	clock     *VirtualClock
	plan      *Plan
	hash      hash.Hash
	shapes    *shapes
	friends   bool // some limit looks at who gets a call
	capping   bool // some limit counts contacts
	root      *tracer
	began     time.Time
	tally     *tally
	line      timeline
	timer     *planTimer // of the run's own steps
	stops     []func()   // of strands
	called    []*plannedChild
	book      *plannedBook
	tripped   map[string]int64        // accounts that are held, and until when
	end       plannedOp               // how a conversation is handed back
	untimed   bool                    // nothing is timed: who and what is all that is asked
	each      func(PlannedItem) error // hears of every item; nil: nobody does
	foreaches int
	samples   int                                            // how many items are shown in full
	heard     func(it *plannedItem, op *plannedOp, at int64) // hears of every call; nil: nobody does

	mu       sync.Mutex // of what walkers share
	books    []*plannedBook
	children map[childKey]*plannedBook
	notes    map[string]bool
}

func (e *Engine) newPlanner(ctx context.Context, submission Submission, clock *VirtualClock) (*planner, error) {
	workflow := submission.Workflow
	params, err := workflow.BindParams(submission.Params)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(e.checkSecrets(workflow), e.checkParams(submission.Params)); err != nil {
		return nil, err
	}
	now := e.Now()
	run := Run{ID: "plan", Workflow: workflow.Name, Digest: workflow.Digest, Connection: workflow.Connection,
		Params: submission.Params, Trigger: "plan", CreatedAt: now} // no StartedAt: nothing is too late while items are walked
	if test := submission.Test; test != nil {
		run.Test = &Test{Account: test.Account, Friend: test.Friend, Rows: cmp.Or(max(test.Rows, 0), defaultTestRows)}
	}
	own := workflows.ResolveLimits(workflow, e.shared())
	p := &planner{
		engine: e, active: newActiveRun(run, workflow, params, own, e.Now), clock: clock, plan: newPlan(workflow), hash: sha256.New(),
		shapes: newShapes(), began: now, tripped: map[string]int64{}, children: map[childKey]*plannedBook{}, notes: map[string]bool{},
		samples: planSamples,
	}
	p.line.now = now.UnixNano()
	p.tally = newTally(p.plan, e.Location)
	window, err := windowOf(workflow.Window, e.Location)
	if err != nil {
		return nil, err
	}
	p.book = p.newBook(p.active, window)
	p.timer = &planTimer{planner: p, book: p.book}
	p.see(slices.Concat(e.shared(), own))
	if err := errors.Join(p.findEnd(), p.knowTripped(ctx)); err != nil {
		return nil, err
	}
	return p, p.begin(params)
}

// see notes what timing has to keep for some limits.
func (p *planner) see(limits []*workflows.Limit) {
	for _, limit := range limits {
		p.friends = p.friends || seesFriend(limit)
		p.capping = p.capping || limit.Max > 0
	}
}

// begin makes the digest one of everything that the plan follows from, but for the rows: the workflow and those that it
// calls, its params, the limits.
func (p *planner) begin(params map[string]any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("writing the params: %w", err)
	}
	workflow := p.active.workflow
	p.digest([]byte(workflow.Digest), text)
	if test := p.active.run.Test; test != nil {
		p.digest([]byte("test"), []byte(test.Account), []byte(test.Friend), []byte(strconv.Itoa(test.Rows)))
	}
	for _, limit := range slices.Concat(p.engine.shared(), p.active.limits()) {
		p.digest([]byte(limitText(limit)))
	}
	for _, callee := range everyCallee(workflow) {
		own := workflows.ResolveLimits(callee, p.engine.shared())
		p.see(own)
		p.digest([]byte(callee.Digest))
		for _, limit := range own {
			p.digest([]byte(limitText(limit)))
		}
	}
	return nil
}

// everyCallee lists the workflows that one calls, and those that these call, each once, by name.
func everyCallee(workflow *workflows.Workflow) []*workflows.Workflow {
	found := map[string]*workflows.Workflow{}
	var look func(*workflows.Workflow)
	look = func(workflow *workflows.Workflow) {
		for name, callee := range workflow.Calls {
			if found[name] == nil {
				found[name] = callee
				look(callee)
			}
		}
	}
	look(workflow)
	var list []*workflows.Workflow
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[name])
	}
	return list
}

// limitText is all of a limit that decides when a call may leave.
func limitText(limit *workflows.Limit) string {
	by, match := "", ""
	if limit.By != nil {
		by = limit.By.Source()
	}
	if limit.Match != nil {
		match = limit.Match.Source()
	}
	return fmt.Sprintf("%s|%s|%s|%s|%d/%s|%d|%s..%s|%d|%d|%d %s..%s|%v|%d/%s %s", limit.Scope, limit.Name, by, match, limit.Rate.Count,
		limit.Rate.Per, limit.Burst, limit.GapMin, limit.GapMax, limit.Hourly, limit.Daily, limit.RestAfter, limit.RestMin,
		limit.RestMax, limit.WarmUp, limit.Max, limit.Per, limit.Over)
}

// seesFriend reports whether a limit may tell one friend from another.
func seesFriend(limit *workflows.Limit) bool {
	for _, program := range [2]*expression.Program{limit.By, limit.Match} {
		if program == nil {
			continue
		}
		for _, member := range program.Members("call") {
			if member.Name == "" || member.Name == "friend" {
				return true
			}
		}
	}
	return false
}

func (p *planner) digest(parts ...[]byte) {
	for _, part := range parts {
		p.hash.Write(part)
		p.hash.Write([]byte{0})
	}
}

// run walks the run's own steps on the plan's clock.
func (p *planner) run(ctx context.Context) (*Plan, error) {
	s, err := newScope(p.engine, p.active, Item{Run: p.active.run.ID}, nil)
	if err != nil {
		return nil, err
	}
	p.root = newTracer(p)
	p.root.sample = &Sample{Key: p.plan.Workflow}
	s.caller, s.loops, s.flow = p, p, timedFlow{p}
	s.record = func(_ context.Context, path string, r *result) error {
		if r.Error != nil && r.Error.Afterwards {
			p.note(fmt.Sprintf("the step %s of `finally` would fail, which changes no outcome: %s", path, r.Error.Message))
		}
		return nil
	}
	workflow := p.active.workflow
	s.lists = [][]*workflows.Step{workflow.Steps, workflow.Finally}
	var st *standing
	main, stop := p.line.begin(ctx, func(ctx context.Context) (err error) {
		if st, _, err = s.body(ctx, workflow.Steps, workflow.Finally); err != nil {
			return err
		}
		return errors.Join(p.endCalled(ctx), p.handBack(ctx, strandOf(ctx).item))
	}, nil)
	main.item = p.rootItem(p.book, p.line.now)
	p.stops = append(p.stops, stop)
	err = p.line.run(ctx)
	for _, stop := range slices.Backward(p.stops) {
		stop()
	}
	switch {
	case err != nil:
		return nil, err
	case errors.Is(main.err, errStranded):
		return p.finish(nil)
	}
	return p.finish(st)
}

// foreach walks the body for every row that would be selected, and then times what it would do.
func (p *planner) foreach(ctx context.Context, s *scope, step *workflows.Step) (r *result, err error) {
	w, err := p.newPlanWalk(s, step, strandOf(ctx).item)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	if !p.untimed {
		if err := errors.Join(p.catchUp(ctx), p.time(ctx, w)); err != nil {
			return nil, err
		}
	}
	return &result{Status: StatusSucceeded, Outputs: countNames(w.counts)}, nil
}

// finish ends the plan of a run whose own steps end like that; nil when they do not end before somebody does something.
func (p *planner) finish(st *standing) (*Plan, error) {
	if st != nil && st.status == StatusFailed {
		return nil, fmt.Errorf("the run would fail: %s", st.failure.Message)
	}
	own := p.root.hash.Sum(nil)
	p.digest(own)
	if p.each != nil && len(p.root.sample.Calls) > 0 {
		show := func() (Sample, error) { return *p.root.sample, nil }
		if err := p.each(PlannedItem{Key: p.plan.Workflow, Text: [16]byte(own[:16]), Show: show}); err != nil {
			return nil, err
		}
	}
	if len(everyForeach(p.active.workflow)) == 0 {
		p.plan.Items.Total, p.plan.Items.Selected = 1, 1
		if len(p.root.sample.Calls) > 0 {
			p.plan.Samples = append(p.plan.Samples, *p.root.sample)
		}
	}
	p.plan.Digest = "sha256:" + hex.EncodeToString(p.hash.Sum(nil))
	p.plan.Notes = slices.Sorted(maps.Keys(p.notes))
	p.tally.finish(p.began)
	return p.plan, nil
}

// What a plan has to assume.
const (
	noteApprovals  = "approvals count as given at once: every hour that people take puts off what follows"
	noteConditions = "a wait for a condition counts as over at the first look"
	noteInner      = "the items of workflows that items call count as worked on one behind the other"
)

// note notes something that the plan has assumed.
func (p *planner) note(text string) {
	p.mu.Lock()
	p.notes[text] = true
	p.mu.Unlock()
}

// childKey tells the books of called workflows apart.
type childKey struct {
	workflow *workflows.Workflow
	caller   *plannedBook
}

// childBook is that of the runs of a workflow which another one calls. One without a send window keeps that of its caller.
func (p *planner) childBook(callee *workflows.Workflow, run Run, caller *plannedBook) *plannedBook {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := childKey{callee, caller}
	if book := p.children[key]; book != nil {
		return book
	}
	active := newActiveRun(run, callee, map[string]any{}, workflows.ResolveLimits(callee, p.engine.shared()), p.engine.Now)
	window, err := windowOf(callee.Window, p.engine.Location)
	if window == nil || err != nil { // what it says was checked when the file was read
		window = caller.window
	}
	book := p.newBook(active, window)
	p.children[key] = book
	return book
}
