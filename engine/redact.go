package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"youmiflow/internal/redact"
	"youmiflow/workflows"
)

// newRedactor hides the values of the secrets; nil when there are none.
func newRedactor(secrets map[string]string) *redact.Redactor {
	return redact.New(slices.Collect(maps.Values(secrets))...)
}

// secretNames is what `secrets` holds in expressions.
func secretNames(secrets map[string]string) map[string]any {
	names := make(map[string]any, len(secrets))
	for name, value := range secrets {
		names[name] = value
	}
	return names
}

// checkSecrets refuses a workflow that reads a secret which has no value.
func (e *Engine) checkSecrets(workflow *workflows.Workflow) error {
	for _, read := range workflow.Secrets {
		if _, ok := e.Secrets[read.Name]; !ok {
			return &SecretError{Name: read.Name, File: workflow.File, Line: read.Span.Line, Column: read.Span.Column}
		}
	}
	return nil
}

// SecretError says that a workflow reads a secret that has no value.
type SecretError struct {
	Name         string
	File         string
	Line, Column int
}

func (s *SecretError) Error() string {
	return fmt.Sprintf("%s:%d:%d: the secret %q has no value: name it under `secrets` in youmiflow.yaml, and set the variable it is read from",
		s.File, s.Line, s.Column, s.Name)
}

// checkParams refuses params that hold a secret: they are kept with the run.
func (e *Engine) checkParams(params map[string]any) error {
	if e.redactor == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if held, err := e.holdsSecret(params[name]); err != nil || held {
			return fmt.Errorf("the param %q holds the value of a secret, and params are kept: read it as secrets.NAME where it is needed", name)
		}
	}
	return nil
}

// holdsSecret reports whether a secret would be seen in a value.
func (e *Engine) holdsSecret(value any) (bool, error) {
	if e.redactor == nil {
		return false, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return false, err
	}
	return e.redactor.Text(string(text)) != string(text), nil
}

// clean hides secrets in what an action says of its end, and in its outputs: a run that goes on after a restart reads them
// from the ledger, and must see the same.
func (e *Engine) clean(outcome Outcome) Outcome {
	if e.redactor == nil {
		return outcome
	}
	outcome.Code, outcome.Message = e.redactor.Text(outcome.Code), e.redactor.Text(outcome.Message)
	outcome.RequestID, outcome.TaskID = e.redactor.Text(outcome.RequestID), e.redactor.Text(outcome.TaskID)
	outcome.Outputs, _ = e.redactor.Value(outcome.Outputs).(map[string]any)
	return outcome
}

// hidingLedger keeps a ledger free of secrets: everything that is written goes through Append.
type hidingLedger struct {
	Ledger
	redactor *redact.Redactor
}

func (h hidingLedger) Append(ctx context.Context, entry Entry) Receipt {
	hidden := make([]Change, len(entry.Changes))
	for i, change := range entry.Changes {
		hidden[i] = h.change(change)
	}
	entry.Changes = hidden
	return h.Ledger.Append(ctx, entry)
}

// change hides secrets in all that a change keeps of what a step gave. IDs, paths and statuses are the engine's own.
// Params and rows are what a run goes on with after a restart, and must not be changed in silence: those that hold a secret
// are refused before they come here. A takeover's handle is the platform's, and needed to end it. A test looks at every
// kind of change.
func (h hidingLedger) change(change Change) Change {
	r := h.redactor
	switch c := change.(type) {
	case AddRun:
		c.Error, c.Outputs = h.failure(c.Error), r.JSON(c.Outputs)
		return c
	case SetRun:
		c.Error, c.Outputs = h.failure(c.Error), r.JSON(c.Outputs)
		return c
	case SetStep:
		c.Outputs, c.Error = r.JSON(c.Outputs), h.failure(c.Error)
		return c
	case AddItems:
		c.Items = slices.Clone(c.Items)
		for i := range c.Items {
			item := &c.Items[i]
			item.Reason, item.Progress = r.Text(item.Reason), r.JSON(item.Progress)
		}
		return c
	case SetItem:
		c.Reason, c.Progress = r.Text(c.Reason), r.JSON(c.Progress)
		return c
	case EndItems:
		c.Reason = r.Text(c.Reason)
		return c
	case Decide:
		c.Note = r.Text(c.Note)
		return c
	case AddAudit:
		c.Action, c.On, c.Note = r.Text(c.Action), r.Text(c.On), r.Text(c.Note)
		return c
	case SetAccount:
		c.Reason = r.Text(c.Reason)
		return c
	}
	return h.lesser(change)
}

// lesser is change for what belongs to neither a run nor an item as a whole.
func (h hidingLedger) lesser(change Change) Change {
	r := h.redactor
	switch c := change.(type) {
	case AddCall:
		c.Request, c.Account, c.Friend = r.JSON(c.Request), r.Text(c.Account), r.Text(c.Friend)
		c.Code, c.Message, c.RequestID, c.TaskID = r.Text(c.Code), r.Text(c.Message), r.Text(c.RequestID), r.Text(c.TaskID)
		return c
	case SetCall:
		c.Code, c.Message, c.RequestID, c.TaskID = r.Text(c.Code), r.Text(c.Message), r.Text(c.RequestID), r.Text(c.TaskID)
		return c
	case SetSchedule:
		c.LastReason = r.Text(c.LastReason)
		return c
	case SetTakeover:
		c.Message = r.Text(c.Message)
		return c
	case SetLane:
		if c.Waits != nil {
			waits := *c.Waits
			waits.Text = r.Text(waits.Text)
			c.Waits = &waits
		}
		return c
	case AddNotice:
		c.Text = r.Text(c.Text)
		return c
	}
	return change
}

func (h hidingLedger) failure(failure *Failure) *Failure {
	if failure == nil {
		return nil
	}
	return &Failure{Code: h.redactor.Text(failure.Code), Message: h.redactor.Text(failure.Message)}
}
