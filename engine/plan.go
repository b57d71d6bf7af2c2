package engine

import (
	"context"
	"encoding/json"
	"time"

	"youmiflow/workflows"
)

// Plan is what a run would do, found by walking the steps as the run would, with every call assumed to succeed, and timing
// the calls on a virtual clock.
type Plan struct {
	Digest   string
	Workflow string
	Items    PlannedItems
	Calls    PlannedCalls
	FirstAt  time.Time // zero when there is no call
	LastAt   time.Time
	Duration time.Duration // from the start of the run to its last call
	// Variants counts the selected items by variant; empty when no foreach has any.
	Variants map[string]int
	// Waves are those of each foreach that has any.
	Waves []PlannedWave
	// Notes say, for people, what the plan had to assume.
	Notes []string
	// Samples are the first few items that would be reached, and the first of each variant that is not among them.
	Samples []Sample
	// Failures are the first few items whose steps cannot be prepared, with the reason. FailureCount counts those that
	// would fail before a message is sent to them, BrokenOff those that would have got one by then.
	Failures     []Sample
	FailureCount int
	BrokenOff    int
}

// PlannedItems counts the audience.
type PlannedItems struct {
	Total    int
	Selected int
	Held     int            // that wait for a person, such as one who clears their account: for ever, as far as a plan can tell
	Skipped  map[string]int // by reason
}

// PlannedCalls counts calls.
type PlannedCalls struct {
	Total       int
	ByOperation map[string]int
	ByAccount   map[string]int
	// ByAccountHour counts them by the hour in which they leave, which starts at the given instant in the project's time
	// zone.
	ByAccountHour map[string]map[time.Time]int
}

// Sample is an item with the calls it would make.
type Sample struct {
	Key     string
	Variant string
	Row     map[string]any // as the audience has it; nil for the run's own steps
	Calls   []SampleCall
	Reason  string
}

// SampleCall is one call of a sample.
type SampleCall struct {
	Step      string
	Operation string
	Account   string
	Friend    string
	Request   json.RawMessage
}

// planSamples is how many items a plan shows in full when nobody says.
const planSamples = 3

// MostPlanSamples is how many items a plan can show in full.
const MostPlanSamples = 1000

// PlanOptions are what a plan shows. They are not part of its digest.
type PlanOptions struct {
	// Samples is how many items are shown in full, and how many that fail, up to MostPlanSamples. Default 3.
	Samples int
}

// VirtualClock is the time that a plan's limiter sees.
type VirtualClock struct{ at time.Time }

// Now is the virtual time.
func (v *VirtualClock) Now() time.Time { return v.at }

// Plan walks a workflow without doing anything but reading its audience. The engine's limiter must keep its state in
// memory and take its time from clock.
func (e *Engine) Plan(ctx context.Context, submission Submission, clock *VirtualClock) (*Plan, error) {
	return e.PlanWith(ctx, submission, clock, PlanOptions{})
}

// PlanWith is Plan with options.
func (e *Engine) PlanWith(ctx context.Context, submission Submission, clock *VirtualClock, options PlanOptions) (*Plan, error) {
	p, err := e.newPlanner(ctx, submission, clock)
	if err != nil {
		return nil, err
	}
	if options.Samples > 0 {
		p.samples = min(options.Samples, MostPlanSamples)
	}
	return p.run(ctx)
}

// PlanDigest returns what Plan would give as the digest, without timing anything.
func (e *Engine) PlanDigest(ctx context.Context, submission Submission, clock *VirtualClock) (string, error) {
	p, err := e.newPlanner(ctx, submission, clock)
	if err != nil {
		return "", err
	}
	p.untimed = true
	plan, err := p.run(ctx)
	if err != nil {
		return "", err
	}
	return plan.Digest, nil
}

func newPlan(workflow *workflows.Workflow) *Plan {
	return &Plan{
		Workflow: workflow.Name, Items: PlannedItems{Skipped: map[string]int{}}, Variants: map[string]int{},
		Calls: PlannedCalls{ByOperation: map[string]int{}, ByAccount: map[string]int{}, ByAccountHour: map[string]map[time.Time]int{}},
	}
}
