package cli

import (
	"github.com/spf13/cobra"

	"youmiflow/internal/rehearsal"
	"youmiflow/steps"
	"youmiflow/workflows"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [workflow|project|tests]",
		Short: "The JSON Schema of workflow files, of youmiflow.yaml and of files of tests, for editors",
		Long: `Prints the JSON Schema (draft-07) of workflow files, of youmiflow.yaml, or of files of tests. With it
an editor completes keys, steps and their inputs, explains them, and marks what is wrong while you
write. init writes all three into a new project; docs/editors.md says how to use them elsewhere.`,
		Example: `  youmiflow schema > .youmiflow-schema/workflow.json
  youmiflow schema project > .youmiflow-schema/project.json`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: schemaKinds(),
		RunE: func(_ *cobra.Command, arguments []string) error {
			kind := "workflow"
			if len(arguments) == 1 {
				kind = arguments[0]
			}
			text, err := schemaOf(kind)
			if err != nil {
				return err
			}
			_, err = a.Stdout.Write(text)
			return err
		},
	}
}

// schemaKinds are the kinds of files of which there is a schema.
func schemaKinds() []string { return []string{"workflow", "project", "tests"} }

// schemaOf is the schema of one kind of file.
func schemaOf(kind string) ([]byte, error) {
	catalogue, err := steps.New(steps.Config{})
	if err != nil {
		return nil, err
	}
	switch kind {
	case "workflow":
		return workflows.WorkflowSchema(catalogue)
	case "project":
		return workflows.ProjectSchema(catalogue)
	case "tests":
		return rehearsal.Schema()
	}
	return nil, usage("there is no schema %q: write workflow, project or tests", kind)
}
