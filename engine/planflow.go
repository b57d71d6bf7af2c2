package engine

import (
	"context"
	"time"

	"youmiflow/workflows"
)

// tracedFlow is that of an item which a plan walks: no time passes yet, and conditions hold at the first look.
type tracedFlow struct{ tracer *tracer }

func (f tracedFlow) together(ctx context.Context, branches []func(context.Context) error) []error {
	t := f.tracer.trace
	op := t.add(plannedOp{kind: opTogether})
	errs := make([]error, len(branches))
	for i, branch := range branches {
		t.ops[op].branches = append(t.ops[op].branches, len(t.ops))
		errs[i] = branch(ctx)
	}
	t.close(op)
	return errs
}

func (f tracedFlow) wait(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	if step.Wait.Until != nil {
		return f.tracer.planner.holds(ctx, s, step)
	}
	value, until, err := waitValue(s, step.Wait)
	if err != nil {
		return failed("expression", err), nil
	}
	f.tracer.trace.wait(step.Path, value, until, s.ending, f.tracer.book)
	f.tracer.noteWait(step.Path, value)
	return &result{Status: StatusSucceeded}, nil
}

// waitValue is how long a wait is, or until when.
func waitValue(s *scope, wait *workflows.Wait) (value int64, until bool, err error) {
	epoch := time.Unix(0, 0)
	at, err := s.waitsUntil(wait, epoch)
	return at.UnixNano(), wait.At != nil, err
}

// holds does the steps of a wait for a condition once: a plan takes it that the condition holds then.
func (p *planner) holds(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	p.note(noteConditions)
	st, _, err := s.body(ctx, step.Steps, nil)
	if err != nil {
		return nil, err
	}
	return &result{Status: st.status, Error: st.failure}, nil
}

// approve does not stand in the body of a foreach.
func (f tracedFlow) approve(_ context.Context, s *scope, step *workflows.Step) (*result, error) {
	return f.tracer.planner.approved(s, step), nil
}

// child walks the called workflow in place.
func (f tracedFlow) child(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	t := f.tracer
	run, refused := s.submit(step)
	if refused != nil {
		return refused, nil
	}
	around := t.book
	t.book = t.planner.childBook(s.active.workflow.Calls[step.Call.Workflow], run, around)
	op := t.trace.add(plannedOp{kind: opChild, path: step.Path, finally: s.ending, book: t.book})
	defer func() { t.trace.close(op); t.book = around }()
	return t.planner.walkChild(ctx, s, run, t.book)
}

// walkChild walks a called workflow with its own params and names.
func (p *planner) walkChild(ctx context.Context, s *scope, run Run, book *plannedBook) (*result, error) {
	callee := book.active.workflow
	params, err := callee.BindParams(run.Params)
	if err != nil {
		return failed("params", err), nil
	}
	active := newActiveRun(run, callee, params, book.active.limits(), s.engine.Now)
	inner, err := newScope(s.engine, active, Item{Run: run.ID}, nil)
	if err != nil {
		return nil, err
	}
	inner.caller, inner.loops, inner.flow = s.caller, s.loops, s.flow
	inner.lists = [][]*workflows.Step{callee.Steps, callee.Finally}
	st, _, err := inner.body(ctx, callee.Steps, callee.Finally)
	if err != nil {
		return nil, err
	}
	r := &result{Status: StatusSucceeded, Outputs: map[string]any{}}
	if st.status != StatusSucceeded {
		return &result{Status: StatusFailed, Outputs: r.Outputs, Error: &Failure{Code: "child-" + string(st.status), Message: "the called workflow would fail: " + st.text()}}, nil
	}
	for _, output := range callee.Outputs {
		if r.Outputs[output.Name], err = output.Value.Eval(inner.names); err != nil {
			return failed(codeOutputs, err), nil
		}
	}
	return r, nil
}

func (st *standing) text() string {
	if st.failure == nil {
		return string(st.status)
	}
	return st.failure.text()
}

// approved is what a plan takes an approval for: given at once.
func (p *planner) approved(s *scope, step *workflows.Step) *result {
	p.note(noteApprovals)
	asked, err := s.asks(step)
	if err != nil {
		return failed("expression", err)
	}
	now := s.engine.Now()
	return &result{Status: StatusSucceeded, Outputs: map[string]any{"text": asked, "asked_at": now, "until": nil,
		"default": string(workflows.DecisionReject), "decision": string(workflows.DecisionApprove), "by": "", "at": now, "note": ""}}
}

// timedFlow is that of the run's own steps in a plan: time passes on its clock.
type timedFlow struct{ planner *planner }

func (f timedFlow) wait(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	p := f.planner
	if step.Wait.Until != nil {
		return p.holds(ctx, s, step)
	}
	value, until, err := waitValue(s, step.Wait)
	if err != nil {
		return failed("expression", err), nil
	}
	p.root.noteWait(step.Path, value)
	it := strandOf(ctx).item
	it.values = append(it.values, value)
	_, err = p.perform(ctx, it.push(plannedOp{kind: opWait, path: step.Path, value: len(it.values) - 1, until: until}))
	return &result{Status: StatusSucceeded}, err
}

func (f timedFlow) approve(_ context.Context, s *scope, step *workflows.Step) (*result, error) {
	return f.planner.approved(s, step), nil
}

// child walks the called workflow in place. It is a run of its own, which the strand waits for.
func (f timedFlow) child(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	run, refused := s.submit(step)
	if refused != nil {
		return refused, nil
	}
	p, me := f.planner, strandOf(ctx)
	around := me.item
	defer func() { me.item = around }()
	book := p.childBook(s.active.workflow.Calls[step.Call.Workflow], run, around.book)
	me.item = p.rootItem(book, p.line.now)
	r, err := p.walkChild(ctx, s, run, book)
	if err != nil {
		return nil, err
	}
	return r, p.handBack(ctx, me.item)
}

func (f timedFlow) together(ctx context.Context, branches []func(context.Context) error) []error {
	p, me := f.planner, strandOf(ctx)
	errs, left := make([]error, len(branches)), len(branches)
	for i, branch := range branches {
		s, stop := p.line.begin(ctx, func(ctx context.Context) error {
			errs[i] = branch(ctx)
			return nil
		}, func() {
			if left--; left == 0 {
				p.line.wake(&me.actor, p.line.now)
			}
		})
		s.item = p.rootItem(me.item.book, 0)
		s.item.deadline = me.item.deadline
		p.stops = append(p.stops, stop)
	}
	for left > 0 {
		if err := me.await(never); err != nil {
			return append(errs, err)
		}
	}
	return errs
}
