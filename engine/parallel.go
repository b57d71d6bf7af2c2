package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"youmiflow/workflows"
)

// parallel does the branches of a step at the same time. It ends when all of them have: one that failed does not stop the
// others. When one has to wait, the others come as far as they can first.
func (s *scope) parallel(ctx context.Context, step *workflows.Step) (*result, error) {
	forks := make([]*scope, len(step.Parallel))
	standings := make([]*standing, len(step.Parallel))
	works := make([]func(context.Context) error, len(step.Parallel))
	for i, branch := range step.Parallel {
		forks[i], standings[i] = s.fork(), newStanding(s.standing.body)
		works[i] = func(ctx context.Context) error { return forks[i].list(ctx, branch.Steps, standings[i]) }
	}
	errs := s.flow.together(ctx, works)
	for _, fork := range forks {
		s.join(fork)
	}
	if err := s.allOf(errs); err != nil {
		return nil, err
	}
	return parallelResult(standings), nil
}

// fork makes a scope for a branch: it shares the item and its progress, and sees what was there before.
func (s *scope) fork() *scope {
	fork := *s
	fork.names = maps.Clone(s.names)
	fork.own, fork.receipts, fork.unsaved = false, nil, nil
	fork.bind()
	return &fork
}

// join lets what follows see a branch's steps.
func (s *scope) join(fork *scope) {
	s.receipts = append(s.receipts, fork.receipts...)
	if fork.own {
		for id, names := range fork.steps {
			s.see(id, names)
		}
	}
}

// parallelResult is the worst of what the branches have come to. Unknown is worse than failed: a customer may have got a
// message.
func parallelResult(branches []*standing) *result {
	worst, ran := newStanding(nil), false
	rank := map[Status]int{StatusSucceeded: 0, StatusCancelled: 1, StatusFailed: 2, StatusUnknown: 3}
	for _, branch := range branches {
		ran = ran || branch.ran
		if rank[branch.status] > rank[worst.status] {
			worst = branch
		}
	}
	if worst.clean() && !ran {
		return &result{Status: StatusSkipped}
	}
	return &result{Status: worst.status, Error: worst.failure}
}

// allOf is one error for those of several branches: a real one first, then when the first of those that wait goes on. A
// foreach item is held alone only where all of them say so.
func (s *scope) allOf(errs []error) error {
	var whole *suspended
	var broken []error
	for _, err := range errs {
		stop, ok := isSuspended(err)
		switch {
		case err == nil:
		case !ok:
			broken = append(broken, err)
		case whole == nil:
			copied := *stop
			whole = &copied
		default:
			whole = whole.with(stop, s.isRoot())
		}
	}
	if len(broken) > 0 || whole == nil {
		return errors.Join(broken...)
	}
	return whole
}

// with combines why two branches have stopped. Those of a run's own steps are woken for whatever has no instant; an item's
// stop until somebody resumes the run.
func (s *suspended) with(other *suspended, root bool) *suspended {
	if !root && (s.resumed() || other.resumed()) {
		return &suspended{}
	}
	both := *s
	if s.at.IsZero() || !other.at.IsZero() && other.at.Before(s.at) {
		both.at, both.held = other.at, other.held
	}
	if s.held == "" || other.held == "" {
		both.held = ""
	}
	both.brief, both.lane = s.brief && other.brief, s.lane && other.lane
	both.children = slices.Concat(s.children, other.children)
	return &both
}

// resumed reports whether only a request has it go on.
func (s *suspended) resumed() bool { return s.held == "" && s.at.IsZero() }
