package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"time"

	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// planner walks the run's own steps in place of a run.
type planner struct {
	engine  *Engine
	active  *activeRun
	clock   *VirtualClock
	plan    *Plan
	hash    hash.Hash
	seeds   seeds
	shapes  *shapes
	friends bool    // some limit looks at who gets a call
	limited bool    // there are limits
	root    *tracer // of the run's own steps
	began   time.Time
	now     time.Time // the virtual time at which the run's own steps stand
	tally   *tally
}

func (e *Engine) newPlanner(submission Submission, clock *VirtualClock) (*planner, error) {
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
	own := workflows.ResolveLimits(workflow, e.Limits)
	p := &planner{
		engine: e, active: newActiveRun(run, workflow, params, own, e.Now), clock: clock, plan: newPlan(workflow), hash: sha256.New(),
		seeds: newSeeds(workflow.Digest), shapes: newShapes(), began: now, now: now,
	}
	limits := slices.Concat(e.Limits, own)
	p.limited, p.friends = len(limits) > 0, slices.ContainsFunc(limits, seesFriend)
	p.tally = newTally(p.plan, e.Location)
	return p, p.begin(params, limits)
}

// begin makes the digest one of the workflow, its params and the limits.
func (p *planner) begin(params map[string]any, limits []*workflows.Limit) error {
	text, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("writing the params: %w", err)
	}
	p.digest([]byte(p.active.workflow.Digest), text)
	for _, limit := range limits {
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

// run walks the run's own steps.
func (p *planner) run(ctx context.Context) (*Plan, error) {
	s, err := newScope(p.engine, p.active, Item{Key: p.active.run.ID, Run: p.active.run.ID}, nil)
	if err != nil {
		return nil, err
	}
	p.root = newTracer(p)
	p.root.sample = &Sample{Key: p.plan.Workflow}
	s.caller, s.loops, s.flow = p, p, assumedFlow{}
	st, _, err := s.body(ctx, p.active.workflow.Steps, p.active.workflow.Finally)
	if err != nil {
		return nil, err
	}
	return p.finish(st)
}

func (p *planner) local(ctx context.Context, action Action) Outcome { return assume(ctx, action) }

// call times a call of the run's own steps.
func (p *planner) call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	r, err := p.root.call(ctx, s, step, action)
	if err != nil {
		return nil, err
	}
	if action.Request.Effect == workflows.EffectRead {
		if r, err = p.read(ctx, s, step, action); err != nil {
			return nil, err
		}
		p.now = later(p.now, p.clock.at)
		p.tally.call(p.shapes.account(action.Request.Account), action.Request.Account, action.Request.Operation, p.now.UnixNano())
		return r, nil
	}
	if p.limited {
		p.clock.at = p.now
		slot, err := p.engine.Limiter.Reserve(ctx, s.limited(step.Path, *action.Request), p.active.limits)
		if err != nil {
			return nil, fmt.Errorf("timing the plan: %w", err)
		}
		p.now = later(p.now, slot.At)
	}
	p.tally.call(p.shapes.account(action.Request.Account), action.Request.Account, action.Request.Operation, p.now.UnixNano())
	return r, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// foreach walks the body for every row that would be selected, and then times what it would do.
func (p *planner) foreach(ctx context.Context, s *scope, step *workflows.Step) (r *result, err error) {
	w, err := p.newPlanWalk(ctx, s, step)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	end, err := p.time(ctx, w)
	if err != nil {
		return nil, err
	}
	p.now = end
	return &result{Status: StatusSucceeded, Outputs: countNames(w.counts)}, nil
}

func (p *planner) finish(st *standing) (*Plan, error) {
	if st.status == StatusFailed {
		return nil, fmt.Errorf("the run would fail: %s", st.failure.Message)
	}
	p.digest(p.root.hash.Sum(nil))
	if len(everyForeach(p.active.workflow)) == 0 {
		p.plan.Items.Total, p.plan.Items.Selected = 1, 1
		if len(p.root.sample.Calls) > 0 {
			p.plan.Samples = append(p.plan.Samples, *p.root.sample)
		}
	}
	p.plan.Digest = "sha256:" + hex.EncodeToString(p.hash.Sum(nil))
	p.tally.finish(p.began)
	return p.plan, nil
}
