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

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// follower keeps a Folder at the newest commit of a branch that can be used.
type follower struct {
	git        Git
	repository *repository
	folder     *Folder
	following  atomic.Pointer[Following]

	mu      sync.Mutex // held during a look
	seen    plumbing.Hash
	refused found                // the last commit that cannot be used, whatever is tried: it is not fetched again
	failing string               // what kind of failure the Snapshot shows; "" for none
	hanging chan found           // a look that did not end in time
	left    map[string]time.Time // trees that are not needed any more, since when
}

// refusal is an error of the commit itself: trying again changes nothing.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// Follow loads the workflows of the newest commit of a branch. Root and Dir of config are not looked at. When the
// repository cannot be reached, or its newest commit not be used, it begins with the commit that was in force last; without
// one, the error says what is wrong.
func Follow(ctx context.Context, config Config, g Git) (*Folder, error) {
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
	f, err := newFolder(ctx, config)
	if err != nil {
		return nil, err
	}
	w := &follower{git: g, repository: repository, folder: f, left: map[string]time.Time{}}
	w.following.Store(&Following{URL: repository.address.shown, Ref: g.Ref})
	f.follower = w
	if err := w.begin(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// begin finds the first commit: the newest one, else the one that was in force last.
func (w *follower) begin(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	problem, failed := w.look(ctx)
	if failed != nil || problem == nil {
		return failed
	}
	last := w.last()
	if last == "" || !w.git.intact(last) {
		return fmt.Errorf("following %s: %w", w.repository.address.shown, problem)
	}
	if err := w.use(ctx, last); err != nil {
		return fmt.Errorf("following %s: %w, and the commit that was in force last cannot be used either: %w", w.repository.address.shown, problem, err)
	}
	w.fail(ctx, problem)
	return w.folder.restoring
}

// run follows the branch until ctx ends.
func (w *follower) run(ctx context.Context) {
	tick := time.NewTicker(w.git.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.poll(ctx)
		}
	}
}

// poll looks at the branch once.
func (w *follower) poll(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	problem, err := w.look(ctx)
	if err = errors.Join(problem, err); err != nil && ctx.Err() == nil {
		w.fail(ctx, err)
	}
	if w.folder.unkept {
		w.folder.keep(ctx)
	}
	w.prune(ctx)
}

// look puts the newest commit in force. Problem says why it is not; the error is that of Texts.
func (w *follower) look(ctx context.Context) (problem, err error) {
	got := w.find(ctx)
	if got.err != nil {
		w.refuse(got, got.err)
		return w.told(got.err), nil
	}
	for _, note := range got.notes {
		w.folder.config.Logger.Warn("a part of the commit is left out", "commit", got.commit, "what", note)
	}
	before := w.following.Load()
	if got.commit != before.Commit {
		if err := w.use(ctx, got.commit); err != nil {
			w.refuse(got, err)
			return w.told(err), w.folder.restoring
		}
	}
	w.seen = got.tip.hash
	w.succeed(ctx, got.commit)
	return nil, w.folder.restoring
}

// refuse notes a commit that cannot be used.
func (w *follower) refuse(got found, err error) {
	if refused, ok := errors.AsType[*refusal](err); ok {
		w.refused = found{tip: got.tip, err: refused}
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
func (w *follower) find(ctx context.Context) found {
	if w.hanging != nil {
		select {
		case <-w.hanging:
			w.hanging = nil
		default:
			return found{err: errors.New("an earlier attempt hangs still")}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.git.Timeout)
	defer cancel()
	ended := make(chan found, 1)
	seen, commit, refused := w.seen, w.following.Load().Commit, w.refused
	go func() { ended <- w.ask(ctx, seen, commit, refused) }()
	select {
	case got := <-ended:
		return got
	case <-ctx.Done():
	}
	select {
	case got := <-ended:
		return got
	case <-time.After(grace):
		w.hanging = ended
		return found{err: fmt.Errorf("no answer within %s", w.git.Timeout)}
	}
}

// ask runs on its own: it may outlast whoever waits for it.
func (w *follower) ask(ctx context.Context, seen plumbing.Hash, commit string, refused found) (got found) {
	if got.tip, got.err = w.repository.tip(ctx); got.err != nil {
		return got
	}
	switch got.tip.hash {
	case refused.tip.hash:
		got.err = refused.err
	case seen:
		got.commit = commit
	default:
		got.commit, got.notes, got.err = w.repository.obtain(ctx, got.tip)
	}
	return got
}

// use puts a commit in force whose tree is there. The error says why that cannot be.
func (w *follower) use(ctx context.Context, commit string) error {
	tree := w.git.treeDir(commit)
	root := filepath.Join(tree, filepath.FromSlash(w.git.Path))
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return &refusal{fmt.Errorf("commit %.12s has no folder %s", commit, w.git.Path)}
	}
	project, problems := workflows.LoadProject(root, w.git.Lookup)
	if problems.HasErrors() {
		for i := range problems {
			problems[i].File = baseOf(tree, problems[i].File)
		}
		return &refusal{fmt.Errorf("youmiflow.yaml of commit %.12s: %w", commit, problems.Err())}
	}
	if !within(tree, project.Workflows) {
		return &refusal{fmt.Errorf("commit %.12s has no folder of workflows %s", commit, baseOf(root, project.Workflows))}
	}
	f := w.folder
	f.config.Root, f.config.Dir = root, project.Workflows
	f.commit, f.project = commit, project
	f.scanner = scanner{dir: project.Workflows, now: f.config.Now}
	files, found, err := f.scanner.scan(nil)
	if err != nil {
		return err
	}
	f.load(ctx, files, found)
	f.config.Logger.Info("a commit is in force", "commit", commit, "branch", w.git.Ref)
	return nil
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
func (w *follower) succeed(ctx context.Context, commit string) {
	now := w.folder.config.Now()
	next := *w.following.Load()
	if next.Commit != commit {
		next.Commit, next.ChangedAt = commit, now
		w.note(commit)
	}
	next.CheckedAt, next.Error, next.FailingSince = now, "", time.Time{}
	w.observe(next)
	if w.failing != "" {
		w.failing = ""
		w.folder.config.Logger.Info("the branch is followed again", "commit", commit)
		w.folder.reload(ctx, nil)
	}
}

// fail shows why the newest commit is not in force. Each kind of failure is shown and logged once.
func (w *follower) fail(ctx context.Context, err error) {
	next := *w.following.Load()
	next.Commit, next.Error = w.folder.commit, err.Error()
	if next.FailingSince.IsZero() {
		next.FailingSince = w.folder.config.Now()
	}
	w.observe(next)
	kind := "unreachable"
	if refused, ok := errors.AsType[*refusal](err); ok {
		kind = refused.Error()
	} else if errors.Is(err, errNoRef) {
		kind = errNoRef.Error()
	}
	if kind == w.failing {
		return
	}
	w.failing = kind
	w.folder.reload(ctx, diagnostic.List{{File: w.repository.address.shown, Severity: diagnostic.Error, Code: "git", Message: fmt.Sprintf(
		"%v; commit %.12s stays in force", err, next.Commit)}})
}

func (w *follower) observe(next Following) {
	w.following.Store(&next)
	if w.git.Observe != nil {
		w.git.Observe(next)
	}
}

// told is an error in words for whoever has to do something about it, without anything secret.
func (w *follower) told(err error) error {
	switch {
	case errors.Is(err, errNoRef):
		return fmt.Errorf("%w %q: name one that there is, or push it again", errNoRef, w.git.Ref)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("the repository does not let us in (%w): check the token or the key, and that it may read this repository", err)
	case errors.Is(err, transport.ErrRepositoryNotFound), errors.Is(err, git.ErrRepositoryNotExists):
		return fmt.Errorf("there is no repository, or it is not shown to us: %w", err)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("the repository has no commit yet: %w", err)
	}
	return w.hide(err)
}

// hide keeps the token out of an error.
func (w *follower) hide(err error) error {
	token := w.repository.address.token.Reveal()
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

func (w *follower) currentFile() string { return filepath.Join(w.git.State, "current.json") }

// note keeps the commit in force for the next start.
func (w *follower) note(commit string) {
	text, err := json.Marshal(current{w.repository.address.shown, w.git.Ref, w.git.Path, commit})
	if err == nil {
		temporary := w.currentFile() + ".new"
		err = errors.Join(os.WriteFile(temporary, append(text, '\n'), 0o644), os.Rename(temporary, w.currentFile()))
	}
	if err != nil {
		w.folder.config.Logger.Error("the commit in force cannot be noted for the next start", "error", err)
	}
}

// last is the commit that was in force last; "" when there is none of this branch.
func (w *follower) last() string {
	text, err := os.ReadFile(w.currentFile())
	if err != nil {
		return "" // the first start
	}
	var noted current
	if json.Unmarshal(text, &noted) != nil ||
		noted != (current{w.repository.address.shown, w.git.Ref, w.git.Path, noted.Commit}) || !plumbing.IsHash(noted.Commit) {
		return ""
	}
	return noted.Commit
}
