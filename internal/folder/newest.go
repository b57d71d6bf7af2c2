package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"youmiflow/workflows"
)

// refusal is an error of the commit itself: trying again changes nothing.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refuse notes a commit that cannot be used.
func (b *Branch) refuse(got found) {
	if refused, ok := errors.AsType[*refusal](got.err); ok {
		b.refused = found{tip: got.tip, err: refused}
	}
}

// found is what a look at the branch has found.
type found struct {
	tip    tip
	commit string
	notes  []string
	err    error
}

// grace is how long a look may go on after it should have ended. The ssh library cannot be stopped while it shakes hands.
const grace = 5 * time.Second

// find asks the repository. A look that hangs is left to itself, and there is no other before it ends.
func (b *Branch) find(ctx context.Context) found {
	if b.hanging != nil {
		select {
		case <-b.hanging:
			b.hanging = nil
		default:
			return found{err: errors.New("an earlier attempt hangs still")}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.git.Timeout)
	defer cancel()
	ended := make(chan found, 1)
	seen, commit, refused := b.seen, "", b.refused
	if b.folder != nil {
		commit = b.folder.tree.commit
	}
	go func() { ended <- b.ask(ctx, seen, commit, refused) }()
	select {
	case got := <-ended:
		return got
	case <-ctx.Done():
	}
	select {
	case got := <-ended:
		return got
	case <-time.After(grace):
		b.hanging = ended
		return found{err: fmt.Errorf("no answer within %s", b.git.Timeout)}
	}
}

// ask runs on its own: it may outlast whoever waits for it.
func (b *Branch) ask(ctx context.Context, seen plumbing.Hash, commit string, refused found) (got found) {
	if got.tip, got.err = b.repository.tip(ctx); got.err != nil {
		return got
	}
	switch got.tip.hash {
	case refused.tip.hash:
		got.err = refused.err
	case seen:
		got.commit = commit
	default:
		got.commit, got.notes, got.err = b.repository.obtain(ctx, got.tip)
	}
	return got
}

// check looks whether a commit can be used whose tree is there. The error says why not.
func (b *Branch) check(commit string) (tree, error) {
	refuse := func(format string, args ...any) (tree, error) { return tree{}, &refusal{fmt.Errorf(format, args...)} }
	top := b.git.treeDir(commit)
	root := filepath.Join(top, filepath.FromSlash(b.git.Path))
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return refuse("commit %.12s has no folder %s", commit, b.git.Path)
	}
	project, problems := workflows.LoadProject(root, b.git.Lookup)
	if problems.HasErrors() {
		for i := range problems {
			problems[i].File = baseOf(top, problems[i].File)
		}
		return refuse("youmiflow.yaml of commit %.12s: %w", commit, problems.Err())
	}
	if !within(top, project.Workflows) {
		return refuse("commit %.12s has no folder of workflows %s", commit, baseOf(root, project.Workflows))
	}
	if b.git.Accept != nil {
		if err := b.git.Accept(project); err != nil {
			return refuse("commit %.12s: %w", commit, err)
		}
	}
	return tree{commit, root, project}, nil
}

// within tells whether a folder is there, and within a tree also when links are followed.
func within(tree, dir string) bool {
	tree, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return false
	}
	inside, err := filepath.Rel(tree, dir)
	info, missing := os.Stat(dir)
	return err == nil && filepath.IsLocal(inside) && missing == nil && info.IsDir()
}
