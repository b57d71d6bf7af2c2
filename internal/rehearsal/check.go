package rehearsal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/sandbox"
	"youmiflow/workflows"
)

// Check says what of a file does not fit its workflow: params, and steps that are not there.
func (f *File) Check(workflow *workflows.Workflow) diagnostic.List {
	c := &checker{file: f, workflow: workflow, steps: map[string]*workflows.Step{}, questions: map[string]bool{}, seen: map[*workflows.Workflow]bool{}}
	c.learn(workflow)
	for _, test := range f.Tests {
		c.test(test)
	}
	c.problems.Sort()
	return c.problems
}

// checker knows the steps of a workflow and of those that it calls, by path.
type checker struct {
	file      *File
	workflow  *workflows.Workflow
	steps     map[string]*workflows.Step
	questions map[string]bool
	seen      map[*workflows.Workflow]bool
	problems  diagnostic.List
	box       *sandbox.Sandbox
}

func (c *checker) learn(workflow *workflows.Workflow) {
	if c.seen[workflow] {
		return
	}
	c.seen[workflow] = true
	eachStep(workflow, func(step *workflows.Step) {
		c.steps[step.Path] = step
		if step.Approve != nil {
			c.questions[step.Path] = true
		}
	})
	for _, called := range workflow.Calls {
		c.learn(called)
	}
}

// eachStep hands out all steps of a workflow, those within others too.
func eachStep(workflow *workflows.Workflow, do func(*workflows.Step)) {
	var walk func([]*workflows.Step)
	walk = func(list []*workflows.Step) {
		for _, step := range list {
			do(step)
			walk(step.Steps)
			walk(step.Finally)
			for _, branch := range step.Parallel {
				walk(branch.Steps)
			}
		}
	}
	walk(workflow.Steps)
	walk(workflow.Finally)
}

func (c *checker) fail(span diagnostic.Span, code, message, suggestion string) {
	c.problems = append(c.problems, diagnostic.Diagnostic{File: c.file.Path, Span: span, Severity: diagnostic.Error,
		Code: code, Message: message, Suggestion: suggestion})
}

func (c *checker) test(test *Test) {
	c.params(test)
	for _, one := range test.Audience {
		if step := c.uses(one.Step); step != nil && !givesRows(step) {
			c.fail(one.Step.Span, "not-allowed", fmt.Sprintf("the step %q gives no rows", one.Step.Value), "")
		} else if step != nil && one.File != "" && step.Uses.Name != "audience.file" {
			c.fail(one.Step.Span, "not-allowed", fmt.Sprintf("the step %q reads no file: write its rows here", one.Step.Value), "")
		}
	}
	for _, one := range test.Answers {
		if step := c.uses(one.Step); step != nil && step.Uses.Type.Operation != nil {
			c.fail(one.Step.Span, "not-allowed", fmt.Sprintf("the step %q calls the platform, which the simulator answers: use faults", one.Step.Value), "")
		}
	}
	for _, one := range test.Approvals {
		if !c.questions[one.Step.Value] && !c.asksBetweenWaves(one.Step.Value) {
			c.unknown(one.Step, "asks nobody", keys(c.questions))
		}
	}
	c.moments(test)
	c.trigger(test)
	for i, fault := range test.Faults {
		if err := c.fault(fault); err != nil {
			c.fail(test.faults[i], "not-allowed", err.Error(), "")
		}
	}
}

// fault asks a simulator whether it has the operation.
func (c *checker) fault(fault sandbox.Fault) error {
	if c.box == nil {
		box, err := sandbox.New(sandbox.Config{Seed: 1})
		if err != nil {
			return err
		}
		c.box = box // it has no journal, and pushes nothing: there is nothing to close
	}
	return c.box.SetFaults([]sandbox.Fault{fault})
}

// moments finds decisions on what nobody is asked.
func (c *checker) moments(test *Test) {
	for _, moment := range test.During {
		if moment.Act != ActApprove && moment.Act != ActReject {
			continue
		}
		if !c.questions[moment.Step.Value] && !c.asksBetweenWaves(moment.Step.Value) {
			c.unknown(moment.Step, "asks nobody", keys(c.questions))
		}
	}
}

// trigger finds out whether the workflow has the one that is to start the run.
func (c *checker) trigger(test *Test) {
	if test.Trigger == nil || test.Trigger.Name.Value == "" {
		return
	}
	var names []string
	for _, trigger := range c.workflow.Triggers {
		if trigger.Name == test.Trigger.Name.Value {
			if trigger.Event != "" && test.Trigger.Follow > 0 {
				c.fail(test.Trigger.Name.Span, "not-allowed", "follow is for schedules: events start runs as long as the test has any", "")
			}
			return
		}
		names = append(names, trigger.Name)
	}
	has := "it has none"
	if len(names) > 0 {
		slices.Sort(names)
		has = "it has " + strings.Join(names, ", ")
	}
	c.fail(test.Trigger.Name.Span, "unknown-name", fmt.Sprintf("the workflow has no trigger %q: %s", test.Trigger.Name.Value, has),
		diagnostic.Suggest(test.Trigger.Name.Value, names))
}

func (c *checker) params(test *Test) {
	if test.Trigger != nil {
		return // it gives them
	}
	_, err := c.workflow.BindParams(test.Params)
	failed, ok := errors.AsType[*workflows.ParamError](err)
	if !ok {
		return
	}
	for _, problem := range failed.Problems {
		span, there := test.places[problem.Name]
		if !there {
			span = test.params
		}
		if span.Line == 0 {
			span = test.Name.Span
		}
		c.fail(span, "not-allowed", problem.Message, problem.Suggestion)
	}
}

// uses finds the catalogue step of a path; nil, and a problem, when there is none.
func (c *checker) uses(path Text) *workflows.Step {
	step := c.steps[path.Value]
	switch {
	case step == nil:
		c.unknown(path, "is not there", keys(c.steps))
	case step.Uses == nil:
		c.fail(path.Span, "not-allowed", fmt.Sprintf("the step %q uses nothing of the catalogue", path.Value), "")
		return nil
	}
	return step
}

func (c *checker) unknown(path Text, what string, known []string) {
	c.fail(path.Span, "unknown-name", fmt.Sprintf("the step %q %s", path.Value, what), diagnostic.Suggest(path.Value, known))
}

// asksBetweenWaves reports whether a path is that of a question between two waves: STEP/wave-2.
func (c *checker) asksBetweenWaves(path string) bool {
	for name, step := range c.steps {
		if step.Foreach == nil || !slices.ContainsFunc(step.Foreach.Waves, func(w workflows.Wave) bool { return w.Approve }) {
			continue
		}
		var number int
		if n, err := fmt.Sscanf(path, name+"/wave-%d", &number); n == 1 && err == nil {
			return true
		}
	}
	return false
}

func givesRows(step *workflows.Step) bool {
	return slices.ContainsFunc(step.Uses.Type.Outputs, func(field workflows.Field) bool { return field.Name == "rows" })
}

func keys[T any](of map[string]T) []string {
	var list []string
	for key := range of {
		list = append(list, key)
	}
	return list
}
