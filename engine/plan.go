package engine

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/maphash"
	"slices"
	"time"

	"youmiflow/workflows"
)

// Plan is what a run would do, found by walking the steps as the run would, with every call assumed to succeed.
type Plan struct {
	Digest   string
	Workflow string
	Items    PlannedItems
	Calls    PlannedCalls
	FirstAt  time.Time // zero when there is no call
	LastAt   time.Time
	Duration time.Duration
	Samples  []Sample
	// Failures are the first few items whose steps cannot be prepared, with the reason. FailureCount counts those that
	// would fail before a message is sent to them, BrokenOff those that would have got one by then.
	Failures     []Sample
	FailureCount int
	BrokenOff    int
}

// PlannedItems counts the audience.
type PlannedItems struct {
	Total    int
	Selected int
	Skipped  map[string]int // by reason
}

// PlannedCalls counts calls.
type PlannedCalls struct {
	Total       int
	ByOperation map[string]int
	ByAccount   map[string]int
}

// Sample is an item with the calls it would make.
type Sample struct {
	Key    string
	Calls  []SampleCall
	Reason string

	messages int
}

// SampleCall is one call of a sample.
type SampleCall struct {
	Step      string
	Operation string
	Account   string
	Friend    string
	Request   json.RawMessage
}

// planSamples is how many items a plan shows in full.
const planSamples = 3

// VirtualClock is the time that a plan's limiter sees.
type VirtualClock struct{ at time.Time }

// Now is the virtual time.
func (v *VirtualClock) Now() time.Time { return v.at }

// Plan walks a workflow without doing anything but reading its audience. The engine's limiter must keep its state in
// memory and take its time from clock.
func (e *Engine) Plan(ctx context.Context, submission Submission, clock *VirtualClock) (*Plan, error) {
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
		Params: submission.Params, Trigger: "plan", CreatedAt: now, StartedAt: now}
	p := &planner{
		engine: e, active: newActiveRun(run, workflow, params, workflows.ResolveLimits(workflow, e.Limits), e.Now),
		clock: clock, hash: sha256.New(), seed: maphash.MakeSeed(), lanes: map[string]*plannedLane{},
		plan: &Plan{Workflow: workflow.Name, Items: PlannedItems{Skipped: map[string]int{}},
			Calls: PlannedCalls{ByOperation: map[string]int{}, ByAccount: map[string]int{}}},
	}
	if err := p.start(params); err != nil {
		return nil, err
	}
	s, err := newScope(e, p.active, Item{Key: run.ID, Run: run.ID}, nil)
	if err != nil {
		return nil, err
	}
	s.caller, s.loops, s.flow = p, p, assumedFlow{}
	p.sample = &Sample{}
	st, _, err := s.body(ctx, workflow.Steps, workflow.Finally)
	if err != nil {
		return nil, err
	}
	return p.finish(ctx, st, now)
}

// planner walks in place of a run: it is the caller that calls nobody.
type planner struct {
	engine *Engine
	active *activeRun
	clock  *VirtualClock
	plan   *Plan
	hash   hash.Hash
	seed   maphash.Seed
	sample *Sample // of the item being walked
	lane   string
	lanes  map[string]*plannedLane
	order  []*plannedLane
}

// start makes the digest one of the workflow, its params and the limits.
func (p *planner) start(params map[string]any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("writing the params: %w", err)
	}
	p.digest([]byte(p.active.workflow.Digest))
	p.digest(text)
	for _, limit := range slices.Concat(p.engine.Limits, p.active.limits) {
		p.digest([]byte(limitText(limit)))
	}
	return nil
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
	return fmt.Sprintf("%s|%s|%s|%s|%d/%s|%d|%s..%s|%d|%d", limit.Scope, limit.Name, by, match, limit.Rate.Count, limit.Rate.Per,
		limit.Burst, limit.GapMin, limit.GapMax, limit.Hourly, limit.Daily)
}

func (p *planner) digest(parts ...[]byte) {
	for _, part := range parts {
		p.hash.Write(part)
		p.hash.Write([]byte{0})
	}
}

func (p *planner) local(ctx context.Context, action Action) Outcome {
	if action.Assumed != nil {
		return Outcome{State: Succeeded, Outputs: action.Assumed}
	}
	return action.Perform(ctx)
}

func (p *planner) call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	request := action.Request
	request.Body = p.engine.redactor.JSON(request.Body) // so the digest does not change with the secret either
	p.plan.Calls.Total++
	p.plan.Calls.ByOperation[request.Operation]++
	p.plan.Calls.ByAccount[request.Account]++
	p.digest([]byte(step.Path), []byte(request.Operation), request.Body)
	p.pace(s, step.Path, *request)
	p.sample.Calls = append(p.sample.Calls, SampleCall{Step: step.Path, Operation: request.Operation,
		Account: request.Account, Friend: request.Friend, Request: request.Body})
	if request.Effect == workflows.EffectMessage {
		p.sample.messages++
	}
	if request.Effect == workflows.EffectRead && s.loops != nil {
		return p.read(ctx, s, step, action)
	}
	r := &result{Status: StatusSucceeded, Outputs: action.Assumed}
	if request.Takeover == TakeoverApplies {
		r.Takeover, r.Held = TakeoverHeld, Handle{"account": request.Account, "friend": request.Friend}
		s.keep(step.Path, r)
	}
	if request.Takeover == TakeoverEnds {
		s.ended(*request)
	}
	return r, nil
}

// foreach walks the body for every row that would be selected.
func (p *planner) foreach(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	seen := map[uint64]struct{}{}
	counts := map[Status]int{}
	err := eachItem(ctx, s, step, &planPacer{p, s, step}, func(item Item, row map[string]any) error {
		p.plan.Items.Total++
		if item.Status == StatusPending {
			hash := maphash.String(p.seed, item.Key)
			if _, twice := seen[hash]; twice {
				item.Status, item.Reason = StatusSkipped, ReasonDuplicate
			}
			seen[hash] = struct{}{}
		}
		if item.Status == StatusPending {
			var err error
			if item.Status, item.Reason, err = p.item(ctx, s, step, item, row); err != nil {
				return err
			}
		}
		counts[item.Status]++
		if item.Status == StatusSkipped {
			p.plan.Items.Skipped[item.Reason]++
			return nil
		}
		p.plan.Items.Selected++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &result{Status: StatusSucceeded, Outputs: countNames(counts)}, nil
}

// item walks the body for one row.
func (p *planner) item(ctx context.Context, outer *scope, step *workflows.Step, item Item, row map[string]any) (Status, string, error) {
	s, err := newScope(p.engine, p.active, item, outer.steps)
	if err != nil {
		return "", "", err
	}
	s.caller, s.flow = p, assumedFlow{}
	itemNames(s.names, step.Foreach.As, unwrap(row), item)
	around := p.sample
	p.sample, p.lane = &Sample{Key: item.Key}, item.Lane
	defer func() { p.sample, p.lane = around, "" }()
	p.digest([]byte(item.Key))
	st, late, err := s.body(ctx, step.Steps, step.Finally)
	if err != nil {
		return "", "", err
	}
	if len(s.holding()) > 0 {
		if err := s.release(ctx, false); err != nil {
			return "", "", err
		}
	}
	status, reason := itemEnd(st, late)
	p.keep(status, reason)
	return status, reason, nil
}

func (p *planner) keep(status Status, reason string) {
	p.sample.Reason = reason
	if status == StatusFailed {
		if p.sample.messages > 0 {
			p.plan.BrokenOff++
		} else {
			p.plan.FailureCount++
		}
		if len(p.plan.Failures) < planSamples {
			p.plan.Failures = append(p.plan.Failures, *p.sample)
		}
		return
	}
	if status == StatusSucceeded && len(p.plan.Samples) < planSamples {
		p.plan.Samples = append(p.plan.Samples, *p.sample)
	}
}

func (p *planner) finish(ctx context.Context, st *standing, now time.Time) (*Plan, error) {
	if st.status == StatusFailed {
		return nil, fmt.Errorf("the run would fail: %s", st.failure.Message)
	}
	if len(everyForeach(p.active.workflow)) == 0 {
		p.plan.Items.Total, p.plan.Items.Selected = 1, 1
		p.sample.Key = p.plan.Workflow
		if len(p.sample.Calls) > 0 {
			p.plan.Samples = append(p.plan.Samples, *p.sample)
		}
	}
	p.plan.Digest = "sha256:" + hex.EncodeToString(p.hash.Sum(nil))
	if p.plan.Calls.Total > 0 {
		if err := p.schedule(ctx, now); err != nil {
			return nil, err
		}
	}
	return p.plan, nil
}

// plannedLane is what a lane will ask of the limits, in order.
type plannedLane struct {
	at    time.Time
	index int // among the lanes, to break ties the same way every time
	calls []LimitedCall
}

// pace notes a call for the timing, where there are limits at all.
func (p *planner) pace(s *scope, path string, request Request) {
	if len(p.engine.Limits) == 0 && len(p.active.limits) == 0 {
		return
	}
	lane := p.lanes[p.lane]
	if lane == nil {
		lane = &plannedLane{index: len(p.order)}
		p.lanes[p.lane] = lane
		p.order = append(p.order, lane)
	}
	lane.calls = append(lane.calls, s.limited(path, request))
}

// schedule asks the limiter for every call in the order in which the lanes would come to it, against a platform that
// answers at once.
func (p *planner) schedule(ctx context.Context, now time.Time) error {
	p.plan.FirstAt, p.plan.LastAt = now, now
	queue := laneQueue(p.order)
	first := true
	for _, lane := range queue {
		lane.at = now
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		lane := queue[0]
		p.clock.at = lane.at
		slot, err := p.engine.Limiter.Reserve(ctx, lane.calls[0], p.active.limits)
		if err != nil {
			return fmt.Errorf("timing the plan: %w", err)
		}
		at := slot.At
		if at.Before(lane.at) {
			at = lane.at
		}
		if first || at.Before(p.plan.FirstAt) {
			p.plan.FirstAt = at
		}
		first = false
		if at.After(p.plan.LastAt) {
			p.plan.LastAt = at
		}
		lane.at, lane.calls = at, lane.calls[1:]
		if len(lane.calls) == 0 {
			heap.Pop(&queue)
		} else {
			heap.Fix(&queue, 0)
		}
	}
	p.plan.Duration = p.plan.LastAt.Sub(now)
	return nil
}

type laneQueue []*plannedLane

func (q laneQueue) Len() int { return len(q) }
func (q laneQueue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].index < q[j].index
	}
	return q[i].at.Before(q[j].at)
}
func (q laneQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *laneQueue) Push(x any)   { *q = append(*q, x.(*plannedLane)) }
func (q *laneQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}
