package cli

import (
	"encoding/json"
	"time"

	"youmiflow/engine"
)

// runView is a run as `run`, `runs show` and `runs list` print it (docs/json.md).
type runView struct {
	ID          string          `json:"id"`
	Workflow    string          `json:"workflow"`
	Status      engine.Status   `json:"status"`
	Trigger     string          `json:"trigger"`
	ScheduledAt *time.Time      `json:"scheduled_at"`
	StartedAt   *time.Time      `json:"started_at"`
	FinishedAt  *time.Time      `json:"finished_at"`
	Plan        *string         `json:"plan"`
	Commit      *string         `json:"commit"`
	Counts      countsView      `json:"counts"`
	Calls       callCounts      `json:"calls"`
	Takeovers   takeoverCounts  `json:"takeovers"`
	Error       *engine.Failure `json:"error"`
	// These are only there where there is something to say.
	Test    *engine.Test    `json:"test,omitempty"`
	Parent  *parentView     `json:"parent,omitempty"`
	Outputs json.RawMessage `json:"outputs,omitempty"`
	Waiting []waitingView   `json:"waiting,omitempty"`
}

type countsView struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Held      int `json:"held"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	Skipped   int `json:"skipped"`
	Cancelled int `json:"cancelled"`
}

type callCounts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

type takeoverCounts struct {
	Held  int `json:"held"`
	Ended int `json:"ended"`
	Stuck int `json:"stuck"`
}

func viewRun(run engine.Run) runView {
	total := 0
	for _, n := range run.Counts {
		total += n
	}
	calls := 0
	for _, n := range run.Calls {
		calls += n
	}
	return runView{
		ID: run.ID, Workflow: run.Workflow, Status: run.Status, Trigger: run.Trigger,
		ScheduledAt: when(run.ScheduledAt), StartedAt: when(run.StartedAt), FinishedAt: when(run.FinishedAt),
		Plan: orNull(run.Plan), Commit: orNull(run.Commit), Error: run.Error, Test: run.Test,
		Parent: viewParent(run), Outputs: run.Outputs,
		Counts: countsView{
			Total: total, Pending: run.Counts[engine.StatusPending], Held: run.Counts[engine.StatusHeld],
			Succeeded: run.Counts[engine.StatusSucceeded], Failed: run.Counts[engine.StatusFailed],
			Unknown: run.Counts[engine.StatusUnknown], Skipped: run.Counts[engine.StatusSkipped],
			Cancelled: run.Counts[engine.StatusCancelled],
		},
		Calls: callCounts{Total: calls, Succeeded: run.Calls[engine.CallSucceeded],
			Failed: run.Calls[engine.CallFailed], Unknown: run.Calls[engine.CallUnknown]},
		Takeovers: takeoverCounts{
			Held:  run.Takeovers[engine.TakeoverHeld] + run.Takeovers[engine.TakeoverIntended],
			Ended: run.Takeovers[engine.TakeoverEnded], Stuck: run.Takeovers[engine.TakeoverStuck],
		},
	}
}

// itemView is an item as `runs items` prints it.
type itemView struct {
	Step    string        `json:"step"`
	Key     string        `json:"key"`
	Lane    string        `json:"lane"`
	Status  engine.Status `json:"status"`
	Reason  string        `json:"reason"`
	Variant string        `json:"variant"`
	Wave    int           `json:"wave"`
	// Until is there for a held one that goes on by itself.
	Until *time.Time `json:"until,omitempty"`
	Calls []callView `json:"calls"`
}

type callView struct {
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

func viewCall(call engine.Call) callView {
	return callView{Step: call.Step, Operation: call.Operation, Attempt: call.Attempt, State: call.State,
		Code: call.Code, RequestID: call.RequestID, TaskID: call.TaskID,
		StartedAt: when(call.StartedAt), FinishedAt: when(call.FinishedAt)}
}

func when(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
