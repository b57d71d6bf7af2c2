package result

import (
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/folder"
)

// Workflow is a workflow of the folder.
type Workflow struct {
	Name        string  `json:"name"`
	File        string  `json:"file"`
	Description string  `json:"description"`
	Digest      *string `json:"digest"` // of the version that may be run; null when there has not been one
	Commit      *string `json:"commit"`
	// Broken tells that the file as it is now has errors: an earlier version is in force, or none.
	Broken   bool       `json:"broken"`
	Errors   int        `json:"errors"`
	Warnings int        `json:"warnings"`
	Since    *time.Time `json:"since"` // when the version came into force
	Params   []Param    `json:"params"`
	Triggers []Trigger  `json:"triggers"`
}

// Param is a param of a workflow.
type Param struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
}

// Trigger is a trigger of a workflow.
type Trigger struct {
	Name  string `json:"name"`
	Event string `json:"event"` // "" for one of a schedule
}

// WorkflowInFull is a workflow with its text and its problems.
type WorkflowInFull struct {
	Workflow
	Source   string          `json:"source"` // as the file is now
	Problems diagnostic.List `json:"problems"`
}

// OfWorkflow shows a workflow.
func OfWorkflow(loaded folder.Loaded) Workflow {
	shown := Workflow{Name: loaded.Name, File: loaded.File, Digest: OrNull(loaded.Digest()), Commit: OrNull(loaded.Commit), Broken: loaded.Broken,
		Since: When(loaded.Since), Params: []Param{}, Triggers: []Trigger{}}
	for _, problem := range loaded.Problems {
		if problem.Severity == diagnostic.Warning {
			shown.Warnings++
		} else {
			shown.Errors++
		}
	}
	if loaded.Workflow == nil {
		return shown
	}
	shown.Description = loaded.Workflow.Description
	for _, param := range loaded.Workflow.Params {
		shown.Params = append(shown.Params, Param{Name: param.Name, Type: string(param.Type), Required: param.Required, Description: param.Description})
	}
	for _, trigger := range loaded.Workflow.Triggers {
		shown.Triggers = append(shown.Triggers, Trigger{Name: trigger.Name, Event: trigger.Event})
	}
	return shown
}

// OfWorkflowInFull shows a workflow with the text of its file.
func OfWorkflowInFull(loaded folder.Loaded, source []byte) WorkflowInFull {
	problems := loaded.Problems
	if problems == nil {
		problems = diagnostic.List{}
	}
	return WorkflowInFull{Workflow: OfWorkflow(loaded), Source: string(source), Problems: problems}
}
