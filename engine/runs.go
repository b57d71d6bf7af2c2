package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"youmiflow/workflows"
)

// Submission is a request to run a workflow.
type Submission struct {
	ID          string // made by NewRunID; "" has one made
	Workflow    *workflows.Workflow
	Params      map[string]any // as given; defaults are filled in from the workflow
	Trigger     string         // "manual" unless given
	ScheduledAt time.Time
	Sandbox     bool
	Commit      string
	Plan        string
	NotBefore   time.Time      // zero: at once
	Event       map[string]any // that it is started by, as expressions see it
	Queued      bool           // not before every earlier run of the workflow is over
	// Test, when set, sends the first rows of each foreach to one recipient instead.
	Test *Test
}

// Create adds a run and has it worked on.
func (e *Engine) Create(ctx context.Context, submission Submission) (Run, error) {
	run, changes, err := e.prepare(submission)
	if err != nil {
		return Run{}, err
	}
	if err := e.commit(ctx, changes...); err != nil {
		return Run{}, fmt.Errorf("adding a run of %s: %w", run.Workflow, err)
	}
	return run, nil
}

// prepare checks a submission, and returns the run and the changes that add it.
func (e *Engine) prepare(submission Submission) (Run, []Change, error) {
	workflow := submission.Workflow
	if _, err := workflow.BindParams(submission.Params); err != nil {
		return Run{}, nil, err
	}
	if err := errors.Join(e.checkSecrets(workflow), e.checkParams(submission.Params)); err != nil {
		return Run{}, nil, err
	}
	now := e.Now()
	if submission.ID == "" {
		submission.ID = NewRunID(now)
	}
	run := Run{
		ID: submission.ID, Workflow: workflow.Name, Digest: workflow.Digest, Connection: workflow.Connection,
		Sandbox: submission.Sandbox, Params: submission.Params, Trigger: submission.Trigger,
		ScheduledAt: submission.ScheduledAt, CreatedAt: now, Status: StatusPending, Wanted: WantRun,
		Plan: submission.Plan, Commit: submission.Commit, Foreach: len(everyForeach(workflow)) > 0,
		NotBefore: submission.NotBefore, Queued: submission.Queued, Event: submission.Event,
	}
	if run.Test = submission.Test; run.Test != nil && run.Test.Rows <= 0 {
		test := *run.Test
		test.Rows = defaultTestRows
		run.Test = &test
	}
	texts, digests := versions(workflow, submission.Commit)
	run.Versions = digests
	if run.Trigger == "" {
		run.Trigger = "manual"
	}
	return run, append(texts, AddRun{run}, Wake{LaneKey: LaneKey{Run: run.ID}, At: run.NotBefore}), nil
}

// NewRunID makes an id that sorts by time and can be read out: 20261122-183012-k7mq.
func NewRunID(now time.Time) string {
	return now.UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:4])
}

// StateError says that a run is not in a state in which that can be done.
type StateError struct {
	Run    string
	Status Status
	Want   string
}

func (s *StateError) Error() string {
	return fmt.Sprintf("run %s is %s and cannot be %s", s.Run, s.Status, s.Want)
}

// Pause has a run stop, and those that it has called: calls in flight are finished, conversations handed back, the rest
// waits for Resume.
func (e *Engine) Pause(ctx context.Context, id string) error {
	return e.request(ctx, id, WantPause, "paused", nil, nil)
}

// Resume has a paused or interrupted run go on, and with it those that it has called.
func (e *Engine) Resume(ctx context.Context, id string) error {
	if err := e.awaitRest(ctx, id); err != nil {
		return err
	}
	running := StatusRunning
	if err := e.request(ctx, id, WantRun, "resumed", &running, &Failure{}); err != nil {
		return err
	}
	return e.resumeChildren(ctx, id)
}

// awaitRest waits while a pause hands conversations back: an item must not be worked on from two sides.
func (e *Engine) awaitRest(ctx context.Context, id string) error {
	limit := e.Now().Add(time.Minute)
	tick := time.NewTicker(settling)
	defer tick.Stop()
	for {
		run, err := e.Ledger.Run(ctx, id)
		if err != nil {
			return fmt.Errorf("run %s: %w", id, err)
		}
		if run.Wanted != WantPause || run.Status != StatusRunning || e.Now().After(limit) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Cancel has a run end, and those that it has called: items that were begun run their finally, the others are cancelled.
func (e *Engine) Cancel(ctx context.Context, id string) error {
	running := StatusRunning
	return e.request(ctx, id, WantCancel, "cancelled", &running, nil)
}

// request asks for something of a run. With a problem, that is why; an empty one takes away the last.
func (e *Engine) request(ctx context.Context, id string, wanted Wanted, word string, status *Status, problem *Failure) error {
	run, err := e.Ledger.Run(ctx, id)
	if err != nil {
		return fmt.Errorf("run %s: %w", id, err)
	}
	if run.Status.Over() {
		return &StateError{Run: id, Status: run.Status, Want: word}
	}
	wakes, err := e.wakes(ctx, id)
	if err != nil {
		return err
	}
	if run.Interrupted() && problem == nil {
		problem = &Failure{} // somebody wants it that way now, whatever the process died of
	}
	change := SetRun{ID: id, Wanted: &wanted, Status: status, Error: problem}
	err = e.commit(ctx, append(wakes, change)...)
	if errors.Is(err, ErrOver) {
		return &StateError{Run: id, Status: "over or being cancelled", Want: word}
	}
	if err != nil {
		return fmt.Errorf("asking for run %s to be %s: %w", id, word, err)
	}
	e.mu.Lock()
	active := e.active[id]
	e.mu.Unlock()
	if active != nil {
		active.want(wanted)
	}
	return nil
}

// wakes has every lane of a run looked at.
func (e *Engine) wakes(ctx context.Context, id string) ([]Change, error) {
	changes := []Change{Wake{LaneKey: LaneKey{Run: id}}}
	rows, err := e.Ledger.Steps(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", id, err)
	}
	for _, row := range rows {
		lanes, err := e.Ledger.Lanes(ctx, id, row.Path)
		if err != nil {
			return nil, fmt.Errorf("reading the lanes of run %s: %w", id, err)
		}
		for _, lane := range lanes {
			if !lane.Done {
				changes = append(changes, Wake{LaneKey: lane.LaneKey})
			}
		}
	}
	return changes, nil
}

// Recovery says what a new owner of a ledger does about a run that an earlier process left.
type Recovery int

// The recoveries.
const (
	Leave     Recovery = iota // not touched
	Drive                     // goes on
	Suspend                   // settled, its conversations handed back, then paused until somebody resumes it
	Interrupt                 // as Suspend, or until a daemon has it go on (ResumeInterrupted)
)

// Recover looks at every run that is not over, and does with it as decide says; a run that another one has called is dealt
// with as that one. It is for a process that has just
// become the only one to work on this ledger.
func (e *Engine) Recover(ctx context.Context, decide func(Run) Recovery) error {
	runs, err := e.Ledger.Runs(ctx, RunFilter{Statuses: []Status{StatusPending, StatusRunning, StatusPaused}})
	if err != nil {
		return fmt.Errorf("looking for unfinished runs: %w", err)
	}
	f := &family{runs: make(map[string]Run, len(runs)), decided: map[string]Recovery{}, decide: decide}
	for _, run := range runs {
		f.runs[run.ID] = run
	}
	for _, run := range runs {
		if err := e.recover(ctx, run, f.recovery(run), f.called(run)); err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
	}
	return nil
}

// Resting reports whether a run is paused in order: nothing of it is under way, and it holds nothing.
func (r Run) Resting() bool {
	holding := r.Takeovers[TakeoverHeld]+r.Takeovers[TakeoverIntended] > 0 || r.Calls[CallIntent] > 0
	return r.Status == StatusPaused && r.Wanted == WantPause && !holding
}

func (e *Engine) recover(ctx context.Context, run Run, recovery Recovery, called bool) error {
	switch {
	case recovery == Leave, run.Resting():
		return nil
	case (recovery == Suspend || recovery == Interrupt) && run.Wanted == WantRun && called:
		return nil // it is paused with the one that called it
	case recovery == Interrupt && run.Wanted == WantRun:
		return e.interrupt(ctx, run.ID)
	case recovery == Suspend && run.Wanted == WantRun:
		return e.Pause(ctx, run.ID)
	}
	wakes, err := e.wakes(ctx, run.ID)
	if err != nil {
		return err
	}
	return e.commit(ctx, wakes...)
}
