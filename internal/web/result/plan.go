package result

import (
	"encoding/json"
	"time"

	"youmiflow/engine"
)

// Plan is a plan as `plan` prints it.
type Plan struct {
	Digest   string         `json:"digest"`
	Workflow string         `json:"workflow"`
	Items    PlannedItems   `json:"items"`
	Calls    PlannedCalls   `json:"calls"`
	FirstAt  *time.Time     `json:"first_at"`
	LastAt   *time.Time     `json:"last_at"`
	Duration string         `json:"duration"`
	Variants map[string]int `json:"variants"`
	Waves    []PlannedWave  `json:"waves"`
	Samples  []Sample       `json:"samples"`
	Warnings []string       `json:"warnings"`
	Against  *Against       `json:"against,omitempty"`
}

// PlannedItems are the items of a plan, with why some are skipped.
type PlannedItems struct {
	Total    int            `json:"total"`
	Selected int            `json:"selected"`
	Held     int            `json:"held"`
	Skipped  map[string]int `json:"skipped"`
}

// PlannedCalls are the calls of a plan. Those by hour are told by the start of the hour, as RFC 3339.
type PlannedCalls struct {
	ByOperation   map[string]int            `json:"by_operation"`
	ByAccount     map[string]int            `json:"by_account"`
	ByAccountHour map[string]map[string]int `json:"by_account_hour"`
}

// PlannedWave is a wave of a foreach.
type PlannedWave struct {
	Step     string    `json:"step"`
	Items    int       `json:"items"`
	BeginsAt time.Time `json:"begins_at"`
	EndsAt   time.Time `json:"ends_at"`
}

// Sample is one item with the calls that it would get.
type Sample struct {
	Key     string        `json:"key"`
	Variant string        `json:"variant"`
	Calls   []PlannedCall `json:"calls"`

	// Row is the item's row, for those who must not show what stands in it. It is not printed.
	Row map[string]any `json:"-"`
}

// PlannedCall is one call of a sample.
type PlannedCall struct {
	Step      string          `json:"step"`
	Operation string          `json:"operation"`
	Account   string          `json:"account"`
	Friend    string          `json:"friend"`
	Request   json.RawMessage `json:"request"`
}

// Against is how a plan differs from the same at an earlier commit.
type Against struct {
	Ref     string         `json:"ref"`
	Commit  string         `json:"commit"`
	Added   int            `json:"added"`
	Removed int            `json:"removed"`
	Changed int            `json:"changed"`
	Same    int            `json:"same"`
	Samples AgainstSamples `json:"samples"`
}

// AgainstSamples are a few of each.
type AgainstSamples struct {
	Added   []Sample `json:"added"`
	Removed []Sample `json:"removed"`
	Changed []Change `json:"changed"`
}

// Change is an item that gets something else than before.
type Change struct {
	Before Sample `json:"before"`
	After  Sample `json:"after"`
}

// OfPlan shows a plan.
func OfPlan(plan *engine.Plan, warnings []string) Plan {
	shown := Plan{
		Digest: plan.Digest, Workflow: plan.Workflow,
		Items: PlannedItems{Total: plan.Items.Total, Selected: plan.Items.Selected, Held: plan.Items.Held, Skipped: plan.Items.Skipped},
		Calls: PlannedCalls{ByOperation: plan.Calls.ByOperation, ByAccount: plan.Calls.ByAccount,
			ByAccountHour: byHour(plan.Calls.ByAccountHour)},
		FirstAt: When(plan.FirstAt), LastAt: When(plan.LastAt), Duration: plan.Duration.Round(time.Millisecond).String(),
		Variants: plan.Variants, Waves: []PlannedWave{}, Samples: ofSamples(plan.Samples), Warnings: warnings,
	}
	for _, wave := range plan.Waves {
		shown.Waves = append(shown.Waves, PlannedWave(wave))
	}
	return shown
}

// OfComparison shows how a plan differs from that of a commit.
func OfComparison(c *engine.Comparison, ref, commit string) *Against {
	shown := &Against{Ref: ref, Commit: commit, Added: c.Added, Removed: c.Removed, Changed: c.Changed, Same: c.Same,
		Samples: AgainstSamples{Added: ofSamples(c.AddedItems), Removed: ofSamples(c.RemovedItems), Changed: []Change{}}}
	for _, one := range c.ChangedItems {
		shown.Samples.Changed = append(shown.Samples.Changed, Change{ofSample(one.Before), ofSample(one.After)})
	}
	return shown
}

func byHour(counts map[string]map[time.Time]int) map[string]map[string]int {
	shown := map[string]map[string]int{}
	for account, hours := range counts {
		shown[account] = map[string]int{}
		for hour, count := range hours {
			shown[account][hour.Format(time.RFC3339)] = count
		}
	}
	return shown
}

func ofSamples(samples []engine.Sample) []Sample {
	shown := []Sample{}
	for _, sample := range samples {
		shown = append(shown, ofSample(sample))
	}
	return shown
}

func ofSample(sample engine.Sample) Sample {
	shown := Sample{Key: sample.Key, Variant: sample.Variant, Calls: []PlannedCall{}, Row: sample.Row}
	for _, call := range sample.Calls {
		shown.Calls = append(shown.Calls, PlannedCall(call))
	}
	return shown
}
