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
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh/knownhosts"

	"youmiflow/internal/diagnostic"
)

// succeed notes that the branch is followed as it is.
func (b *Branch) succeed(ctx context.Context, commit string) {
	now := b.git.Now()
	next := *b.following.Load()
	if next.Commit != commit {
		next.Commit, next.ChangedAt = commit, now
	}
	next.CheckedAt, next.Error, next.FailingSince = now, "", time.Time{}
	before := b.following.Load().Commit
	b.observe(next)
	if before != commit || b.failing != "" {
		b.note(commit, "")
	}
	if b.failing != "" {
		b.failing = ""
		b.folder.accept(ctx, b.folder.files, nil)
		b.git.Logger.Info("the branch is followed again", "commit", commit)
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
	why := fmt.Sprintf("%v; commit %.12s stays in force", b.hide(err), next.Commit)
	b.note(next.Commit, why)
	b.folder.accept(ctx, b.folder.files, diagnostic.List{problemOf(b.repository.address.shown, why)})
}

// CodeBranch is the code of the problem that a branch cannot be followed.
const CodeBranch = "git"

func problemOf(url, why string) diagnostic.Diagnostic {
	return diagnostic.Diagnostic{File: url, Severity: diagnostic.Error, Code: CodeBranch, Message: why}
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

// current is the commit in force, as it is kept over a restart and for those who ask beside the daemon.
type current struct {
	URL    string `json:"url"`
	Ref    string `json:"ref"`
	Path   string `json:"path"`
	Commit string `json:"commit"`
	// Error is why that is not the branch's newest; "" while it is.
	Error string `json:"error,omitempty"`
}

func (b *Branch) currentFile() string { return filepath.Join(b.git.State, "current.json") }

// note keeps the commit in force for the next start, and why it is not the newest.
func (b *Branch) note(commit, why string) {
	text, err := json.Marshal(current{b.repository.address.shown, b.git.Ref, b.git.Path, commit, why})
	if err == nil {
		temporary := b.currentFile() + ".new"
		err = errors.Join(os.WriteFile(temporary, append(text, '\n'), 0o644), os.Rename(temporary, b.currentFile()))
	}
	if err != nil {
		b.git.Logger.Error("the commit in force cannot be noted for the next start", "error", err)
	}
}

// noted is what a daemon keeps under state; false when there is nothing.
func noted(state string) (noted current, there bool) {
	text, err := os.ReadFile(filepath.Join(state, "current.json"))
	return noted, err == nil && json.Unmarshal(text, &noted) == nil && plumbing.IsHash(noted.Commit)
}

// Failing is the problem that a daemon has with its branch, as it keeps it under state; none while it is followed.
func Failing(state string) diagnostic.List {
	if noted, there := noted(state); there && noted.Error != "" {
		return diagnostic.List{problemOf(noted.URL, noted.Error)}
	}
	return nil
}

// InForce is the project's folder of the commit that was in force last, as a daemon keeps it under state; "" when there is
// none.
func InForce(state string) string {
	noted, there := noted(state)
	if !there {
		return ""
	}
	root := filepath.Join(Git{State: state}.treeDir(noted.Commit), filepath.FromSlash(noted.Path))
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return ""
	}
	return root
}

// last is the commit that was in force last; "" when there is none of this branch.
func (b *Branch) last() string {
	noted, there := noted(b.git.State) // not at the first start
	if !there || noted != (current{b.repository.address.shown, b.git.Ref, b.git.Path, noted.Commit, noted.Error}) {
		return ""
	}
	return noted.Commit
}
