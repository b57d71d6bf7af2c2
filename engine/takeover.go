package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"youmiflow/workflows"
)

// releaseStep is the step of the catalogue by which the engine hands a conversation back on its own.
const releaseStep = "takeover.end"

func (s *scope) takeover(path string, request Request, handle Handle, state TakeoverState, why string) Change {
	text, err := json.Marshal(handle)
	if err != nil {
		text = nil // a handle is strings and numbers; account and friend are in the row in any case
	}
	return SetTakeover{Takeover{
		Run: s.item.Run, Item: s.item.ID, Step: path, Connection: s.active.run.Connection,
		Account: request.Account, Friend: request.Friend, Handle: text, State: state, Message: why, At: s.engine.Now(),
	}}
}

// ended marks what the item holds of that conversation as handed back.
func (s *scope) ended(request Request) []Change {
	s.kept.mu.Lock()
	defer s.kept.mu.Unlock()
	var changes []Change
	for _, path := range s.kept.holding() {
		r := s.kept.results[path].clone()
		if r.Held["account"] == request.Account && r.Held["friend"] == request.Friend {
			held := Request{Account: request.Account, Friend: request.Friend}
			r.Takeover = TakeoverEnded
			s.kept.results[path] = r
			s.giveTurn(held)
			changes = append(changes, s.takeover(path, held, r.Held, TakeoverEnded, ""))
			if s.forgetting {
				s.kept.forget(path) // in the same entry: nobody must find it ended and still relied on
			}
		}
	}
	return changes
}

// release hands back what the workflow did not. When the item is to go on later, the steps that applied are forgotten,
// so that it applies again before it goes on.
func (s *scope) release(ctx context.Context, forget bool) error {
	s.forgetting = forget
	defer func() { s.forgetting = false }()
	for _, path := range s.holding() {
		if err := s.releaseOne(ctx, path); err != nil {
			return err
		}
	}
	return nil
}

// forget has an item apply again for a takeover that was ended for it, when it goes on. An item that can only end, since
// one of its calls failed or is unknown, has no more use for it.
func (k *kept) forget(path string) {
	r := k.results[path].clone()
	if r.Takeover == TakeoverStuck {
		return
	}
	k.results[path] = r
	for _, other := range k.results {
		if other.Status == StatusFailed || other.Status == StatusUnknown {
			r.Outputs = nil
			return
		}
	}
	r.Status, r.Outputs, r.Takeover, r.Held, r.Doubt = "", nil, "", nil, false
	r.Before = r.Attempts
}

func (s *scope) releaseOne(ctx context.Context, path string) error {
	held := s.result(path)
	entry, ok := s.engine.Steps.Step(releaseStep)
	if !ok {
		return fmt.Errorf("the catalogue has no step %s", releaseStep)
	}
	action, err := entry.Prepare(Input{Connection: s.active.run.Connection, With: map[string]any{"takeover": held.Held}})
	if err == nil && action.Request == nil {
		err = fmt.Errorf("%s has nothing to call: %s", releaseStep, action.Skip)
	}
	if err != nil {
		return s.stuck(ctx, path, &Failure{Code: "release", Message: err.Error()})
	}
	s.handing = true
	defer func() { s.handing = false }()
	step := &workflows.Step{Path: path + releaseSuffix}
	if r := s.result(step.Path); r != nil && r.Status != "" {
		r.Status, r.Before = "", r.Attempts // those of an earlier time do not count
		s.keep(step.Path, r)
	}
	r, err := s.caller.call(ctx, s, step, action)
	if err != nil {
		return err
	}
	if r.Status != StatusSucceeded {
		return s.stuck(ctx, path, r.Error)
	}
	return nil
}

// stuck records a takeover that could not be ended: somebody has to.
func (s *scope) stuck(ctx context.Context, path string, failure *Failure) error {
	r := s.result(path)
	r.Takeover = TakeoverStuck
	s.keep(path, r)
	request := Request{Account: fmt.Sprint(r.Held["account"]), Friend: fmt.Sprint(r.Held["friend"])}
	s.giveTurn(request)
	why := "no answer"
	if failure != nil {
		why = failure.Message
	}
	s.engine.Logger.ErrorContext(ctx, "a takeover could not be ended", "run", s.item.Run, "account", request.Account,
		"friend", request.Friend, "error", why)
	return s.save(ctx, []Change{s.takeover(path, request, r.Held, TakeoverStuck, why)})
}

// cutShort hands back what was being handed back when the process ended: the platform may have ended it, and the item, which has
// more to say in it, applies again.
func (s *scope) cutShort(ctx context.Context) error {
	for _, path := range s.holding() {
		if end := s.result(path + releaseSuffix); end != nil && end.Status == "" && s.nextMessage(s.lists...) != nil {
			return s.release(ctx, true)
		}
	}
	return nil
}

// releaseSuffix follows the path of the step that applied, in that of the call by which the engine hands back on its own.
const releaseSuffix = "/end"
