package cli

import (
	"fmt"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// connectionWarnings are about the operations of a workflow that rest on a guess, where it uses them first.
func connectionWarnings(workflow *workflows.Workflow, config *workflows.Project) diagnostic.List {
	var warnings diagnostic.List
	overrides := map[string]workflows.OperationOverride{}
	if connection := config.Connections[workflow.Connection]; connection != nil {
		overrides = connection.Operations
	}
	seen := map[string]bool{}
	workflow.Each(func(step *workflows.Step) {
		if step.Uses == nil || step.Uses.Type.Operation == nil || step.Uses.Type.Operation.Status != "assumed" || seen[step.Uses.Name] {
			return
		}
		seen[step.Uses.Name] = true
		operation := step.Uses.Type.Operation
		override := overrides[operation.ID]
		if override.Confirmed {
			return
		}
		path := operation.Path
		if override.Path != "" {
			path = override.Path
		}
		warnings = append(warnings, diagnostic.Diagnostic{
			File: workflow.File, Span: step.Span, Severity: diagnostic.Warning, Code: "assumed-operation",
			Message: fmt.Sprintf(
				"%s uses %s, which the vendor's documents do not show: try it on a real account, then set operations.%s.confirmed in youmiflow.yaml",
				step.Uses.Name, path, operation.ID),
		})
	})
	return warnings
}
