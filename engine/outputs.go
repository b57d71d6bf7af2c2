package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"youmiflow/internal/expression"
	"youmiflow/workflows"
)

// codeOutputs is that of a run whose outputs cannot be made.
const codeOutputs = "outputs"

// outputs evaluates what a workflow gives to whoever called it. Of a run that has failed or was cancelled only those are
// given that can be: what they are made of may be missing.
func (s *scope) outputs(list []workflows.Assignment, st *standing) (json.RawMessage, *Failure) {
	if len(list) == 0 {
		return nil, nil
	}
	around := s.standing
	s.standing = st
	defer func() { s.standing = around }()
	values := make(map[string]any, len(list))
	var problems []error
	for _, output := range list {
		value, err := output.Value.Eval(s.names)
		if err == nil {
			value, err = plain(value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("the output %q: %w", output.Name, err))
		}
		values[output.Name] = value
	}
	text, err := json.Marshal(values)
	if err = errors.Join(append(problems, err)...); err == nil || !st.clean() {
		return text, nil
	}
	return text, &Failure{Code: codeOutputs, Message: s.engine.redactor.Error(err).Error()}
}

// typed gives what a step gave, and the ledger kept as JSON, the types that the workflow knows it to have.
func (a *activeRun) typed(step *workflows.Step, r *result) *result {
	list := step.Set
	if step.Call != nil {
		callee := a.workflow.Calls[step.Call.Workflow]
		if callee == nil {
			return r
		}
		list = callee.Outputs
	}
	r.Outputs = maps.Clone(r.Outputs) // another branch may be writing it down
	for _, output := range list {
		if value, ok := r.Outputs[output.Name]; ok && output.Value != nil {
			r.Outputs[output.Name] = ofKind(output.Value.Type().Kind, value)
		}
	}
	return r
}

// ofKind turns what JSON makes of a time or a duration into one.
func ofKind(kind expression.Kind, value any) any {
	text, isText := value.(string)
	switch kind {
	case expression.Time:
		if at, err := time.Parse(time.RFC3339Nano, text); isText && err == nil {
			return at
		}
	case expression.Duration:
		if length, err := time.ParseDuration(text); isText && err == nil {
			return length
		}
		if nanoseconds, ok := value.(int); ok {
			return time.Duration(nanoseconds)
		}
	}
	return value
}
