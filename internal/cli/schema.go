package cli

import (
	"github.com/spf13/cobra"

	"youmiflow/steps"
	"youmiflow/workflows"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [workflow|project]",
		Short: "The JSON Schema of workflow files and of youmiflow.yaml, for editors",
		Long: `Prints the JSON Schema (draft-07) of workflow files, or of youmiflow.yaml. With it an editor
completes keys, steps and their inputs, explains them, and marks what is wrong while you write.
init writes both into a new project; docs/editors.md says how to use them elsewhere.`,
		Example: `  youmiflow schema > .youmiflow-schema/workflow.json
  youmiflow schema project > .youmiflow-schema/project.json`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: []string{"workflow", "project"},
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
	}
	return nil, usage("there is no schema %q: write workflow or project", kind)
}
