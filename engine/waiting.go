package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"youmiflow/workflows"
)

// codeTimeout is that of a wait whose condition did not hold in time.
const codeTimeout = "timeout"

// wait lets time pass. Since when and until when is on disk before it begins, so that a run that was killed goes on at the
// same instant.
func (liveFlow) wait(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	if step.Wait.Until != nil {
		return s.watch(ctx, step)
	}
	r := s.result(step.Path)
	if r == nil {
		now := s.engine.Now()
		until, err := s.waitsUntil(step.Wait, now)
		if err != nil {
			return failed("expression", err), nil
		}
		r = &result{Since: now, Until: until}
		s.keep(step.Path, r)
		if err := s.remember(ctx); err != nil {
			return nil, err
		}
	}
	if r.Until.After(s.engine.Now()) {
		if left, err := s.unwanted(ctx, step, r); left != nil || err != nil {
			return left, err
		}
	}
	err := s.idle(ctx, r.Until, "waits until "+clockText(s.engine.Now(), r.Until, s.engine.Location))
	if stops(err) {
		return nil, err
	}
	r.Status = StatusSucceeded
	if errors.Is(err, errCancelled) {
		r.Status = StatusCancelled
		if s.ending { // what the finally does next is not to wait for days
			r.Status, r.Error = StatusSkipped, &Failure{Code: "cancelled", Message: "the run was cancelled"}
		}
	}
	s.keep(step.Path, r)
	return r, nil
}

// unwanted is the result of a wait that has no use any more, since an event leaves out what comes after it; nil when none
// does.
func (s *scope) unwanted(ctx context.Context, step *workflows.Step, r *result) (*result, error) {
	why, err := s.stoppedAhead(ctx)
	if why == nil || err != nil {
		return nil, err
	}
	left := s.leaveOut(why)
	left.Since, left.Until = r.Since, r.Until
	s.keep(step.Path, left)
	return left, nil
}

// waitsUntil is when a wait that begins now is over.
func (s *scope) waitsUntil(wait *workflows.Wait, now time.Time) (time.Time, error) {
	if wait.At != nil {
		value, err := wait.At.Eval(s.names)
		if err != nil {
			return time.Time{}, err
		}
		at, ok := value.(time.Time)
		if !ok {
			return time.Time{}, fmt.Errorf("`wait` gave %v, not a time", value)
		}
		return at, nil
	}
	value, err := wait.Duration.Eval(s.names)
	if err != nil {
		return time.Time{}, err
	}
	length, ok := value.(time.Duration)
	if !ok {
		return time.Time{}, fmt.Errorf("`wait` gave %v, not a duration", value)
	}
	return now.Add(length), nil
}

// watch looks again and again whether a condition holds, for as long as the step says.
func (s *scope) watch(ctx context.Context, step *workflows.Step) (*result, error) {
	r := s.result(step.Path)
	if r == nil {
		now := s.engine.Now()
		r = &result{Since: now, Next: now}
		if step.Wait.For > 0 {
			r.Until = now.Add(step.Wait.For)
		}
	}
	for {
		s.keep(step.Path, r)
		if err := s.remember(ctx); err != nil {
			return nil, err
		}
		if left, err := s.unwanted(ctx, step, r); left != nil || err != nil {
			return left, err
		}
		err := s.idle(ctx, r.Next, "waits until a condition holds; looks again at "+clockText(s.engine.Now(), r.Next, s.engine.Location))
		if errors.Is(err, errCancelled) {
			return &result{Status: StatusCancelled}, nil
		}
		if err != nil {
			return nil, err
		}
		ended, err := s.look(ctx, step, s.engine.Now())
		if err != nil {
			return nil, err
		}
		now := s.engine.Now()
		if ended == nil && !r.Until.IsZero() && !now.Before(r.Until) {
			ended = failed(codeTimeout, fmt.Errorf("line %d: `until` did not hold within %s", step.Span.Line, step.Wait.For))
		}
		if ended != nil {
			ended.Since, ended.Until = r.Since, r.Until
			s.keep(step.Path, ended)
			return ended, nil
		}
		r.Next = now.Add(step.Wait.Every)
		if !r.Until.IsZero() && r.Next.After(r.Until) {
			r.Next = r.Until
		}
		s.lookAgain(step.Steps)
	}
}

// look does the steps of a wait and looks at its condition. It returns what the wait has come to, nil when it goes on.
func (s *scope) look(ctx context.Context, step *workflows.Step, now time.Time) (*result, error) {
	st, _, err := s.body(ctx, step.Steps, nil)
	if err != nil {
		return nil, err
	}
	if !st.clean() {
		return &result{Status: st.status, Error: st.failure}, nil
	}
	names := maps.Clone(s.names)
	names["now"] = func() time.Time { return now }
	value, err := step.Wait.Until.Eval(names)
	if err != nil {
		return failed("expression", err), nil
	}
	if holds, _ := value.(bool); holds {
		return &result{Status: StatusSucceeded}, nil
	}
	return nil, nil
}

// lookAgain forgets what the steps of a wait gave, so that the next look does them afresh. Their calls are numbered on.
func (s *scope) lookAgain(list []*workflows.Step) {
	for _, step := range list {
		if r := s.result(step.Path); r != nil {
			s.keep(step.Path, &result{Attempts: r.Attempts, Before: r.Attempts})
		}
		s.lookAgain(step.Steps)
		s.lookAgain(step.Finally)
	}
}
