package cli

import (
	"errors"
	"os"
	"path/filepath"

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
	files, problems, err := a.filesToValidate(arguments)
	if err != nil {
		return err
	}
	catalogue, err := steps.New(steps.Config{})
	if err != nil {
		return err
	}
	for _, file := range files {
		workflow, found := workflows.Load(file, catalogue)
		problems = append(problems, found...)
		if workflow != nil {
			problems = append(problems, a.warnings(file, workflow)...)
		}
	}
	problems.Sort()
	if err := a.printProblems(problems, format); err != nil {
		return err
	}
	if format == "text" {
		a.say("%d files checked: %s", len(files), problems.Count())
	}
	if problems.HasErrors() {
		return silently(exitInvalid, "there are errors")
	}
	return nil
}

// warnings are what the project has to say about a valid workflow.
func (a *app) warnings(file string, workflow *workflows.Workflow) diagnostic.List {
	dir, _, err := a.findProject(file)
	if err != nil {
		return nil
	}
	config, problems := workflows.LoadProject(dir, a.Lookup)
	if problems.HasErrors() {
		return nil // they are reported with youmiflow.yaml itself
	}
	return workflows.LimitWarnings(workflow, config.Limits)
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

// filesToValidate lists the workflow files that the arguments name, and the problems of the youmiflow.yaml of each
// project that was named as a folder.
func (a *app) filesToValidate(arguments []string) ([]string, diagnostic.List, error) {
	if len(arguments) == 0 {
		dir, _, err := a.findProject(".")
		if err != nil {
			return nil, nil, err
		}
		arguments = []string{relative(dir)}
	}
	var files []string
	var problems diagnostic.List
	for _, argument := range arguments {
		info, err := os.Stat(argument)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, nil, usage("%s: there is no such file or folder", argument)
		case err != nil:
			return nil, nil, usage("%v", err)
		case !info.IsDir():
			files = append(files, argument)
			continue
		}
		found, more, err := a.folder(argument)
		if err != nil {
			return nil, nil, err
		}
		files, problems = append(files, found...), append(problems, more...)
	}
	return files, problems, nil
}

// folder lists a folder's workflow files: those of the project's workflows folder when it is a project.
func (a *app) folder(dir string) ([]string, diagnostic.List, error) {
	var problems diagnostic.List
	if _, err := os.Stat(filepath.Join(dir, "youmiflow.yaml")); err == nil {
		config, found := workflows.LoadProject(dir, a.Lookup)
		problems = found
		sub := filepath.Join(dir, "workflows")
		if config != nil {
			sub = config.Workflows
		}
		if info, err := os.Stat(sub); err == nil && info.IsDir() {
			dir = sub
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, usage("reading %s: %v", dir, err)
	}
	var files []string
	for _, entry := range entries {
		if !entry.IsDir() && workflows.IsWorkflowFile(entry.Name()) {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	if len(files) == 0 && len(problems) == 0 {
		return nil, nil, usage("%s has no workflow files (*.yaml)", dir)
	}
	return files, problems, nil
}

// relative shortens a path for people, where that is shorter.
func relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
		return short
	}
	return path
}
