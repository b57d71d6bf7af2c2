package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// selection is what `validate` is to look at.
type selection struct {
	files    []string        // workflows
	problems diagnostic.List // of the youmiflow.yaml of each project among the folders
	passed   []string        // YAML files that clearly are no workflows
	settings int             // youmiflow.yaml files that were named
	tests    []string        // files of tests that were named: `youmiflow test` reads those
}

// selectFiles lists the workflow files that the arguments name. A file that is named is always one, unless its name says
// that it is a project's or holds tests; in a folder, files that clearly are something else are passed over.
func (a *app) selectFiles(arguments []string) (*selection, error) {
	if len(arguments) == 0 {
		dir, _, err := a.findProject(".")
		if err != nil {
			return nil, err
		}
		arguments = []string{relative(dir)}
	}
	chosen := &selection{}
	for _, argument := range arguments {
		info, err := os.Stat(argument)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, usage("%s: there is no such file or folder", argument)
		case err != nil:
			return nil, usage("%v", err)
		case !info.IsDir():
			a.named(chosen, argument)
			continue
		}
		before := len(chosen.files) + len(chosen.problems)
		if err := a.folder(chosen, argument); err != nil {
			return nil, usage("reading %s: %v", argument, err)
		}
		if len(chosen.files)+len(chosen.problems) == before {
			return nil, usage("%s has no workflow files (*.yaml with the key steps)", argument)
		}
	}
	return chosen, nil
}

// named adds a file that an argument names: settings of a project, tests of a workflow, or else a workflow.
func (a *app) named(chosen *selection, file string) {
	switch name := filepath.Base(file); {
	case workflows.IsProjectFile(name):
		config, problems := workflows.LoadProject(filepath.Dir(file), a.Lookup)
		chosen.settings++
		chosen.judge(config, problems)
	case workflows.IsTestFile(name):
		chosen.tests = append(chosen.tests, file)
	default:
		chosen.files = append(chosen.files, file)
	}
}

// judge adds what there is to say of a project's settings; nil: they cannot be used.
func (s *selection) judge(config *workflows.Project, problems diagnostic.List) {
	s.problems = append(s.problems, problems...)
	if config != nil {
		s.problems = append(s.problems, config.MissingLists()...)
	}
}

// folder adds the workflows of a folder and of those below it. Of a project it adds those of its workflows folder.
func (a *app) folder(chosen *selection, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return chosen.take(path)
		case path != dir && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		}
		if !isProject(path) {
			return nil
		}
		if err := a.projectFolder(chosen, path); err != nil {
			return err
		}
		return fs.SkipDir
	})
}

func isProject(dir string) bool {
	found, ok := workflows.FindProject(dir)
	here, err := filepath.Abs(dir)
	return ok && err == nil && found == here
}

// projectFolder adds a project's own problems, and its workflows.
func (a *app) projectFolder(chosen *selection, dir string) error {
	config, problems := workflows.LoadProject(dir, a.Lookup)
	chosen.judge(config, problems)
	if config != nil {
		if info, err := os.Stat(config.Workflows); err == nil && info.IsDir() {
			dir = relative(config.Workflows)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		if err := chosen.take(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// take adds a file found in a folder, when it may be a workflow.
func (s *selection) take(path string) error {
	if !workflows.IsWorkflowFile(filepath.Base(path)) {
		return nil
	}
	other, err := isOtherYAML(path)
	if err != nil {
		return err
	}
	if other {
		s.passed = append(s.passed, path)
	} else {
		s.files = append(s.files, path)
	}
	return nil
}

// glance is how much of a file is read to see what it is, in bytes.
const glance = 1 << 20

// isOtherYAML reports whether a YAML file clearly is no workflow: it is readable, and has none of the keys that make
// one. A file that cannot be read as YAML is left to be complained of.
func isOtherYAML(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(io.LimitReader(file, glance+1))
	if err = errors.Join(err, file.Close()); err != nil || len(text) > glance {
		return false, err
	}
	return holdsOther(text), nil
}

// holdsOther is isOtherYAML of what stands in the file.
func holdsOther(text []byte) bool {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || len(document.Content) == 0 {
		return false
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i < len(root.Content); i += 2 {
		if slices.Contains([]string{"steps", "params", "triggers", "finally", "send_window"}, root.Content[i].Value) {
			return false
		}
	}
	return true
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
