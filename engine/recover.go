package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"youmiflow/workflows"
)

// recoverLane settles what the lane's last holder left open: a message whose outcome was not learned is unknown from
// now on, anything else is repeated.
func (e *Engine) recoverLane(ctx context.Context, key LaneKey) error {
	return e.recoverCalls(ctx, CallFilter{Run: key.Run, Lane: &key, States: []CallState{CallIntent}})
}

func (e *Engine) recoverCalls(ctx context.Context, filter CallFilter) error {
	unknown, repeated := 0, 0
	defer func() {
		if unknown+repeated > 0 {
			e.Logger.InfoContext(ctx, "calls that were left without an answer are settled", "run", filter.Run, "unknown", unknown, "repeated", repeated)
		}
	}()
	for call, err := range e.Ledger.Calls(ctx, filter) {
		if err != nil {
			return fmt.Errorf("looking for open intents: %w", err)
		}
		if err := e.recoverCall(ctx, call); err != nil {
			return fmt.Errorf("call %s of item %d: %w", call.Step, call.Item, err)
		}
		if call.Effect == workflows.EffectMessage {
			unknown++
		} else {
			repeated++
		}
	}
	return nil
}

func (e *Engine) recoverCall(ctx context.Context, call Call) error {
	var item Item
	filter := ItemFilter{Run: call.Run, AfterID: call.Item - 1, Limit: 1, Root: true}
	for found, err := range e.Ledger.Items(ctx, filter) {
		if err != nil {
			return err
		}
		item = found
	}
	if item.ID != call.Item {
		return fmt.Errorf("its item is gone: %w", ErrNotFound)
	}
	results := map[string]*result{}
	if len(item.Progress) > 0 {
		if err := json.Unmarshal(item.Progress, &results); err != nil {
			return fmt.Errorf("reading the item's progress: %w", err)
		}
	}
	r := results[call.Step]
	if r == nil {
		r = &result{}
		results[call.Step] = r
	}
	r.Attempts = max(r.Attempts, call.Attempt)
	outcome := SetCall{CallKey: call.CallKey, Run: call.Run, State: CallFailed, Code: "interrupted",
		Message: "the process stopped before the answer; the call is repeated", FinishedAt: e.Now()}
	if call.Effect != workflows.EffectMessage {
		r.Status = ""
	} else {
		outcome.State = CallUnknown
		outcome.Message = "the process stopped before the answer was kept; the message may have been sent"
		r.Status, r.Sent = StatusUnknown, true
		r.Error = &Failure{Code: outcome.Code, Message: outcome.Message}
	}
	if err := e.recoverTakeover(ctx, call, r); err != nil {
		return err
	}
	text, err := json.Marshal(results)
	if err != nil {
		return err
	}
	err = e.commit(ctx, outcome, SetItem{ID: item.ID, Run: item.Run, Step: item.Step, From: item.Status,
		To: StatusPending, Progress: text})
	if err == nil {
		call.State, call.Code, call.Message, call.FinishedAt = outcome.State, outcome.Code, outcome.Message, outcome.FinishedAt
		e.Lost(call)
	}
	return err
}

// recoverTakeover remembers that a conversation may be held by a call that was never answered.
func (e *Engine) recoverTakeover(ctx context.Context, call Call, r *result) error {
	takeovers, err := e.Ledger.Takeovers(ctx, TakeoverFilter{Run: call.Run, Item: call.Item,
		States: []TakeoverState{TakeoverIntended}})
	if err != nil {
		return fmt.Errorf("looking for its takeovers: %w", err)
	}
	for _, takeover := range takeovers {
		if takeover.Step != call.Step {
			continue
		}
		r.Takeover, r.Doubt = TakeoverIntended, true
		if err := json.Unmarshal(takeover.Handle, &r.Held); err != nil || r.Held == nil {
			r.Held = Handle{"account": takeover.Account, "friend": takeover.Friend, "key": ""}
		}
	}
	return nil
}
