package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/rehearsal"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// testSuite is a file of tests with what it needs.
type testSuite struct {
	file        *rehearsal.File
	workflow    *workflows.Workflow
	project     *project
	suppression *suppression
}

// testLoader reads files of tests, and each project and folder of workflows once.
type testLoader struct {
	app      *app
	projects map[string]*project
	suites   []*testSuite
	problems diagnostic.List
	loaders  map[string]*workflows.Loader
	quiet    map[string]*suppression
}

// testSuites reads all files of tests that the arguments name. All that is wrong with them is one error.
func (a *app) testSuites(arguments []string) ([]*testSuite, error) {
	if len(arguments) == 0 {
		dir, _, err := a.findProject(".")
		if err != nil {
			return nil, err
		}
		arguments = []string{relative(dir)}
	}
	loader := &testLoader{app: a, projects: map[string]*project{}, loaders: map[string]*workflows.Loader{}, quiet: map[string]*suppression{}}
	for _, argument := range arguments {
		if err := loader.argument(argument); err != nil {
			return nil, err
		}
	}
	if loader.problems.HasErrors() {
		return nil, &exit{code: exitInvalid, cause: loader.problems}
	}
	a.printDiagnostics(loader.problems)
	return loader.suites, nil
}

func (l *testLoader) argument(argument string) error {
	info, err := os.Stat(argument)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage("%s: there is no such file or folder", argument)
	case err != nil:
		return usage("%v", err)
	case info.IsDir():
		return l.folder(argument)
	case workflows.IsTestFile(filepath.Base(argument)):
		return l.add(argument)
	}
	return l.beside(argument)
}

// folder adds the files of tests of a folder and of those below it.
func (l *testLoader) folder(dir string) error {
	before := len(l.suites) + len(l.problems)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return usage("%v", err)
		case entry.IsDir() && path != dir && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && workflows.IsTestFile(entry.Name()):
			return l.add(path)
		}
		return nil
	})
	if err == nil && len(l.suites)+len(l.problems) == before {
		return usage("%s has no files of tests (NAME.test.yaml)", dir)
	}
	return err
}

// beside adds the files of tests in a workflow's folder that are its own. A file that is no workflow is one of tests, by
// another name.
func (l *testLoader) beside(path string) error {
	if !workflows.IsWorkflowFile(filepath.Base(path)) {
		return l.add(path)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return usage("%v", err)
	}
	before := len(l.suites) + len(l.problems)
	for _, entry := range entries {
		name := filepath.Join(filepath.Dir(path), entry.Name())
		if !workflows.IsTestFile(entry.Name()) {
			continue
		}
		one, _ := readTests(name, nil)
		if one == nil || workflowOf(one) == filepath.Clean(path) {
			if one == nil && stemOf(name) != stemOf(path) {
				continue // another's
			}
			if err := l.add(name); err != nil {
				return err
			}
		}
	}
	if len(l.suites)+len(l.problems) == before {
		return usage("%s has no tests beside it: write them in %s.test.yaml", path, stemOf(path))
	}
	return nil
}

func stemOf(path string) string {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	return strings.TrimSuffix(stem, ".test")
}

// workflowOf is the path of the workflow that a file of tests is about: the one that it names, else the one of its own name.
func workflowOf(file *rehearsal.File) string {
	if file.Workflow.Value != "" {
		return filepath.Join(filepath.Dir(file.Path), filepath.FromSlash(file.Workflow.Value))
	}
	stem := stemOf(file.Path)
	if _, err := os.Stat(stem + ".yml"); err == nil {
		return stem + ".yml"
	}
	return stem + ".yaml"
}

func readTests(path string, project *project) (*rehearsal.File, diagnostic.List) {
	source, problems := workflows.ReadFile(path)
	if problems != nil {
		return nil, problems
	}
	return rehearsal.Read(path, source, testZone(project))
}

// add reads one file of tests, and its workflow.
func (l *testLoader) add(path string) error {
	if slices.ContainsFunc(l.suites, func(s *testSuite) bool { return filepath.Clean(s.file.Path) == filepath.Clean(path) }) {
		return nil
	}
	project, err := l.project(path)
	if err != nil {
		return err
	}
	file, problems := readTests(path, project)
	l.problems = append(l.problems, problems...)
	if file == nil {
		return nil
	}
	suite := &testSuite{file: file, project: project, suppression: l.quiet[project.dir]}
	loader := l.loaders[project.dir]
	var found diagnostic.List
	suite.workflow, found = loader.Load(workflowOf(file))
	if suite.workflow == nil {
		l.problems = append(l.problems, found...)
		return nil
	}
	var unnamed diagnostic.List
	if errors.As(project.config.CheckChannels(suite.workflow), &unnamed) {
		l.problems = append(l.problems, unnamed...)
		return nil
	}
	l.problems = append(l.problems, file.Check(suite.workflow)...)
	l.suites = append(l.suites, suite)
	return nil
}

// project opens the project of a file, once.
func (l *testLoader) project(path string) (*project, error) {
	dir, _, err := l.app.findProject(path)
	if err != nil {
		return nil, err
	}
	if known := l.projects[dir]; known != nil {
		return known, nil
	}
	opened, err := l.app.openProject(path)
	if err != nil {
		return nil, err
	}
	catalogue, err := steps.New(steps.Config{Secrets: opened.secretNames()})
	if err != nil {
		return nil, err
	}
	unwritten := newSuppression(opened, l.app.logger())
	if err := unwritten.load(); err != nil {
		return nil, err
	}
	l.projects[dir], l.loaders[dir], l.quiet[dir] = opened, workflows.NewLoader(catalogue), unwritten
	return opened, nil
}
