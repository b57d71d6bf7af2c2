package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
project of the current folder. Exit code 3 when there are errors; warnings alone are 0.

With --server, files are checked as if they stood in the daemon's project. Names of workflows stand
for what the daemon has itself, and no arguments for all of that.`,
		RunE: func(c *cobra.Command, arguments []string) error {
			switch format {
			case "text", "json", "github", "sarif":
				return a.elsewhere(c.Context(), func(ctx context.Context, r remote) error { return r.validate(ctx, arguments, format) },
					func() error { return a.validate(arguments, format) })
			}
			return usage("--format %q: use text, json, github or sarif", format)
		},
	}
	a.serverFlag(c)
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
	readers := map[string]*folderReader{}
	for _, file := range chosen.files {
		reader := readers[filepath.Dir(file)]
		if reader == nil {
			if reader, err = a.folderReader(file, catalogue); err != nil {
				return err
			}
			readers[filepath.Dir(file)] = reader
		}
		workflow, found := reader.loader.Load(file)
		problems = append(problems, found...)
		if workflow != nil {
			problems = append(problems, reader.warnings(workflow)...)
			problems = append(problems, reader.channels(workflow)...)
		}
	}
	problems.Sort()
	problems = slices.Compact(problems) // settings can be looked at twice: as a file, and with their folder
	if err := a.printProblems(problems, format); err != nil {
		return err
	}
	if format == "text" {
		a.say("%s checked: %s", counted(len(chosen.files)+chosen.settings, "file"), problems.Count())
	}
	if len(chosen.tests) > 0 {
		a.say("%s left to `youmiflow test`: %s", counted(len(chosen.tests), "file"), strings.Join(chosen.tests, ", "))
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

// folderReader reads the workflows of one folder, with the project that they belong to; nil where that cannot be read.
type folderReader struct {
	loader *workflows.Loader
	config *workflows.Project
}

func (a *app) folderReader(file string, catalogue *steps.Catalogue) (*folderReader, error) {
	dir, _, err := a.findProject(file)
	if err != nil {
		return nil, err
	}
	r := &folderReader{}
	r.config, _ = workflows.LoadProject(dir, a.Lookup) // its problems are reported with youmiflow.yaml itself
	if r.config != nil {
		if names, known := r.config.SecretNames(); known {
			catalogue = catalogue.WithSecrets(append([]string{}, names...))
		}
	}
	r.loader = workflows.NewLoader(catalogue)
	return r, nil
}

// warnings are what the project and the clock have to say about a valid workflow.
func (r *folderReader) warnings(workflow *workflows.Workflow) diagnostic.List {
	warnings := workflows.TriggerWarnings(workflow, time.Now())
	if r.config != nil {
		warnings = append(warnings, workflows.LimitWarnings(workflow, r.config.Limits)...)
		warnings = append(warnings, connectionWarnings(workflow, r.config)...)
		warnings = append(warnings, r.config.EventWarnings(workflow)...)
	}
	return warnings
}

// channels are errors: those that a valid workflow names and the project has not.
func (r *folderReader) channels(workflow *workflows.Workflow) diagnostic.List {
	if r.config == nil {
		return nil
	}
	return r.config.ChannelProblems(workflow)
}

func (a *app) printProblems(problems diagnostic.List, format string) error {
	switch format {
	case "github":
		problems, _ = a.inRepository(problems)
	case "sarif":
		problems, read := a.inRepository(problems)
		return a.printProblemsOf(problems, format, read)
	}
	return a.printProblemsOf(problems, format, os.ReadFile)
}

// printProblemsOf prints problems of files that read gives.
func (a *app) printProblemsOf(problems diagnostic.List, format string, read func(string) ([]byte, error)) error {
	switch format {
	case "json":
		return diagnostic.JSON(a.Stdout, problems)
	case "github":
		return diagnostic.GitHub(a.Stdout, problems)
	case "sarif":
		return diagnostic.SARIF(a.Stdout, problems, read, a.Version)
	}
	return diagnostic.Text(a.Stdout, problems, read, isTerminal(a.Stdout) && a.colours())
}

// inRepository names files from the top of the repository, as code hosts do, whatever folder of it a step of the CI runs in:
// GitHub says in GITHUB_WORKSPACE where that is. Read finds a file by such a name.
func (a *app) inRepository(problems diagnostic.List) (named diagnostic.List, read func(string) ([]byte, error)) {
	top, _ := a.Lookup("GITHUB_WORKSPACE")
	if top == "" {
		return problems, os.ReadFile
	}
	paths := map[string]string{}
	named = slices.Clone(problems)
	for i, problem := range problems {
		whole, err := filepath.Abs(problem.File)
		if err != nil {
			continue
		}
		if short, err := filepath.Rel(top, whole); err == nil && filepath.IsLocal(short) {
			named[i].File = short
			paths[short] = problem.File
		}
	}
	return named, func(file string) ([]byte, error) { return os.ReadFile(cmp.Or(paths[file], file)) }
}
