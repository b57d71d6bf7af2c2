package cli

import (
	"fmt"

	"youmiflow/workflows"
)

// connectionWarnings are about the operations of a workflow that rest on a guess.
func connectionWarnings(workflow *workflows.Workflow, config *workflows.Project) []string {
	var warnings []string
	confirmed := map[string]bool{}
	if connection := config.Connections[workflow.Connection]; connection != nil {
		for id, override := range connection.Operations {
			confirmed[id] = override.Confirmed
		}
	}
	seen := map[string]bool{}
	eachStep(workflow, func(step *workflows.Step) {
		if step.Uses == nil || step.Uses.Type.Operation == nil || step.Uses.Type.Operation.Status != "assumed" || seen[step.Uses.Name] {
			return
		}
		seen[step.Uses.Name] = true
		path := step.Uses.Type.Operation.Path
		if id := path[len(path)-len(lastSegment(path)):]; confirmed[id] {
			return
		}
		warnings = append(warnings, fmt.Sprintf(
			"%s uses %s, which the vendor's documents do not show: try it on a real account, then set operations.%s.confirmed in youmiflow.yaml",
			step.Uses.Name, path, lastSegment(path)))
	})
	return warnings
}

func lastSegment(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// eachStep visits every step of a workflow.
func eachStep(workflow *workflows.Workflow, visit func(*workflows.Step)) {
	var walk func([]*workflows.Step)
	walk = func(list []*workflows.Step) {
		for _, step := range list {
			visit(step)
			walk(step.Steps)
			walk(step.Finally)
		}
	}
	walk(workflow.Steps)
	walk(workflow.Finally)
}
