package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// project is the folder that paths, the ledger and the limits belong to.
type project struct {
	dir    string // absolute
	config *workflows.Project
	found  bool // it has a youmiflow.yaml
	// tree is where the project's files are as of a commit, with "" now, when they come from a branch that is followed; ""
	// when they are not there any more. Nil: they are in dir.
	tree func(commit string) string
	// inForce is the configuration that a daemon has read last, of which some is in force at once; nil: config.
	inForce func() *workflows.Project
}

// newest is the configuration as it was read last.
func (p *project) newest() *workflows.Project {
	if p.inForce != nil {
		return p.inForce()
	}
	return p.config
}

// openProject finds the project of a file or folder: where --project says, else the nearest youmiflow.yaml above it,
// else the folder itself.
func (a *app) openProject(start string) (*project, error) {
	dir, found, err := a.findProject(start)
	if err != nil {
		return nil, err
	}
	config, problems := workflows.LoadProject(dir, a.Lookup)
	if problems.HasErrors() {
		a.printDiagnostics(problems)
		return nil, silently(exitInvalid, "youmiflow.yaml has errors")
	}
	p := &project{dir: dir, config: config, found: found}
	a.hide, a.zone = p.hider(), newZone(config.Timezone, time.Now())
	return p, nil
}

func (a *app) findProject(start string) (string, bool, error) {
	if a.project != "" {
		info, err := os.Stat(a.project)
		if err != nil || !info.IsDir() {
			return "", false, usage("--project %s: there is no such folder", a.project)
		}
		dir, err := filepath.Abs(a.project)
		if err != nil {
			return "", false, err
		}
		_, err = os.Stat(filepath.Join(dir, "youmiflow.yaml"))
		return dir, err == nil, nil
	}
	start, err := filepath.Abs(start)
	if err != nil {
		return "", false, err
	}
	if info, err := os.Stat(start); err == nil && !info.IsDir() {
		start = filepath.Dir(start)
	}
	if dir, found := workflows.FindProject(start); found {
		return dir, true, nil
	}
	return start, false, nil
}

// database is where the project's ledger is. A relative SQLite path is one in the project folder.
func (p *project) database() (string, error) {
	secret, err := p.config.Database()
	if err != nil {
		return "", err
	}
	dsn := secret.Reveal()
	if path, ok := strings.CutPrefix(dsn, "sqlite://"); ok && !filepath.IsAbs(path) {
		return "sqlite://" + filepath.Join(p.dir, path), nil
	}
	if strings.HasPrefix(dsn, "postgres") { // a URL with a password in it: only its beginning may be shown
		return "", invalid("database in youmiflow.yaml: postgres is not supported yet, use sqlite://PATH")
	}
	return dsn, nil
}

// resolve turns a path of a workflow into one to open. What was given from outside may be anywhere; what stands in a
// file stays within the project folder, also through links.
func (p *project) resolve(path string, given []string) (string, error) {
	return p.resolveAt("", path, given)
}

// resolveAt is resolve among the files of a commit, where the project follows a branch.
func (p *project) resolveAt(commit, path string, given []string) (string, error) {
	dir := p.dir
	if p.tree != nil {
		if dir = p.tree(commit); dir == "" {
			return "", fmt.Errorf("the path %q: the files of commit %s are not there any more", path, commit)
		}
	}
	for _, outside := range given {
		if path == outside && filepath.IsAbs(path) {
			return path, nil
		}
	}
	if filepath.IsAbs(path) || !filepath.IsLocal(path) {
		return "", fmt.Errorf("the path %q leaves the project folder: write it relative to the folder of youmiflow.yaml, or give it with --param", path)
	}
	whole := filepath.Join(dir, path)
	target, err := filepath.EvalSymlinks(whole)
	if errors.Is(err, os.ErrNotExist) {
		return whole, nil // whoever opens it says so
	}
	if err != nil {
		return "", fmt.Errorf("the path %q: %w", path, err)
	}
	base, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if inside, err := filepath.Rel(base, target); err != nil || !filepath.IsLocal(inside) {
		return "", fmt.Errorf("the path %q is a link that leaves the project folder", path)
	}
	return whole, nil
}

// hint completes a command that a message suggests, so that it finds this project from the current folder.
func (p *project) hint(command string) string {
	here, err := os.Getwd()
	if err != nil {
		return command
	}
	if dir, found := workflows.FindProject(here); found && dir == p.dir || here == p.dir {
		return command
	}
	if short, err := filepath.Rel(here, p.dir); err == nil && len(short) < len(p.dir) {
		return command + " --project " + short
	}
	return command + " --project " + p.dir
}

// loadWorkflow loads a workflow file and prints its problems.
func (a *app) loadWorkflow(path string, catalogue *steps.Catalogue) (*workflows.Workflow, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, usage("%s: there is no such file", path)
	} else if info.IsDir() {
		return nil, usage("%s is a folder: name a workflow file in it", path)
	}
	workflow, problems := workflows.Load(path, catalogue)
	a.printDiagnostics(problems)
	if workflow == nil {
		return nil, silently(exitInvalid, "the workflow has errors")
	}
	return workflow, nil
}

// printDiagnostics prints problems for people, on stderr.
func (a *app) printDiagnostics(problems diagnostic.List) { a.printDiagnosticsOf(problems, os.ReadFile) }

// printDiagnosticsOf prints problems of files that read gives, on stderr.
func (a *app) printDiagnosticsOf(problems diagnostic.List, read func(string) ([]byte, error)) {
	if a.structured() {
		a.recordProblems(problems)
		return
	}
	if len(problems) > 0 {
		problems.Sort()
		_ = diagnostic.Text(a.Stderr, problems, read, isTerminal(a.Stderr) && a.colours())
	}
}

func (a *app) colours() bool {
	value, set := a.Lookup("NO_COLOR")
	return !set || value == ""
}
