package cli

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"youmiflow/engine"
	"youmiflow/internal/folder"
	"youmiflow/internal/redact"
	"youmiflow/workflows"
)

// Variables with what lets the daemon into the repository that it follows. They are no flags: those can be seen by everybody
// on the machine.
const (
	gitTokenVariable      = "YOUMIFLOW_GIT_TOKEN"
	gitPassphraseVariable = "YOUMIFLOW_GIT_PASSPHRASE"
)

// gitFlags say which branch the daemon follows, if any.
type gitFlags struct {
	url, ref, path, key string
	every               time.Duration
}

func (f *gitFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.url, "git", "", "follow a branch of this repository: https://…, ssh://…, user@host:path, or a folder\n(a token stands in "+gitTokenVariable+", a key's passphrase in "+gitPassphraseVariable+")")
	flags.StringVar(&f.ref, "ref", "", "the branch, or a tag (default: the repository's default branch)")
	flags.StringVar(&f.path, "git-path", "", "the project's folder within the repository (default: the repository itself)")
	flags.StringVar(&f.key, "git-key", "", "the file of a private key for ssh (default: the keys of the ssh agent)")
	flags.DurationVar(&f.every, "every", time.Minute, "how often to look for a new commit")
}

// check refuses what does not fit together.
func (f *gitFlags) check(c *cobra.Command) error {
	for _, name := range []string{"ref", "git-path", "git-key", "every"} {
		if f.url == "" && c.Flags().Changed(name) {
			return usage("--%s goes with --git: add --git URL, or leave it out", name)
		}
	}
	if f.every < time.Second {
		return usage("--every %s: a second is the shortest", f.every)
	}
	return nil
}

// served is a project that the daemon serves, and the branch that it comes from where it follows one.
type served struct {
	*project
	branch  *folder.Branch
	session atomic.Pointer[session] // nil before there is one
}

// openServed opens the project to serve: the one of this folder, or that of a branch. Of the latter, what is kept (the
// ledger, the files of commits, what reports write) is in this folder all the same.
func (a *app) openServed(ctx context.Context, flags gitFlags) (*served, error) {
	if flags.url == "" {
		project, err := a.openProject(".")
		return &served{project: project}, err
	}
	dir, err := a.servedDir()
	if err != nil {
		return nil, err
	}
	token, passphrase := a.secretVariable(gitTokenVariable), a.secretVariable(gitPassphraseVariable)
	a.hide = redact.New(token.Reveal(), passphrase.Reveal())
	s := &served{}
	s.branch, err = folder.Follow(ctx, folder.Git{
		URL: flags.url, Ref: flags.ref, Path: flags.path, Every: flags.every, Key: flags.key, Token: token, Passphrase: passphrase,
		State: filepath.Join(dir, ".youmiflow", "git"), Lookup: a.Lookup, Accept: s.accept, InUse: s.commitsInUse, Logger: a.logger(),
	})
	if err != nil {
		return nil, invalid("--git: %w", err)
	}
	s.project = &project{dir: dir, config: s.branch.Project(), found: true, tree: s.branch.Root}
	values := []string{token.Reveal(), passphrase.Reveal()}
	for _, value := range s.secrets() {
		values = append(values, value)
	}
	a.hide = redact.New(values...)
	return s, nil
}

// servedDir is where a daemon that follows a branch keeps what is its own.
func (a *app) servedDir() (string, error) {
	dir := a.project
	if dir == "" {
		dir = "."
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", usage("--project %s: there is no such folder", dir)
	}
	return filepath.Abs(dir)
}

func (a *app) secretVariable(name string) workflows.Secret {
	value, _ := a.Lookup(name)
	return workflows.NewSecret(value)
}

// accept is asked before another commit comes into force. Whom it forbids to write to holds from then on; where that cannot
// be read, the commit is refused.
func (s *served) accept(config *workflows.Project) error {
	session := s.session.Load()
	if session == nil {
		return nil // the first commit: the session reads the lists itself
	}
	if string(config.Source) != string(s.config.Source) {
		session.app.logger().Warn("youmiflow.yaml has changed: workflows and suppression lists are in force at once, limits, notifications, retention and tokens after SIGHUP, its other settings when the daemon is started again")
	}
	return session.suppression.follow(&project{dir: config.Dir, config: config})
}

// commitsInUse are the commits of runs that are not over: their files are needed.
func (s *served) commitsInUse(ctx context.Context) ([]string, error) {
	session := s.session.Load()
	if session == nil {
		return nil, nil
	}
	runs, err := session.ledger.Runs(ctx, engine.RunFilter{Statuses: []engine.Status{engine.StatusPending, engine.StatusRunning, engine.StatusPaused}})
	var commits []string
	for _, run := range runs {
		commits = append(commits, run.Commit)
	}
	return commits, err
}

// openFolder loads the workflows. What was in force last is kept in the ledger.
func (s *served) openFolder(ctx context.Context, session *session) (*folder.Folder, error) {
	s.session.Store(session)
	return folder.Open(ctx, folder.Config{
		Root: s.dir, Dir: s.config.Workflows, Branch: s.branch, Catalogue: session.engine.Catalogue, Texts: session.ledger,
		Logger: session.app.logger(),
	})
}
