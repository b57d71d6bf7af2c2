package folder_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/folder"
	"youmiflow/steps"
)

// origin is a git repository with a work tree, made with the git program.
type origin struct {
	t   *testing.T
	dir string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	o := &origin{t, dir}
	o.git("init", "-q", "-b", "main")
	return o
}

func (o *origin) git(args ...string) string {
	o.t.Helper()
	command := exec.CommandContext(o.t.Context(), "git", args...)
	command.Dir = o.dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	text, err := command.CombinedOutput()
	require.NoError(o.t, err, "git %v: %s", args, text)
	return strings.TrimSpace(string(text))
}

// commit writes files and commits all there is; an empty text removes the file.
func (o *origin) commit(files map[string]string) string {
	o.t.Helper()
	for name, text := range files {
		path := filepath.Join(o.dir, name)
		if text == "" {
			require.NoError(o.t, os.Remove(path))
			continue
		}
		require.NoError(o.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(o.t, os.WriteFile(path, []byte(text), 0o644))
	}
	o.git("add", "-A")
	o.git("commit", "-q", "-m", "a change", "--allow-empty")
	return o.git("rev-parse", "HEAD")
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// follower is what a test follows a branch with.
type follower struct {
	t     *testing.T
	git   folder.Git
	clock *clock
	texts *texts
	log   *log
}

func newFollower(t *testing.T, url string) *follower {
	t.Helper()
	return &follower{t: t, clock: newClock(), texts: newTexts(), log: &log{}, git: folder.Git{
		URL: url, Ref: "main", State: t.TempDir(), Lookup: func(string) (string, bool) { return "", false },
	}}
}

func (w *follower) follow() (*folder.Folder, error) {
	w.git.Now, w.git.Logger = w.clock.Now, w.log.logger()
	branch, err := folder.Follow(w.t.Context(), w.git)
	if err != nil {
		return nil, err
	}
	catalogue, err := steps.New(steps.Config{})
	require.NoError(w.t, err)
	return folder.Open(w.t.Context(), folder.Config{Branch: branch, Catalogue: catalogue, Now: w.clock.Now, Texts: w.texts, Logger: w.log.logger()})
}

func (w *follower) must() *folder.Folder {
	w.t.Helper()
	f, err := w.follow()
	require.NoError(w.t, err)
	return f
}

// holds requires that a workflow is in force as of a commit, with a text in it.
func holds(t *testing.T, f *folder.Folder, name, commit, text string) folder.Loaded {
	t.Helper()
	one, ok := f.Snapshot().Find(name)
	require.True(t, ok, "there is no workflow %s: %v", name, f.Problems())
	require.NotNil(t, one.Workflow)
	require.Contains(t, string(one.Workflow.Source), text)
	require.Equal(t, commit, one.Commit)
	return one
}

func TestABranchIsFollowed(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one"), "lists/vip.csv": "friend\n1\n", "youmiflow.yaml": "timezone: Asia/Shanghai\n"})
	w := newFollower(t, o.dir)
	f := w.must()
	one := holds(t, f, "a", first, "one")
	require.Equal(t, "workflows/a.yaml", one.File)
	require.Equal(t, "Asia/Shanghai", f.Snapshot().Project.Timezone.String())
	list, err := os.ReadFile(filepath.Join(one.Root, "lists/vip.csv"))
	require.NoError(t, err)
	require.Equal(t, "friend\n1\n", string(list))

	second := o.commit(map[string]string{"workflows/a.yaml": good("a", "two"), "workflows/b.yaml": good("b", "other"), "lists/vip.csv": "friend\n2\n"})
	f.Poll(t.Context())
	two := holds(t, f, "a", second, "two")
	holds(t, f, "b", second, "other")
	list, err = os.ReadFile(filepath.Join(one.Root, "lists/vip.csv"))
	require.NoError(t, err)
	require.Equal(t, "friend\n1\n", string(list), "a run of the first commit goes on seeing its files")
	list, err = os.ReadFile(filepath.Join(two.Root, "lists/vip.csv"))
	require.NoError(t, err)
	require.Equal(t, "friend\n2\n", string(list))
	require.Error(t, os.WriteFile(filepath.Join(two.Root, "workflows/new/x"), nil, 0o644))

	third := o.commit(map[string]string{"workflows/a.yaml": bad("a"), "workflows/b.yaml": ""})
	f.Poll(t.Context())
	one = holds(t, f, "a", second, "two")
	require.True(t, one.Broken)
	require.Equal(t, two.Root, one.Root, "the last good version sees the files of its own commit")
	require.Equal(t, third, f.Snapshot().Commit)
	_, there := f.Snapshot().Find("b")
	require.False(t, there)
	following, _ := f.Following()
	require.Equal(t, third, following.Commit)
	require.Empty(t, following.Error)
}

func TestAForcePushIsFollowedToo(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	o.commit(map[string]string{"workflows/a.yaml": good("a", "two")})
	f := newFollower(t, o.dir).must()
	o.git("reset", "-q", "--hard", "HEAD~1")
	rewritten := o.commit(map[string]string{"workflows/a.yaml": good("a", "three")})
	f.Poll(t.Context())
	holds(t, f, "a", rewritten, "three")
}

func TestNothingThatGoesWrongChangesWhatRuns(t *testing.T) {
	for name, breaks := range map[string]struct {
		breaks func(o *origin)
		mends  func(o *origin)
		says   string
	}{
		"the branch is gone": {
			func(o *origin) { o.git("checkout", "-q", "-b", "other"); o.git("branch", "-D", "main") },
			func(o *origin) { o.git("branch", "main") }, `there is no such branch or tag "main"`,
		},
		"the repository is away": {
			func(o *origin) {
				require.NoError(o.t, os.Rename(filepath.Join(o.dir, ".git"), filepath.Join(o.dir, "away")))
			},
			func(o *origin) {
				require.NoError(o.t, os.Rename(filepath.Join(o.dir, "away"), filepath.Join(o.dir, ".git")))
			},
			"there is no repository",
		},
		"youmiflow.yaml is broken": {
			func(o *origin) {
				o.commit(map[string]string{"youmiflow.yaml": "timezone: Nowhere/At-all\n", "workflows/a.yaml": good("a", "two")})
			},
			func(o *origin) { o.git("reset", "-q", "--hard", "HEAD~1") }, "youmiflow.yaml:1:11: there is no time zone",
		},
		"the workflows are gone": {
			func(o *origin) {
				o.git("rm", "-q", "-r", "workflows")
				o.commit(map[string]string{"README": "nothing\n"})
			},
			func(o *origin) { o.git("reset", "-q", "--hard", "HEAD~1") }, "has no folder of workflows workflows",
		},
		"the folder leads out": {
			func(o *origin) { o.commit(map[string]string{"youmiflow.yaml": "workflows: /etc\n"}) },
			func(o *origin) { o.git("reset", "-q", "--hard", "HEAD~1") }, "has no folder of workflows",
		},
		"a file is huge": {
			func(o *origin) { o.commit(map[string]string{"huge.bin": strings.Repeat("x", 2<<20)}) },
			func(o *origin) { o.git("reset", "-q", "--hard", "HEAD~1") }, "huge.bin has 2097152 bytes; a file may have 1048576",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
			w := newFollower(t, o.dir)
			w.git.MaxFile = 1 << 20
			f := w.must()
			breaks.breaks(o)
			f.Poll(t.Context())
			holds(t, f, "a", first, "one")
			require.Len(t, f.Problems(), 1)
			require.Contains(t, f.Problems()[0].Message, breaks.says)
			require.Contains(t, f.Problems()[0].Message, "stays in force")
			following, _ := f.Following()
			require.Contains(t, following.Error, breaks.says)
			require.Equal(t, first, following.Commit)
			require.Equal(t, f.Problems(), folder.Failing(w.git.State), "others on the machine see it too")
			number := f.Snapshot().Number
			w.clock.advance(time.Minute)
			f.Poll(t.Context())
			require.Equal(t, number, f.Snapshot().Number, "the same failure is no change")
			require.Equal(t, 1, w.log.count("stays in force"), "each change of state is logged once")

			restarted, err := w.follow()
			require.NoError(t, err)
			holds(t, restarted, "a", first, "one")
			require.Contains(t, restarted.Problems()[0].Message, breaks.says)

			breaks.mends(o)
			f.Poll(t.Context())
			require.Empty(t, folder.Failing(w.git.State))
			holds(t, f, "a", first, "one")
			require.Empty(t, f.Problems())
			following, _ = f.Following()
			require.Empty(t, following.Error)
		})
	}
}

func TestFollowingNeedsACommitToBeginWith(t *testing.T) {
	w := newFollower(t, filepath.Join(t.TempDir(), "nowhere"))
	_, err := w.follow()
	require.ErrorContains(t, err, "nowhere: there is no repository")

	o := newOrigin(t)
	_, err = newFollower(t, o.dir).follow()
	require.ErrorContains(t, err, `there is no such branch or tag "main"`)
}

func TestBrokenFilesKeepTheirVersionOverARestart(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	w := newFollower(t, o.dir)
	root := holds(t, w.must(), "a", first, "one").Root
	o.commit(map[string]string{"workflows/a.yaml": bad("a")})
	restarted := w.must()
	one := holds(t, restarted, "a", first, "one")
	require.True(t, one.Broken)
	require.Equal(t, root, one.Root)
}

func TestLinksAndSubmodulesAreNotFollowedOutside(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret.csv"), []byte("friend\n"), 0o644))
	o := newOrigin(t)
	for name, target := range map[string]string{
		"lists/absolute.csv": filepath.Join(outside, "secret.csv"), "lists/up.csv": "../../x/secret.csv", "lists/good.csv": "../vip.csv",
		"deep/er/out": "../..", "lists/chain.csv": "../deep/er/out/../secret.csv", "circle": "circle", "workflows/git.yaml": "../.git/config",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(o.dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.Symlink(target, filepath.Join(o.dir, name)))
	}
	o.git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("a", 40)+",vendored")
	o.git("commit", "-q", "-m", "links")
	first := o.commit(map[string]string{"vip.csv": "friend\n1\n", "workflows/a.yaml": good("a", "one")})
	w := newFollower(t, o.dir)
	root := holds(t, w.must(), "a", first, "one").Root
	text, err := os.ReadFile(filepath.Join(root, "lists/good.csv"))
	require.NoError(t, err)
	require.Equal(t, "friend\n1\n", string(text))
	for _, refused := range []string{"lists/absolute.csv", "lists/up.csv", "lists/chain.csv", "circle", "workflows/git.yaml", "vendored"} {
		_, err := os.Lstat(filepath.Join(root, refused))
		require.ErrorIs(t, err, os.ErrNotExist, refused)
	}
	require.Equal(t, 5, w.log.count("out of the repository")+w.log.count("leads nowhere"))
}

func TestTreesOfUnfinishedRunsAreKept(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	w := newFollower(t, o.dir)
	used, failing := []string{first}, error(nil)
	w.git.InUse = func(context.Context) ([]string, error) { return used, failing }
	f := w.must()
	second := o.commit(map[string]string{"workflows/a.yaml": good("a", "two")})
	f.Poll(t.Context())
	third := o.commit(map[string]string{"workflows/a.yaml": good("a", "three")})
	f.Poll(t.Context())
	there := func(commit string) bool {
		_, err := os.Stat(filepath.Join(w.git.State, "trees", commit, "workflows", "a.yaml"))
		return err == nil
	}
	require.True(t, there(second), "a run may be about to start from it")
	w.clock.advance(time.Hour)
	f.Poll(t.Context())
	require.True(t, there(first))
	require.False(t, there(second))
	require.True(t, there(third))

	used, failing = nil, errors.New("the ledger is away")
	f.Poll(t.Context())
	w.clock.advance(time.Hour)
	f.Poll(t.Context())
	require.True(t, there(first), "nothing is removed while nobody can say what is in use")
	failing = nil
	f.Poll(t.Context())
	w.clock.advance(time.Hour)
	f.Poll(t.Context())
	require.False(t, there(first))
}

func TestATreeThatACrashHasDamagedIsMadeAgain(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one"), "vip.csv": "friend\n"})
	w := newFollower(t, o.dir)
	path := filepath.Join(holds(t, w.must(), "a", first, "one").Root, "vip.csv")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	w.must()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "friend\n", string(text))
}

func TestTagsAndTheDefaultBranch(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"sub/workflows/a.yaml": good("a", "one")})
	o.git("tag", "-a", "v1", "-m", "the first")
	second := o.commit(map[string]string{"sub/workflows/a.yaml": good("a", "two")})
	for ref, want := range map[string]string{"v1": first, "": second, "refs/heads/main": second, "refs/tags/v1": first} {
		w := newFollower(t, o.dir)
		w.git.Ref, w.git.Path = ref, "sub"
		f := w.must()
		require.Equal(t, want, f.Snapshot().Commit, ref)
		require.Equal(t, "workflows/a.yaml", f.Workflows()[0].File)
	}
}
