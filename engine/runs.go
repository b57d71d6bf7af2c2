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
	Request     string         // kept with the run, as Run.Request
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
		NotBefore: submission.NotBefore, Queued: submission.Queued, Event: submission.Event, Request: submission.Request,
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
