package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/internal/diagnostic"
	"youmiflow/steps"
	"youmiflow/workflows"
)

func (a *app) validateCommand() *cobra.Command {
	format := "text"
	c := &cobra.Command{
		Use:   "validate [FILE|DIR ...]",
		Short: "Check workflow files: every problem at once, with its place",
		Long: `Checks workflow files, and the youmiflow.yaml beside them. Without arguments it checks the
project of the current folder. Exit code 3 when there are errors; warnings alone are 0.`,
		RunE: func(_ *cobra.Command, arguments []string) error {
			switch format {
			case "text", "json", "github", "sarif":
				return a.validate(arguments, format)
			}
			return usage("--format %q: use text, json, github or sarif", format)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "how to print problems: text, json, github or sarif")
	return c
}

func (a *app) validate(arguments []string, format string) error {
	chosen, err := a.selectFiles(arguments)
	if err != nil {
		return err
	}
	problems := chosen.problems
	catalogue, err := steps.New(steps.Config{})
	if err != nil {
		return err
	}
	loader, projects := workflows.NewLoader(catalogue), map[string]*workflows.Project{}
	for _, file := range chosen.files {
		workflow, found := loader.Load(file)
		problems = append(problems, found...)
		if workflow != nil {
			warnings, err := a.warnings(workflow, projects)
			if err != nil {
				return err
			}
			problems = append(problems, warnings...)
		}
	}
	problems.Sort()
	if err := a.printProblems(problems, format); err != nil {
		return err
	}
	if format == "text" {
		a.say("%s checked: %s", counted(len(chosen.files), "file"), problems.Count())
	}
	if len(chosen.passed) > 0 {
		a.say("%s passed over, without the key steps: %s", counted(len(chosen.passed), "file"), strings.Join(chosen.passed, ", "))
	}
	if problems.HasErrors() {
		return silently(exitInvalid, "there are errors")
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// warnings are what the project and the clock have to say about a valid workflow. Projects are kept by the folder of the
// workflow.
func (a *app) warnings(workflow *workflows.Workflow, projects map[string]*workflows.Project) (diagnostic.List, error) {
	folder := filepath.Dir(workflow.File)
	config, known := projects[folder]
	if !known {
		dir, _, err := a.findProject(workflow.File)
		if err != nil {
			return nil, err
		}
		config, _ = workflows.LoadProject(dir, a.Lookup) // its problems are reported with youmiflow.yaml itself
		projects[folder] = config
	}
	warnings := workflows.TriggerWarnings(workflow, time.Now())
	if config != nil {
		warnings = append(warnings, workflows.LimitWarnings(workflow, config.Limits)...)
		warnings = append(warnings, connectionWarnings(workflow, config)...)
	}
	return warnings, nil
}

func (a *app) printProblems(problems diagnostic.List, format string) error {
	switch format {
	case "json":
		return diagnostic.JSON(a.Stdout, problems)
	case "github":
		return diagnostic.GitHub(a.Stdout, problems)
	case "sarif":
		return diagnostic.SARIF(a.Stdout, problems)
	}
	return diagnostic.Text(a.Stdout, problems, os.ReadFile, isTerminal(a.Stdout) && a.colours())
}
