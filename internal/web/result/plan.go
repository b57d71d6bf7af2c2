package result

import (
	"encoding/json"
	"time"

	"youmiflow/engine"
)

// Plan is a plan as `plan` prints it.
type Plan struct {
	Digest   string       `json:"digest"`
	Workflow string       `json:"workflow"`
	Items    PlannedItems `json:"items"`
	Calls    PlannedCalls `json:"calls"`
	FirstAt  *time.Time   `json:"first_at"`
	LastAt   *time.Time   `json:"last_at"`
	Duration string       `json:"duration"`
	Samples  []Sample     `json:"samples"`
	Warnings []string     `json:"warnings"`
}

// PlannedItems are the items of a plan, with why some are skipped.
type PlannedItems struct {
	Total    int            `json:"total"`
	Selected int            `json:"selected"`
	Skipped  map[string]int `json:"skipped"`
}

// PlannedCalls are the calls of a plan.
type PlannedCalls struct {
	ByOperation map[string]int `json:"by_operation"`
	ByAccount   map[string]int `json:"by_account"`
}

// Sample is one item with the calls that it would get.
type Sample struct {
	Key   string        `json:"key"`
	Calls []PlannedCall `json:"calls"`
}

// PlannedCall is one call of a sample.
type PlannedCall struct {
	Step      string          `json:"step"`
	Operation string          `json:"operation"`
	Account   string          `json:"account"`
	Friend    string          `json:"friend"`
	Request   json.RawMessage `json:"request"`
}

// OfPlan shows a plan.
func OfPlan(plan *engine.Plan, warnings []string) Plan {
	shown := Plan{
		Digest: plan.Digest, Workflow: plan.Workflow,
		Items:   PlannedItems{Total: plan.Items.Total, Selected: plan.Items.Selected, Skipped: plan.Items.Skipped},
		Calls:   PlannedCalls{ByOperation: plan.Calls.ByOperation, ByAccount: plan.Calls.ByAccount},
		FirstAt: When(plan.FirstAt), LastAt: When(plan.LastAt), Duration: plan.Duration.Round(time.Millisecond).String(),
		Samples: []Sample{}, Warnings: warnings,
	}
	for _, sample := range plan.Samples {
		one := Sample{Key: sample.Key, Calls: []PlannedCall{}}
		for _, call := range sample.Calls {
			one.Calls = append(one.Calls, PlannedCall(call))
		}
		shown.Samples = append(shown.Samples, one)
	}
	return shown
}
