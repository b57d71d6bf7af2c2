package folder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"youmiflow/workflows"
)

// Branch is a branch that is followed. Follow makes one; a Folder over it keeps the workflows of its newest commit that
// can be used.
type Branch struct {
	git        Git
	repository *repository
	first      tree  // the commit to begin with
	problem    error // why first is not the newest; nil when it is
	following  atomic.Pointer[Following]

	mu      sync.Mutex // held during a look
	folder  *Folder    // nil before it is opened
	seen    plumbing.Hash
	refused found                // the last commit that cannot be used, whatever is tried: it is not fetched again
	failing string               // what kind of failure the Snapshot shows; "" for none
	hanging chan found           // a look that did not end in time
	left    map[string]time.Time // trees that are not needed any more, since when
}

// tree are the files of a commit.
type tree struct {
	commit  string
	root    string // the project's folder in it
	project *workflows.Project
}

// Follow gets the newest commit of a branch. When the repository cannot be reached, or its newest commit not be used, that
// is the commit which was in force last; without one, the error says what is wrong.
func Follow(ctx context.Context, g Git) (*Branch, error) {
	g = g.withDefaults()
	if err := g.checkPath(); err != nil {
		return nil, err
	}
	repository, err := openRepository(g)
	if err != nil {
		return nil, err
	}
	if err := g.prepare(); err != nil {
		return nil, err
	}
	b := &Branch{git: g, repository: repository, left: map[string]time.Time{}}
	b.following.Store(&Following{URL: repository.address.shown, Ref: g.Ref})
	return b, b.begin(ctx)
}

// begin finds the first commit: the newest one, else the one that was in force last.
func (b *Branch) begin(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first, b.problem = b.newest(ctx); b.problem == nil {
		return nil
	}
	last := b.last()
	if last == "" || !b.git.intact(last) {
		return fmt.Errorf("following %s: %w", b.repository.address.shown, b.problem)
	}
	var err error
	if b.first, err = b.check(last); err != nil {
		return fmt.Errorf("following %s: %w, and the commit that was in force last cannot be used either: %w", b.repository.address.shown, b.problem, err)
	}
	return nil
}

// Project is the youmiflow.yaml of the first commit; its Dir is in the tree of that.
func (b *Branch) Project() *workflows.Project { return b.first.project }

// Root is the project's folder as of a commit, with "" the one in force; "" when its files are not there.
func (b *Branch) Root(commit string) string {
	if commit == "" {
		if commit = b.following.Load().Commit; commit == "" {
			commit = b.first.commit
		}
	}
	if !plumbing.IsHash(commit) {
		return ""
	}
	root := filepath.Join(b.git.treeDir(commit), filepath.FromSlash(b.git.Path))
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return ""
	}
	return root
}

// open has a folder loaded from the branch.
func (b *Branch) open(ctx context.Context, f *Folder) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.folder = f
	f.use(ctx, b.first)
	if b.problem == nil {
		b.succeed(ctx, b.first.commit)
	} else {
		b.fail(ctx, b.problem)
	}
}

// run follows the branch until ctx ends.
func (b *Branch) run(ctx context.Context) {
	tick := time.NewTicker(b.git.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.poll(ctx)
		}
	}
}

// poll looks at the branch once, and puts its newest commit in force.
func (b *Branch) poll(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	newest, err := b.newest(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return
	case err != nil:
		b.fail(ctx, err)
	default:
		if newest.commit != b.folder.tree.commit {
			b.folder.use(ctx, newest)
		}
		b.succeed(ctx, newest.commit)
	}
	b.folder.keepAgain(ctx)
	b.prune(ctx)
}

// newest makes the tree of the newest commit. The error, for people, says why there is none that can be used.
func (b *Branch) newest(ctx context.Context) (tree, error) {
	got := b.find(ctx)
	for _, note := range got.notes {
		b.git.Logger.Warn("a part of the commit is left out", "commit", got.commit, "what", note)
	}
	if got.err == nil && b.folder != nil && got.commit == b.folder.tree.commit {
		b.seen = got.tip.hash
		return b.folder.tree, nil
	}
	var newest tree
	if got.err == nil {
		newest, got.err = b.check(got.commit)
	}
	if got.err != nil {
		b.refuse(got)
		return tree{}, b.told(got.err)
	}
	b.seen = got.tip.hash
	return newest, nil
}
