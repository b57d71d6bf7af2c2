package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"youmiflow/workflows"
)

// Question is a step that waits for a person's decision.
type Question struct {
	Run, Step string
	Text      string
	AskedAt   time.Time
	Until     time.Time          // zero: for ever
	Default   workflows.Decision // what counts when nobody has decided by then
}

// question is how a step's row keeps it, and once it is decided what came of it.
type question struct {
	Text     string             `json:"text"`
	AskedAt  time.Time          `json:"asked_at"`
	Until    *time.Time         `json:"until"`
	Default  workflows.Decision `json:"default"`
	Decision workflows.Decision `json:"decision,omitempty"`
	By       string             `json:"by,omitempty"`
	At       *time.Time         `json:"at,omitempty"`
	Note     string             `json:"note,omitempty"`
}

// Questions lists what a run asks people at the moment, by step.
func Questions(ctx context.Context, ledger Ledger, run string) ([]Question, error) {
	rows, err := ledger.Steps(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("reading the steps of run %s: %w", run, err)
	}
	var open []Question
	for _, row := range rows {
		if row.Status != StatusHeld {
			continue
		}
		var q question
		if err := json.Unmarshal(row.Outputs, &q); err != nil {
			return nil, fmt.Errorf("run %s: reading what step %s asks: %w", run, row.Path, err)
		}
		if q.AskedAt.IsZero() {
			continue // it is held for another reason
		}
		one := Question{Run: run, Step: row.Path, Text: q.Text, AskedAt: q.AskedAt, Default: q.Default}
		if q.Until != nil {
			one.Until = *q.Until
		}
		open = append(open, one)
	}
	slices.SortFunc(open, func(a, b Question) int { return strings.Compare(a.Step, b.Step) })
	return open, nil
}

// Decide keeps a person's decision on a step that waits for one, and has the run go on. Who is on record. ErrOver says that
// it does not wait for one (any more).
func (e *Engine) Decide(ctx context.Context, run, step string, decision workflows.Decision, who, note string) error {
	err := e.commit(ctx, Decide{Run: run, Path: step, Decision: decision, Who: who, Note: note, At: e.Now()})
	if err != nil {
		return fmt.Errorf("deciding on step %s of run %s: %w", step, run, err)
	}
	return nil
}

// nobodyDecided is the note of a decision that the time limit has made.
const nobodyDecided = "nobody decided in time"

// approve asks a person.
func (liveFlow) approve(ctx context.Context, s *scope, step *workflows.Step) (*result, error) {
	return s.ask(ctx, step.Path, func() (string, *workflows.Approve, error) {
		text, err := s.asks(step)
		return text, step.Approve, err
	})
}

// asks is the text of a question.
func (s *scope) asks(step *workflows.Step) (string, error) {
	if step.Approve.Text == nil {
		if step.Name != "" {
			return step.Name, nil
		}
		return step.Path, nil
	}
	value, err := step.Approve.Text.Eval(s.names)
	return text(value), err
}

// ask puts a question to a person, and suspends the scope until it is decided: it is on disk before anybody can answer it,
// and so is the answer before anything follows from it. what is asked for the question's text the first time only.
func (s *scope) ask(ctx context.Context, path string, what func() (string, *workflows.Approve, error)) (*result, error) {
	row, err := s.engine.stepRow(ctx, s.active.run.ID, path)
	if err != nil {
		return nil, err
	}
	var q question
	switch row.Status {
	case "":
		asked, approve, err := what()
		if err != nil {
			return failed("expression", err), nil
		}
		if q, err = s.put(ctx, path, asked, approve); err != nil {
			return nil, err
		}
	case StatusHeld:
		if err := json.Unmarshal(row.Outputs, &q); err != nil {
			return nil, fmt.Errorf("step %s: reading what it asks: %w", path, err)
		}
	default:
		return decidedResult(row)
	}
	if s.cancelled() {
		return &result{Status: StatusCancelled}, nil
	}
	now := s.engine.Now()
	if q.Until != nil && !q.Until.After(now) {
		return s.decideByDefault(ctx, path, q.Default, now)
	}
	s.active.asks(path)
	var until time.Time
	if q.Until != nil {
		until = *q.Until
	}
	return nil, s.standsStill(until, "waits for a person")
}

// put writes the question down.
func (s *scope) put(ctx context.Context, path, asked string, approve *workflows.Approve) (question, error) {
	now := s.engine.Now()
	q := question{Text: asked, AskedAt: now, Default: workflows.DecisionReject}
	if approve.Default != "" {
		q.Default = approve.Default
	}
	if approve.For > 0 {
		until := now.Add(approve.For)
		q.Until = &until
	}
	outputs, err := json.Marshal(q)
	if err != nil {
		return q, fmt.Errorf("step %s: writing what it asks: %w", path, err)
	}
	row := SetStep{StepRow{Run: s.active.run.ID, Path: path, Status: StatusHeld, Outputs: outputs}}
	return q, s.engine.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{row}}).Wait(ctx)
}

// decideByDefault ends a question that nobody has answered in time, unless somebody does so at this very moment.
func (s *scope) decideByDefault(ctx context.Context, path string, decision workflows.Decision, now time.Time) (*result, error) {
	change := Decide{Run: s.active.run.ID, Path: path, Decision: decision, Note: nobodyDecided, At: now}
	err := s.engine.Ledger.Append(ctx, Entry{Fence: &s.fence, Changes: []Change{change}}).Wait(ctx)
	if err != nil && !errors.Is(err, ErrOver) {
		return nil, fmt.Errorf("step %s: %w", path, err)
	}
	row, err := s.engine.stepRow(ctx, s.active.run.ID, path)
	if err != nil {
		return nil, err
	}
	if row.Status == StatusHeld { // the run is being cancelled
		return &result{Status: StatusCancelled}, nil
	}
	return decidedResult(row)
}

// decidedResult is what a decided question's row says.
func decidedResult(row StepRow) (*result, error) {
	r := &result{Status: row.Status, Error: row.Error}
	if len(row.Outputs) > 0 {
		if err := json.Unmarshal(row.Outputs, &r.Outputs); err != nil {
			return nil, fmt.Errorf("step %s: reading what was decided: %w", row.Path, err)
		}
	}
	return r, nil
}

// stepRow returns the row of one of the run's own steps; it has no status when there is none yet.
func (e *Engine) stepRow(ctx context.Context, run, path string) (StepRow, error) {
	rows, err := e.Ledger.Steps(ctx, run)
	if err != nil {
		return StepRow{}, fmt.Errorf("reading the run's steps: %w", err)
	}
	for _, row := range rows {
		if row.Path == path {
			return row, nil
		}
	}
	return StepRow{}, nil
}
