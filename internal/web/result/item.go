package result

import (
	"context"
	"time"

	"youmiflow/engine"
)

// Item is an item as `runs items` prints it.
type Item struct {
	Step    string        `json:"step"`
	Key     string        `json:"key"`
	Lane    string        `json:"lane"`
	Status  engine.Status `json:"status"`
	Reason  string        `json:"reason"`
	Variant string        `json:"variant"`
	Wave    int           `json:"wave"`
	// Row is the number of the row in its source; it is not there where that has none.
	Row int `json:"row,omitempty"`
	// Until is there for a held one that goes on by itself.
	Until *time.Time `json:"until,omitempty"`
	Calls []Call     `json:"calls"`
}

// Call is an attempt of a call.
type Call struct {
	Step       string           `json:"step"`
	Operation  string           `json:"operation"`
	Attempt    int              `json:"attempt"`
	State      engine.CallState `json:"state"`
	Code       string           `json:"code"`
	RequestID  string           `json:"request_id"`
	TaskID     string           `json:"task_id"`
	StartedAt  *time.Time       `json:"started_at"`
	FinishedAt *time.Time       `json:"finished_at"`
}

// CallInFull is a call as `runs calls` prints it.
type CallInFull struct {
	Call
	Account string `json:"account"`
	Friend  string `json:"friend"`
	Message string `json:"message"`
}

// OfCall shows a call.
func OfCall(call engine.Call) Call {
	return Call{Step: call.Step, Operation: call.Operation, Attempt: call.Attempt, State: call.State,
		Code: call.Code, RequestID: call.RequestID, TaskID: call.TaskID,
		StartedAt: When(call.StartedAt), FinishedAt: When(call.FinishedAt)}
}

// OfCallInFull shows a call with whom it concerned.
func OfCallInFull(call engine.Call) CallInFull {
	return CallInFull{OfCall(call), call.Account, call.Friend, call.Message}
}

// OfItem shows an item with its calls, which it reads from the ledger.
func OfItem(ctx context.Context, l engine.Ledger, item engine.Item) (Item, error) {
	shown := Item{Step: item.Step, Key: item.Key, Lane: item.Lane, Status: item.Status, Reason: item.Reason,
		Variant: item.Variant, Wave: item.Wave, Row: item.Row, Calls: []Call{}}
	if item.Status == engine.StatusHeld && !item.Woken() {
		shown.Until = When(item.Until)
	}
	if item.Status == engine.StatusSkipped && len(item.Progress) == 0 {
		return shown, nil // it never came to a call
	}
	for call, err := range l.Calls(ctx, engine.CallFilter{Run: item.Run, Item: item.ID}) {
		if err != nil {
			return shown, err
		}
		shown.Calls = append(shown.Calls, OfCall(call))
	}
	return shown, nil
}
