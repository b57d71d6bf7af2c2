package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/steps"
	"youmiflow/workflows"
)

// planAgainst compares a plan with that of the files as of a commit. Nothing is checked out: what is needed of the commit is
// written to a temporary folder.
func (a *app) planAgainst(ctx context.Context, now *planning, request planRequest) (shown *result.Against, err error) {
	past, err := openPast(now.project, request.against)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, past.close()) }()
	before, err := a.pastItems(now, past, request)
	if err != nil {
		return nil, err
	}
	comparison, err := engine.Compare(ctx, before, now.items)
	if err != nil {
		return nil, &exit{code: exitInvalid, cause: err}
	}
	return result.OfComparison(comparison, request.against, past.commit.Hash.String()), nil
}

// items walks the items of a planning.
func (p *planning) items(ctx context.Context, each func(engine.PlannedItem) error) error {
	clock := &engine.VirtualClock{}
	return engine.New(p.config(clock)).PlanItems(ctx, p.submission(), clock, each)
}

// pastItems walks the items of a workflow as it was; there are none where there was no such file.
func (a *app) pastItems(now *planning, past *past, request planRequest) (engine.ItemWalk, error) {
	file, err := past.workflow(request.file)
	if errors.Is(err, object.ErrFileNotFound) {
		return func(context.Context, func(engine.PlannedItem) error) error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	project := *now.project
	project.tree = func(string) string { return past.dir }
	config := a.catalogueConfig(&project, newClients(&project, a.Version, false))
	config.Resolve, config.Logger = past.resolver(&project), a.logger()
	config.ResolveAt = func(_, file string, given []string) (string, error) { return config.Resolve(file, given) }
	p := *now
	p.project, p.sink = &project, nil
	if p.catalogue, err = steps.New(config); err != nil {
		return nil, err
	}
	if p.workflow, err = past.load(file, p.catalogue, request); err != nil {
		return nil, err
	}
	if p.values, err = params(p.workflow, knownParams(p.workflow, request.params)); err != nil {
		return nil, invalid("%s as of %s: %w", request.file, request.against, err)
	}
	for _, name := range project.config.Suppress {
		if err := past.write(past.inProject(name)); err != nil && !errors.Is(err, object.ErrFileNotFound) {
			return nil, err
		} else if err != nil {
			p.suppression = nil // it was not there yet
		}
	}
	if p.suppression != nil {
		p.suppression = newSuppression(&project, a.logger())
		if err := p.suppression.load(); err != nil {
			return nil, err
		}
	} else {
		p.suppression = &suppression{project: &project, logger: a.logger()}
	}
	return p.items, nil
}

// load reads a workflow as it was.
func (p *past) load(file string, catalogue *steps.Catalogue, request planRequest) (*workflows.Workflow, error) {
	workflow, problems := workflows.Load(file, catalogue)
	if workflow != nil {
		return workflow, nil
	}
	for i := range problems {
		name, err := filepath.Rel(filepath.Dir(file), problems[i].File)
		if err != nil {
			name = filepath.Base(problems[i].File)
		}
		problems[i].File = filepath.Join(filepath.Dir(request.file), name) + " as of " + request.against
	}
	return nil, invalid("%w", problems.Err())
}

// knownParams are those that the workflow had.
func knownParams(workflow *workflows.Workflow, given []string) []string {
	var known []string
	for _, text := range given {
		name, _, _ := strings.Cut(text, "=")
		for _, param := range workflow.Params {
			if param.Name == name {
				known = append(known, text)
			}
		}
	}
	return known
}

// past is the files of a commit.
type past struct {
	commit  *object.Commit
	tree    *object.Tree
	root    string // of the work tree
	project string // the project's folder, relative to root, with slashes; "" for root itself
	dir     string // what stands for the project's folder: a temporary one
}

// openPast finds the commit that a name means in the repository of a project.
func openPast(project *project, ref string) (*past, error) {
	repository, err := git.PlainOpenWithOptions(project.dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, usage("--against %s: %s is in no git repository", ref, project.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("--against %s: opening the git repository of %s: %w", ref, project.dir, err)
	}
	hash, err := repository.ResolveRevision(plumbing.Revision(ref))
	if err != nil {
		return nil, usage("--against %s: the repository has no such commit, branch or tag", ref)
	}
	p := &past{}
	if p.commit, err = repository.CommitObject(*hash); err != nil {
		return nil, usage("--against %s: this is no commit", ref)
	}
	if p.tree, err = p.commit.Tree(); err != nil {
		return nil, fmt.Errorf("--against %s: reading the commit's files: %w", ref, err)
	}
	if err := p.locate(repository, project.dir); err != nil {
		return nil, fmt.Errorf("--against %s: %w", ref, err)
	}
	p.dir, err = os.MkdirTemp("", "youmiflow-against-")
	return p, err
}

// locate finds the project within the repository.
func (p *past) locate(repository *git.Repository, dir string) error {
	work, err := repository.Worktree()
	if err != nil {
		return err
	}
	if p.root, err = filepath.EvalSymlinks(work.Filesystem.Root()); err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	inside, err := filepath.Rel(p.root, dir)
	if err != nil || inside != "." && !filepath.IsLocal(inside) {
		return fmt.Errorf("%s is not in the repository at %s", dir, p.root)
	}
	if inside != "." {
		p.project = filepath.ToSlash(inside)
	}
	return nil
}

func (p *past) close() error { return os.RemoveAll(p.dir) }

// inProject is the path within the repository of a path within the project.
func (p *past) inProject(name string) string { return path.Join(p.project, filepath.ToSlash(name)) }

// inRepository is the path within the repository of a file on disk; false when it is outside.
func (p *past) inRepository(file string) (string, bool) {
	file, err := filepath.Abs(file)
	if err != nil {
		return "", false
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil { // the file itself may be gone
		file = filepath.Join(folder, filepath.Base(file))
	}
	inside, err := filepath.Rel(p.root, file)
	if err != nil || !filepath.IsLocal(inside) {
		return "", false
	}
	return filepath.ToSlash(inside), true
}

// here is where a file of the repository is written to.
func (p *past) here(name string) string {
	if inside, ok := strings.CutPrefix(name, p.project+"/"); ok || p.project == "" {
		if p.project == "" {
			inside = name
		}
		return filepath.Join(p.dir, filepath.FromSlash(inside))
	}
	return filepath.Join(p.dir, ".outside", filepath.FromSlash(name))
}

// write writes a file of the commit to its place, once. object.ErrFileNotFound.
func (p *past) write(name string) (err error) {
	place := p.here(name)
	if _, err := os.Stat(place); err == nil {
		return nil
	}
	file, err := p.tree.File(name)
	if err != nil {
		return err
	}
	if !file.Mode.IsFile() {
		return fmt.Errorf("%s was no file then, but a link", name)
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	from, err := file.Reader()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// workflow writes a workflow file and those beside it, which it may call. object.ErrFileNotFound.
func (p *past) workflow(file string) (string, error) {
	name, ok := p.inRepository(file)
	if !ok {
		return "", usage("%s is not in the git repository at %s", file, p.root)
	}
	if err := p.write(name); err != nil {
		return "", err
	}
	folder := p.tree
	if dir := path.Dir(name); dir != "." {
		var err error
		if folder, err = p.tree.Tree(dir); err != nil {
			return "", err
		}
	}
	for _, entry := range folder.Entries {
		if entry.Mode.IsFile() && workflows.IsWorkflowFile(entry.Name) {
			if err := p.write(path.Join(path.Dir(name), entry.Name)); err != nil {
				return "", err
			}
		}
	}
	return p.here(name), nil
}

// resolver opens the files of the commit in place of those of today. A list that was given from outside, and that the
// repository does not have, is read as it is.
func (p *past) resolver(project *project) func(string, []string) (string, error) {
	return func(file string, given []string) (string, error) {
		name := ""
		if filepath.IsAbs(file) {
			inside, ok := p.inRepository(file)
			if !ok {
				return project.resolve(file, given)
			}
			name = inside
		} else if filepath.IsLocal(file) {
			name = p.inProject(file)
		}
		err := p.write(name)
		switch {
		case name == "" || errors.Is(err, object.ErrFileNotFound):
			return project.resolve(file, given)
		case err != nil:
			return "", fmt.Errorf("the path %q: %w", file, err)
		}
		return p.here(name), nil
	}
}
