package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"youmiflow/workflows"
)

// chatStep is the step of the catalogue by which the engine reads a conversation back.
const chatStep = "chat.read"

// ChatError says that the platform did not let a conversation be read back.
type ChatError struct {
	Account, Friend string
	Failure         Failure
}

// Error names the conversation and what the platform has answered.
func (e *ChatError) Error() string {
	return fmt.Sprintf("reading the chat of account %s with %s: %s", e.Account, e.Friend, e.Failure.text())
}

// SettleByChat reads the chats of a run's unknown calls back. A message that a chat shows, and that can be of no other
// call, was sent. One that it does not show stays unknown: no page says how soon, or how far back, a chat shows everything.
func (e *Engine) SettleByChat(ctx context.Context, run Run, who string) (Settlement, error) {
	var done Settlement
	filter := CallFilter{Run: run.ID, States: []CallState{CallUnknown}}
	for call, err := range e.Ledger.Calls(ctx, filter) {
		if err != nil {
			return done, fmt.Errorf("reading the unknown calls of run %s: %w", run.ID, err)
		}
		verdict, err := e.chatVerdict(ctx, run, call)
		if err == nil && verdict != nil {
			err = e.SettleCall(ctx, call, *verdict, who)
		}
		switch {
		case errors.Is(err, ErrNotUnknown), err == nil && verdict == nil:
			done.Left++
		case err != nil:
			return done, fmt.Errorf("settling %s of item %d: %w", call.Step, call.Item, err)
		default:
			done.Settled++
		}
	}
	return done, nil
}

// chatVerdict reads a call's chat back; nil when that does not say what became of it.
func (e *Engine) chatVerdict(ctx context.Context, run Run, call Call) (*Verdict, error) {
	if e.Events == nil || call.Effect != workflows.EffectMessage {
		return nil, nil
	}
	messages, err := e.readChat(ctx, run, call)
	if err != nil {
		return nil, err
	}
	for _, one := range messages {
		message, _ := one.(map[string]any)
		text, _ := message["text"].(string)
		at, known := unixTime(message["time"])
		if message["sent"] != true || !known {
			continue
		}
		only, err := e.onlyCall(ctx, call, text, at)
		if err != nil || only {
			return &Verdict{Sent: true, Note: "the chat shows it at " + at.UTC().Format(time.RFC3339)}, err
		}
	}
	return nil, nil
}

// readChat reads the records around a call, within the limits.
func (e *Engine) readChat(ctx context.Context, run Run, call Call) ([]any, error) {
	step, ok := e.Steps.Step(chatStep)
	if !ok {
		return nil, fmt.Errorf("the catalogue has no step %s", chatStep)
	}
	action, err := step.Prepare(Input{Connection: run.Connection, Run: run.ID, With: map[string]any{
		"account": call.Account, "friend": call.Friend, "since": call.StartedAt.Add(-echoEarly), "until": call.StartedAt.Add(echoLate),
	}})
	if err != nil || action.Request == nil {
		return nil, fmt.Errorf("reading the chat of account %s with %s: %w", call.Account, call.Friend, err)
	}
	slot, err := e.Limiter.Reserve(ctx, LimitedCall{Connection: run.Connection, Workflow: run.Workflow, Operation: action.Request.Operation,
		Effect: action.Request.Effect, Account: call.Account, Friend: call.Friend}, nil)
	if err != nil {
		return nil, fmt.Errorf("taking a slot of the limits: %w", err)
	}
	fired, stop := e.Timer(slot.At.Sub(e.Now()))
	defer stop()
	select {
	case <-fired:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	outcome := e.clean(action.Perform(ctx))
	if outcome.State != Succeeded {
		return nil, &ChatError{Account: call.Account, Friend: call.Friend, Failure: Failure{Code: outcome.Code, Message: outcome.Message}}
	}
	messages, _ := outcome.Outputs["messages"].([]any)
	return messages, nil
}

// unixTime reads Unix seconds.
func unixTime(value any) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	if number, ok := value.(json.Number); ok {
		seconds, err = number.Float64()
	}
	if err != nil || !(seconds > 0) || seconds > math.MaxInt32*10 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
