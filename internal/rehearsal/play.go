package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
	"youmiflow/internal/youmi"
	"youmiflow/workflows"
)

const (
	// longestRun is how long a run may last on its own clock.
	longestRun = 400 * 24 * time.Hour
	// mostSlices bounds how often lanes are worked on in one test: a run that does not end must not be driven for ever.
	mostSlices = 100_000
)

// Setting is what the house gives to a test's stage: the time, the platform, and what the engine is to be configured with.
type Setting struct {
	Test     *Test
	Workflow *workflows.Workflow
	Clock    *Clock
	Lanes    *Lanes        // hears the ledger's wakes
	Client   *youmi.Client // of the simulator, whatever the connection

	mortality *mortality
}

// Stage is a fresh ledger, and an engine over it.
type Stage struct {
	Ledger    engine.Ledger
	Schedules engine.Schedules
	Backlogs  engine.Backlogs
	Engine    *engine.Engine
	// Reads is a request as the customer reads it, line by line.
	Reads func(request json.RawMessage) []string
	// Push hands what the platform posts to the receiver of events.
	Push func(ctx context.Context, body []byte) error
	// Restart opens the ledger anew, and puts another engine over it: as a process does that follows one that died.
	Restart func(ctx context.Context) error
	Close   func() error
}

// Configure makes a real engine's configuration one of the test: its clock, its chances, its stand-ins. Which limits there
// are is left to whoever has the limiter (Test.NoLimits).
func (s *Setting) Configure(config engine.Config) engine.Config {
	random := rand.New(rand.NewPCG(s.Test.Seed, 0))
	config.Ledger = s.mortality.of(config.Ledger)
	config.Now, config.Timer, config.WithTimeout = s.Clock.Now, s.Clock.Timer, s.Clock.WithTimeout
	config.Jitter = random.Int64N // one lane is worked on at a time, and its items one behind the other
	config.Slice, config.Grace, config.Orderly = time.Millisecond, time.Millisecond, true
	config.Steps = standIn(config.Steps, s.Test)
	config.Location, config.Secrets = s.Test.Location, secrets(s.Workflow)
	return config
}

// secrets have values that are none: a test needs no real ones.
func secrets(workflow *workflows.Workflow) map[string]string {
	values := map[string]string{}
	for _, secret := range workflow.Secrets {
		values[secret.Name] = "secret-" + secret.Name
	}
	for _, called := range workflow.Calls {
		for name, value := range secrets(called) {
			values[name] = value
		}
	}
	return values
}

// Runner runs tests. It is safe for concurrent use.
type Runner struct{ spec *openapi3.T }

// NewRunner makes one. The error is that of openapi.yaml.
func NewRunner() (*Runner, error) {
	spec, err := youmi.Spec()
	if err != nil {
		return nil, fmt.Errorf("reading openapi.yaml: %w", err)
	}
	return &Runner{spec}, nil
}

// Run runs one test on the stage that open makes for it. The result's error says why it could not be run to its end; what
// differs from what is expected are its mismatches.
func (r *Runner) Run(ctx context.Context, file *File, test *Test, workflow *workflows.Workflow,
	open func(context.Context, *Setting) (*Stage, error)) (result Result) {
	result = Result{File: file, Test: test}
	clock := NewClock(test.Clock)
	box, err := sandbox.New(sandbox.Config{Seed: test.Seed, Faults: test.Faults, Clock: clock.Now, Sleep: clock.Sleep, Spec: r.spec}) //nolint:contextcheck // it ends with Close
	if err != nil {
		result.Err = err
		return result
	}
	defer func() { result.Err = errors.Join(result.Err, box.Close()) }()
	client, err := clientOf(box, clock)
	if err != nil {
		result.Err = err
		return result
	}
	setting := &Setting{Test: test, Workflow: workflow, Clock: clock, Lanes: NewLanes(clock), Client: client, mortality: &mortality{clock: clock}}
	stage, err := open(ctx, setting)
	if err != nil {
		result.Err = err
		return result
	}
	defer func() { result.Err = errors.Join(result.Err, stage.Close()) }()
	p := &play{Setting: setting, stage: stage, box: box, asks: asks(workflow), answered: map[string]bool{}}
	if result.Err = p.run(ctx); result.Err == nil {
		result.Mismatches, result.Err = p.compare(ctx)
	}
	return result
}

// clientOf makes a client of the simulator, on the test's clock.
func clientOf(box *sandbox.Sandbox, clock *Clock) (*youmi.Client, error) {
	const url = "http://simulator.invalid"
	return youmi.New(youmi.Config{
		BaseURL: url, TokenURL: url + "/connect/token", ClientID: "test", ClientSecret: "test",
		V1:        youmi.V1Config{BaseURL: url + "/publicapi/v1", AppID: "test", AppKey: sandbox.V1AppKey},
		Transport: sandbox.Transport{Sandbox: box}, Now: clock.Now, WithTimeout: clock.WithTimeout,
	})
}

// play is a run being driven.
type play struct {
	*Setting
	stage    *Stage
	box      *sandbox.Sandbox
	asks     bool // the workflow asks people
	answered map[string]bool
	id       string // of the run; "" until a trigger has started one
	moments  int    // how many of the test's moments have been
	following
	found []Mismatch // moments that could not be
}

func asks(workflow *workflows.Workflow) bool {
	found := false
	eachStep(workflow, func(step *workflows.Step) {
		found = found || step.Approve != nil || step.Foreach != nil && len(step.Foreach.Waves) > 0
	})
	for _, called := range workflow.Calls {
		found = found || asks(called)
	}
	return found
}

// run drives the run to its end, or to where nothing is due any more.
func (p *play) run(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	end := p.Test.Clock.Add(longestRun)
	for slices := 0; ; slices++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := p.next(ctx)
		if err != nil {
			return err
		}
		if next == nil {
			return p.heedEvents(ctx)
		}
		if next.at.After(end) || slices > mostSlices {
			return fmt.Errorf("the run goes on and on: at %s it is still not over", p.Clock.Now().In(p.Test.Location).Format(time.DateTime))
		}
		p.Clock.Advance(next.at)
		if err := next.do(ctx); err != nil && !errors.Is(err, errDead) {
			return err
		}
	}
}

// begin starts the run, or what starts it.
func (p *play) begin(ctx context.Context) error {
	p.attend()
	if p.Test.Trigger != nil {
		return p.fire(ctx)
	}
	submission := engine.Submission{
		ID:       p.Test.Clock.UTC().Format("20060102-150405-") + "test",
		Workflow: p.Workflow, Params: p.Test.Params, Sandbox: true,
	}
	if to := p.Test.SendTo; to != nil {
		submission.Test = &engine.Test{Account: to.Account, Friend: to.Friend, Rows: to.Rows}
	}
	run, err := p.stage.Engine.Create(ctx, submission)
	p.id = run.ID
	return err
}

// turn is something that is due.
type turn struct {
	at time.Time
	do func(context.Context) error
}

// next is what is due first; nil when nothing is. What is due at one instant has its turn in the order below: what comes
// from outside goes before the work on the run.
func (p *play) next(ctx context.Context) (*turn, error) {
	now := p.Clock.Now()
	var first *turn
	offer := func(at time.Time, do func(context.Context) error) {
		if at.Before(now) {
			at = now
		}
		if first == nil || at.Before(first.at) {
			first = &turn{at, do}
		}
	}
	if p.moments < len(p.Test.During) {
		offer(p.Test.During[p.moments].At, p.moment)
	}
	if !p.fireAt.IsZero() {
		offer(p.fireAt, p.fire)
	}
	if err := p.decisions(ctx, offer); err != nil {
		return nil, err
	}
	if at, due := p.Lanes.Next(); due {
		offer(at, p.work)
	}
	return first, nil
}

// work has the lane worked on that is due first. Where it ends a run that events wait for, they begin theirs.
func (p *play) work(ctx context.Context) error {
	return p.living(func() error {
		if _, err := p.Lanes.Step(ctx, p.stage.Engine.Work); err != nil || !p.events.Behind() {
			return err
		}
		return p.heedEvents(ctx)
	})
}

// decisions offers the answers that approvals have for what is asked.
func (p *play) decisions(ctx context.Context, offer func(time.Time, func(context.Context) error)) error {
	if !p.asks || len(p.Test.Approvals) == 0 {
		return nil
	}
	questions, err := p.questions(ctx)
	if err != nil {
		return err
	}
	for _, question := range questions {
		for _, approval := range p.Test.Approvals {
			if approval.Step.Value != question.Step || p.answered[question.Run+"\x00"+question.Step] {
				continue
			}
			offer(question.AskedAt.Add(approval.After), func(ctx context.Context) error {
				p.answered[question.Run+"\x00"+question.Step] = true
				return p.stage.Engine.Decide(ctx, question.Run, question.Step, approval.Decision, approval.By, approval.Note)
			})
		}
	}
	return nil
}

// questions are those that are open.
func (p *play) questions(ctx context.Context) ([]engine.Question, error) {
	runs, err := p.family(ctx)
	var open []engine.Question
	for _, run := range runs {
		questions, err := engine.Questions(ctx, p.stage.Ledger, run.ID)
		if err != nil {
			return nil, err
		}
		open = append(open, questions...)
	}
	return open, err
}

// family is the run, those that it has called, and others that its trigger has started, oldest first.
func (p *play) family(ctx context.Context) ([]engine.Run, error) {
	runs, err := p.stage.Ledger.Runs(ctx, engine.RunFilter{})
	slices.Reverse(runs)
	return runs, err
}
