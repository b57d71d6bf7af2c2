package result

import (
	"encoding/json"
	"time"

	"youmiflow/engine"
)

// Run is a run as `run`, `runs show` and `runs list` print it.
type Run struct {
	ID          string          `json:"id"`
	Workflow    string          `json:"workflow"`
	Status      engine.Status   `json:"status"`
	Trigger     string          `json:"trigger"`
	ScheduledAt *time.Time      `json:"scheduled_at"`
	StartedAt   *time.Time      `json:"started_at"`
	FinishedAt  *time.Time      `json:"finished_at"`
	Plan        *string         `json:"plan"`
	Commit      *string         `json:"commit"`
	Counts      Counts          `json:"counts"`
	Calls       CallCounts      `json:"calls"`
	Takeovers   TakeoverCounts  `json:"takeovers"`
	Error       *engine.Failure `json:"error"`
	// These are only there where there is something to say.
	Sandbox bool            `json:"sandbox,omitempty"` // a rehearsal, which messaged nobody
	Test    *engine.Test    `json:"test,omitempty"`
	Parent  *Parent         `json:"parent,omitempty"`
	Outputs json.RawMessage `json:"outputs,omitempty"`
	Waiting []Waiting       `json:"waiting,omitempty"`
	// Afterwards are the steps in a finally that failed.
	Afterwards []Afterwards `json:"afterwards,omitempty"`

	// Skipped is why items were skipped, the most frequent reason first, and Tested the items of a test send in their order. They
	// are for people, who need not go through the items for them, and are not printed.
	Skipped []Reason `json:"-"`
	Tested  []Item   `json:"-"`
}

// Reason is how many items of a run are as they are for one reason.
type Reason struct {
	Reason string
	Items  int
}

// Counts are items by status. Total is the sum of the others.
type Counts struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Held      int `json:"held"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	Skipped   int `json:"skipped"`
	Cancelled int `json:"cancelled"`
}

// CallCounts are attempts by outcome. Total also counts those on their way.
type CallCounts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
}

// TakeoverCounts are conversations by what became of them.
type TakeoverCounts struct {
	Held  int `json:"held"`
	Ended int `json:"ended"`
	Stuck int `json:"stuck"`
}

// Settled counts the messages of a run that were settled, and those that are still unknown. An item of which no call is known,
// since it comes from a backup, counts as one.
type Settled struct {
	Settled int `json:"settled"`
	Left    int `json:"left"`
	Run     Run `json:"run"`
	// Reports are files of the run's that show what was known before, and are not written again.
	Reports []string `json:"reports,omitempty"`
}

// Parent is the run and step that called a run.
type Parent struct {
	Run  string `json:"run"`
	Step string `json:"step"`
}

// Afterwards is a step in a finally that failed, which changes no outcome.
type Afterwards struct {
	Step    string `json:"step"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// OfAfterwards shows what failed in a run's finally.
func OfAfterwards(failed []engine.Afterwards) []Afterwards {
	var list []Afterwards
	for _, one := range failed {
		list = append(list, Afterwards{Step: one.Step, Code: one.Code, Message: one.Message})
	}
	return list
}

// Waiting is something that a run waits for.
type Waiting struct {
	Run   string                `json:"run"`
	Step  string                `json:"step"`
	Kind  engine.StandstillKind `json:"kind"`
	Text  string                `json:"text"`
	Until *time.Time            `json:"until"`
}

// OfRun shows a run, without what it waits for.
func OfRun(run engine.Run) Run {
	total := 0
	for _, n := range run.Counts {
		total += n
	}
	calls := 0
	for _, n := range run.Calls {
		calls += n
	}
	return Run{
		ID: run.ID, Workflow: run.Workflow, Status: run.Status, Trigger: run.Trigger,
		ScheduledAt: When(run.ScheduledAt), StartedAt: When(run.StartedAt), FinishedAt: When(run.FinishedAt),
		Plan: OrNull(run.Plan), Commit: OrNull(run.Commit), Error: run.Error, Sandbox: run.Sandbox, Test: run.Test,
		Parent: ofParent(run), Outputs: run.Outputs,
		Counts: Counts{
			Total: total, Pending: run.Counts[engine.StatusPending], Held: run.Counts[engine.StatusHeld],
			Succeeded: run.Counts[engine.StatusSucceeded], Failed: run.Counts[engine.StatusFailed],
			Unknown: run.Counts[engine.StatusUnknown], Skipped: run.Counts[engine.StatusSkipped],
			Cancelled: run.Counts[engine.StatusCancelled],
		},
		Calls: CallCounts{Total: calls, Succeeded: run.Calls[engine.CallSucceeded],
			Failed: run.Calls[engine.CallFailed], Unknown: run.Calls[engine.CallUnknown]},
		Takeovers: TakeoverCounts{
			Held:  run.Takeovers[engine.TakeoverHeld] + run.Takeovers[engine.TakeoverIntended],
			Ended: run.Takeovers[engine.TakeoverEnded], Stuck: run.Takeovers[engine.TakeoverStuck],
		},
	}
}

func ofParent(run engine.Run) *Parent {
	if run.Parent == nil {
		return nil
	}
	return &Parent{Run: run.Parent.Run, Step: run.Parent.Step}
}

// OfStandstills shows what a run waits for.
func OfStandstills(stands []engine.Standstill) []Waiting {
	var waiting []Waiting
	for _, still := range stands {
		waiting = append(waiting, Waiting{Run: still.Run, Step: still.Step, Kind: still.Kind, Text: still.Text, Until: When(still.Until)})
	}
	return waiting
}

// When is nil for a time that is not known.
func When(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// OrNull is nil for text that is not known.
func OrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
