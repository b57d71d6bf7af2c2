package engine

import (
	"context"

	"youmiflow/workflows"
)

// assumedFlow is that of a plan: no time passes, everybody approves at once, and conditions hold at the first look.
type assumedFlow struct{}

func (assumedFlow) together(ctx context.Context, branches []func(context.Context) error) []error {
	errs := make([]error, len(branches))
	for i, branch := range branches {
		errs[i] = branch(ctx)
	}
	return errs
}

func (assumedFlow) wait(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	if step.Wait.Until == nil {
		if _, err := s.waitsUntil(step.Wait, s.engine.Now()); err != nil {
			return failed("expression", err), nil
		}
		return &result{Status: StatusSucceeded}, nil
	}
	st, _, err := s.body(ctx, step.Steps, nil)
	if err != nil {
		return nil, err
	}
	return &result{Status: st.status, Error: st.failure}, nil
}

func (assumedFlow) approve(_ context.Context, s *scope, step *workflows.Step) (*result, error) {
	asked, err := s.asks(step)
	if err != nil {
		return failed("expression", err), nil
	}
	now := s.engine.Now()
	return &result{Status: StatusSucceeded, Outputs: map[string]any{"text": asked, "asked_at": now, "until": nil,
		"decision": string(workflows.DecisionApprove), "by": "", "at": now, "note": ""}}, nil
}

// child walks the called workflow in place, with its own params and names.
func (assumedFlow) child(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	run, refused := s.submit(step)
	if refused != nil {
		return refused, nil
	}
	callee := s.active.workflow.Calls[step.Call.Workflow]
	params, err := callee.BindParams(run.Params)
	if err != nil {
		return failed("params", err), nil
	}
	active := newActiveRun(run, callee, params, workflows.ResolveLimits(callee, s.engine.Limits), s.engine.Now)
	inner, err := newScope(s.engine, active, Item{Key: run.ID, Run: run.ID}, nil)
	if err != nil {
		return nil, err
	}
	inner.caller, inner.loops, inner.flow = s.caller, s.loops, s.flow
	st, _, err := inner.body(ctx, callee.Steps, callee.Finally)
	if err != nil {
		return nil, err
	}
	r := &result{Status: st.status, Error: st.failure, Outputs: map[string]any{}}
	for _, output := range callee.Outputs {
		if r.Outputs[output.Name], err = output.Value.Eval(inner.names); err != nil {
			return failed(codeOutputs, err), nil
		}
	}
	return r, nil
}
