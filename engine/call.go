package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// liveCaller makes calls for real: a slot of the limits, the intent on disk, the call, its outcome on disk.
type liveCaller struct{}

func (liveCaller) local(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	r := local(s.engine.clean(action.Perform(ctx)))
	if !action.Once {
		return r, nil
	}
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	s.keep(step.Path, r)
	return r, s.save(ctx, nil)
}

func (liveCaller) call(ctx context.Context, s *scope, step *workflows.Step, action Action) (*result, error) {
	r := s.result(step.Path)
	if r == nil {
		r = &result{}
	}
	c := &attempts{scope: s, step: step, action: action, request: *action.Request, result: r}
	for {
		again, err := c.one(ctx)
		if errors.Is(err, errCancelled) {
			c.result.Status = StatusCancelled
			if c.result.Attempts > 0 {
				s.keep(step.Path, c.result)
			}
			return c.result, nil
		}
		if why := (*leftOut)(nil); errors.As(err, &why) {
			return s.dispense(ctx, step, why)
		}
		if problem := (*expression.EvalError)(nil); errors.As(err, &problem) {
			return failed("limit", err), nil // of a limit's by or match: trying again does not help
		}
		if err != nil {
			return nil, err
		}
		if !again {
			return c.result, nil
		}
	}
}

// dispense leaves a call out. One of the run's own steps is not asked about again when the run goes on after a wait: it
// would come after steps that stand behind it.
func (s *scope) dispense(ctx context.Context, step *workflows.Step, why *leftOut) (*result, error) {
	r := s.leaveOut(why)
	if !s.isRoot() {
		return r, nil
	}
	s.keep(step.Path, r)
	return r, s.save(ctx, nil)
}

// attempts is one step's call with its repetitions.
type attempts struct {
	scope   *scope
	step    *workflows.Step
	action  Action
	request Request
	result  *result
}

// one makes one attempt, and reports whether there is another to come.
func (c *attempts) one(ctx context.Context) (bool, error) {
	next, again, err := c.attempt(ctx)
	if err != nil || !again {
		return false, err
	}
	c.scope.turn.pause()
	defer c.scope.turn.proceed()
	return true, c.scope.waitUntil(ctx, next, slotKey{c.scope.item.ID, c.step.Path + "\x00retry"}, putOff{repeats: c.step.Path})
}

// attempt makes one attempt: leave to make it, the intent, the call, its outcome. It returns when to try again, if that
// is to be.
func (c *attempts) attempt(ctx context.Context) (time.Time, bool, error) {
	s := c.scope
	slot, err := c.leave(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	defer s.turn.gate.settle()
	key := CallKey{Item: s.item.ID, Step: c.step.Path, Attempt: c.result.Attempts + 1}
	if err := c.intend(ctx, key, s.engine.Now()); err != nil {
		return time.Time{}, false, err
	}
	c.result.Attempts = key.Attempt
	s.keep(c.step.Path, c.result)
	began := s.engine.Now()
	outcome, err := c.perform(ctx, slot)
	if err != nil {
		return time.Time{}, false, err
	}
	if c.request.Takeover == TakeoverApplies {
		s.engine.applying.note(s.engine.Now().Sub(began))
	}
	next, again, err := c.conclude(ctx, key, outcome)
	if err == nil {
		err = s.engine.judge(ctx, s.active.run.book(), c.request, outcome)
	}
	return next, again, err
}

// leave waits until the call may be made: its turn in the conversation, a slot of the limits, and room among the calls
// that are open. It returns the slot, zero when nothing limits the call.
func (c *attempts) leave(ctx context.Context) (slot time.Time, err error) {
	s := c.scope
	if err := s.mayGoOn(); err != nil {
		return slot, err
	}
	if err := s.permit(ctx, c.request); err != nil {
		return slot, err
	}
	if c.request.Takeover == TakeoverApplies {
		if err := s.takeOver(ctx, c.step, c.request); err != nil {
			return slot, err
		}
		if err := s.turnFor(ctx, c.request); err != nil {
			return slot, err
		}
		defer func() {
			if err != nil && c.result.Takeover != TakeoverIntended {
				s.giveTurn(c.request) // nothing was asked for
			}
		}()
	}
	if slot, err = s.awaitSlot(ctx, c.step.Path, c.request); err != nil {
		return slot, err
	}
	if err := s.claim(ctx); err != nil {
		return slot, err
	}
	if err = s.active.decided(ctx); err == nil {
		err = s.mayGoOn() // the wait may have been long
	}
	if err == nil {
		err = s.permit(ctx, c.request)
	}
	if err != nil {
		s.turn.gate.settle()
	}
	return slot, err
}

// intend puts the intent on disk. The call leaves only after that.
func (c *attempts) intend(ctx context.Context, key CallKey, at time.Time) error {
	s := c.scope
	changes := []Change{AddCall{Call{
		CallKey: key, Run: s.item.Run, Operation: c.request.Operation, Effect: c.request.Effect,
		Account: c.request.Account, Friend: c.request.Friend, Request: c.request.Body, State: CallIntent, StartedAt: at,
	}}}
	if c.request.Takeover == TakeoverApplies {
		changes = append(changes, s.takeover(c.step.Path, c.request, c.supposed(), TakeoverIntended, ""))
		c.result.Takeover, c.result.Held = TakeoverIntended, c.supposed()
	}
	return s.engine.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: changes}).Wait(ctx)
}

// supposed is the handle of a takeover whose answer is not known: account and friend, without a key.
func (c *attempts) supposed() Handle {
	handle := Handle{"account": c.request.Account, "friend": c.request.Friend, "key": ""}
	if assumed, ok := c.action.Assumed["takeover"].(map[string]any); ok {
		handle["channel"] = assumed["channel"]
	}
	return handle
}

// staleSlot is how late a call may use its slot. Later it takes another, or it would follow too closely on whatever was
// late before it.
const staleSlot = 200 * time.Millisecond

// perform sends the call. Once the intent is committed the call is made even when the run is to stop: only the end of
// the process keeps it from leaving, and then it counts as unknown.
func (c *attempts) perform(ctx context.Context, slot time.Time) (Outcome, error) {
	s := c.scope
	if err := s.turn.gate.depart(ctx); err != nil {
		return Outcome{}, err
	}
	defer s.turn.gate.land()
	if !slot.IsZero() && s.engine.Now().Sub(slot) > staleSlot {
		next, err := s.engine.Limiter.Reserve(ctx, s.limited(c.step.Path, c.request), s.active.limits())
		if err != nil {
			return lateOutcome(s.asked(err))
		}
		if next.At.After(s.engine.Now()) {
			if !next.Cap {
				s.active.later(slotKey{s.item.ID, c.step.Path}, resumption{next.At, s.under})
			}
			return Outcome{State: Unreachable, Code: "late", Message: "its turn had passed before it could leave; it takes the next"}, nil
		}
	}
	if c.step.Timeout > 0 {
		limited, cancel := s.engine.WithTimeout(ctx, c.step.Timeout)
		defer cancel()
		return s.engine.clean(c.action.Perform(limited)), nil
	}
	return s.engine.clean(c.action.Perform(ctx)), nil
}

// lateOutcome is that of a call whose turn had passed and that gets no other: it has not been sent.
func lateOutcome(err error) (Outcome, error) {
	if why := (*leftOut)(nil); errors.As(err, &why) {
		return Outcome{State: NotSent, Code: why.code, Message: why.reason, Retryable: true}, nil // the next attempt is left out
	}
	return Outcome{}, err
}

// conclude keeps the outcome and decides what follows from it.
func (c *attempts) conclude(ctx context.Context, key CallKey, outcome Outcome) (time.Time, bool, error) {
	s := c.scope
	if c.request.Takeover == TakeoverApplies && outcome.State == Unknown {
		c.result.Doubt = true
	}
	if c.request.Effect == workflows.EffectMessage && (outcome.State == Succeeded || outcome.State == Unknown) {
		c.result.Sent = true
	}
	changes := []Change{c.outcomeChange(key, outcome)}
	next, again := c.next(outcome)
	if !again {
		c.result.Status = StatusFailed
		switch {
		case outcome.State == Succeeded:
			c.result.Status, c.result.Outputs = StatusSucceeded, outcome.Outputs
		case outcome.State == Unknown && c.request.Effect == workflows.EffectMessage:
			c.result.Status = StatusUnknown
		}
		changes = append(changes, c.takeoverChanges(outcome)...)
	}
	if outcome.State != Succeeded {
		c.result.Error = &Failure{Code: outcome.Code, Message: outcome.Message}
	} else {
		c.result.Error = nil
	}
	s.keep(c.step.Path, c.result)
	if c.step == s.last && !again {
		s.unsaved = changes
		return next, false, nil
	}
	if err := s.save(ctx, changes); err != nil {
		return next, false, err
	}
	if outcome.RetryAfter > 0 {
		until := s.engine.Now().Add(outcome.RetryAfter)
		if err := s.engine.Limiter.Hold(ctx, s.limited(c.step.Path, c.request), s.active.limits(), until); err != nil {
			return next, false, fmt.Errorf("holding the limits after a request to slow down: %w", err)
		}
	}
	if again && (outcome.State == Unreachable || outcome.RetryAfter > 0) {
		s.active.waiting(next, c.result.Error.text())
	}
	return next, again, nil
}

func (c *attempts) outcomeChange(key CallKey, outcome Outcome) Change {
	state := CallFailed
	switch {
	case outcome.State == Succeeded:
		state = CallSucceeded
	case outcome.State == Unknown && c.request.Effect == workflows.EffectMessage:
		state = CallUnknown
	}
	return SetCall{CallKey: key, Run: c.scope.item.Run, State: state, Code: outcome.Code, Message: outcome.Message,
		RequestID: outcome.RequestID, TaskID: outcome.TaskID, FinishedAt: c.scope.engine.Now()}
}

// next returns when to try again, and whether to. A message is only repeated after an outcome that proves that it was
// not sent.
func (c *attempts) next(outcome Outcome) (time.Time, bool) {
	message := c.request.Effect == workflows.EffectMessage
	switch outcome.State {
	case Succeeded:
		return time.Time{}, false
	case Failed:
		if message || !outcome.Retryable {
			return time.Time{}, false
		}
	case Unknown:
		if message {
			return time.Time{}, false
		}
	case NotSent:
		if !outcome.Retryable && outcome.RetryAfter == 0 {
			return time.Time{}, false
		}
	}
	if retry := c.step.Retry; retry != nil && retry.If != nil && !c.scope.retryIf(retry.If, outcome) {
		return time.Time{}, false
	}
	now := c.scope.engine.Now()
	at, again := policyFor(c.step, outcome, c.scope.handing).next(now, c.result.Attempts-c.result.Before, c.scope.engine.Jitter)
	if asked := now.Add(outcome.RetryAfter); at.Before(asked) {
		at = asked
	}
	return at, again
}

// takeoverChanges is what the end of the step does to takeovers.
func (c *attempts) takeoverChanges(outcome Outcome) []Change {
	s := c.scope
	switch c.request.Takeover {
	case TakeoverApplies:
		switch outcome.State {
		case Succeeded:
			c.result.Takeover = TakeoverHeld
			if handle, ok := outcome.Outputs["takeover"].(map[string]any); ok {
				c.result.Held = handle
			}
		case Unknown:
			return nil // it may be held: it stays intended, and is ended like one that is
		default:
			if c.result.Doubt {
				return nil // likewise
			}
			c.result.Takeover, c.result.Held = TakeoverRefused, nil
			s.giveTurn(c.request)
		}
		return []Change{s.takeover(c.step.Path, c.request, c.result.Held, c.result.Takeover, "")}
	case TakeoverEnds:
		if outcome.State == Succeeded {
			return s.ended(c.request)
		}
	}
	return nil
}

func (s *scope) limited(path string, request Request) LimitedCall {
	seed := fnv.New64a()
	for _, part := range []string{s.active.workflow.Digest, s.item.Key, path} {
		seed.Write([]byte(part))
		seed.Write([]byte{0})
	}
	call := LimitedCall{
		Connection: s.active.run.Connection, Workflow: s.active.run.Workflow, Operation: request.Operation,
		Effect: request.Effect, Account: request.Account, Friend: request.Friend, Seed: seed.Sum64(),
		Contact: fmt.Sprintf("%s/%d", s.item.Run, s.item.ID), Uncapped: s.active.run.Test != nil,
		Priority: s.active.workflow.Priority,
	}
	if !s.handing && windowed(request) {
		call.Until = s.active.deadline()
		if window := s.active.window; window != nil && s.active.run.Test == nil {
			call.Earliest = window.Next
		}
	}
	return call
}

func (s *scope) retryIf(program *expression.Program, outcome Outcome) bool {
	names := make(map[string]any, len(s.names)+1)
	for name, value := range s.names {
		names[name] = value
	}
	names["error"] = map[string]any{"code": outcome.Code, "message": outcome.Message, "retryable": outcome.Retryable}
	value, err := program.Eval(names)
	yes, _ := value.(bool)
	return err == nil && yes
}
