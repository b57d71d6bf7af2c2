package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh/knownhosts"

	"youmiflow/internal/diagnostic"
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

// refusal is an error of the commit itself: trying again changes nothing.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

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

// succeed notes that the branch is followed as it is.
func (b *Branch) succeed(ctx context.Context, commit string) {
	now := b.git.Now()
	next := *b.following.Load()
	if next.Commit != commit {
		next.Commit, next.ChangedAt = commit, now
		b.note(commit)
	}
	next.CheckedAt, next.Error, next.FailingSince = now, "", time.Time{}
	b.observe(next)
	if b.failing != "" {
		b.failing = ""
		b.git.Logger.Info("the branch is followed again", "commit", commit)
		b.folder.accept(ctx, b.folder.files, nil)
	}
}

// fail shows why the newest commit is not in force. Each kind of failure is shown and logged once.
func (b *Branch) fail(ctx context.Context, err error) {
	next := *b.following.Load()
	next.Commit, next.Error = b.folder.tree.commit, err.Error()
	if next.FailingSince.IsZero() {
		next.FailingSince = b.git.Now()
	}
	b.observe(next)
	kind := "unreachable"
	if refused, ok := errors.AsType[*refusal](err); ok {
		kind = refused.Error()
	} else if errors.Is(err, errNoRef) {
		kind = errNoRef.Error()
	}
	if kind == b.failing {
		return
	}
	b.failing = kind
	b.folder.accept(ctx, b.folder.files, diagnostic.List{{File: b.repository.address.shown, Severity: diagnostic.Error, Code: "git", Message: fmt.Sprintf(
		"%v; commit %.12s stays in force", err, next.Commit)}})
}

func (b *Branch) observe(next Following) {
	b.following.Store(&next)
	if b.git.Observe != nil {
		b.git.Observe(next)
	}
}

// told is an error in words for whoever has to do something about it, without anything secret.
func (b *Branch) told(err error) error {
	if unknown, ok := errors.AsType[*knownhosts.KeyError](err); ok {
		if len(unknown.Want) == 0 {
			return fmt.Errorf("the host's own key is not in known_hosts: compare it with what the host publishes, then add it (%w)", err)
		}
		return fmt.Errorf("the host has another key than known_hosts says: somebody may be in between (%w)", err)
	}
	switch {
	case errors.Is(err, errNoRef):
		return fmt.Errorf("%w %q: name one that there is, or push it again", errNoRef, b.git.Ref)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("the repository does not let us in (%w): check the token or the key, and that it may read this repository", err)
	case errors.Is(err, transport.ErrRepositoryNotFound), errors.Is(err, git.ErrRepositoryNotExists):
		return fmt.Errorf("there is no repository, or it is not shown to us: %w", err)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("the repository has no commit yet: %w", err)
	}
	return b.hide(err)
}

// hide keeps the token out of an error.
func (b *Branch) hide(err error) error {
	token := b.repository.address.token.Reveal()
	if token == "" {
		return err
	}
	text := err.Error()
	hidden := strings.NewReplacer(token, "***", url.QueryEscape(token), "***", url.PathEscape(token), "***").Replace(text)
	if hidden == text {
		return err
	}
	return errors.New(hidden)
}

// current is the commit in force, as it is kept over a restart.
type current struct {
	URL    string `json:"url"`
	Ref    string `json:"ref"`
	Path   string `json:"path"`
	Commit string `json:"commit"`
}

func (b *Branch) currentFile() string { return filepath.Join(b.git.State, "current.json") }

// note keeps the commit in force for the next start.
func (b *Branch) note(commit string) {
	text, err := json.Marshal(current{b.repository.address.shown, b.git.Ref, b.git.Path, commit})
	if err == nil {
		temporary := b.currentFile() + ".new"
		err = errors.Join(os.WriteFile(temporary, append(text, '\n'), 0o644), os.Rename(temporary, b.currentFile()))
	}
	if err != nil {
		b.git.Logger.Error("the commit in force cannot be noted for the next start", "error", err)
	}
}

// last is the commit that was in force last; "" when there is none of this branch.
func (b *Branch) last() string {
	text, err := os.ReadFile(b.currentFile())
	if err != nil {
		return "" // the first start
	}
	var noted current
	if json.Unmarshal(text, &noted) != nil ||
		noted != (current{b.repository.address.shown, b.git.Ref, b.git.Path, noted.Commit}) || !plumbing.IsHash(noted.Commit) {
		return ""
	}
	return noted.Commit
}
