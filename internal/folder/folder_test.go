package folder_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"youmiflow/internal/folder"
	"youmiflow/steps"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// good is a workflow that says something.
func good(name, text string) string {
	return fmt.Sprintf("name: %s\nsteps:\n  - uses: log\n    with: { message: %q }\n", name, text)
}

// bad is a workflow with an error.
func bad(name string) string {
	return fmt.Sprintf("name: %s\nsteps:\n  - uses: nothing.known\n", name)
}

// place is a project's folder on disk.
type place struct {
	t    *testing.T
	root string
	// signs leaves the system's signs alone to tell of changes.
	signs bool
}

func newPlace(t *testing.T) *place {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(root, "workflows"), 0o755))
	return &place{t: t, root: root}
}

func (p *place) path(name string) string { return filepath.Join(p.root, "workflows", name) }

func (p *place) write(name, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(p.path(name), []byte(text), 0o644))
}

func (p *place) config(t testing.TB) folder.Config {
	t.Helper()
	catalogue, err := steps.New(steps.Config{})
	require.NoError(t, err)
	config := folder.Config{Root: p.root, Dir: filepath.Join(p.root, "workflows"), Catalogue: catalogue}
	if p.signs {
		config.Rescan = time.Hour
	}
	return config
}

func (p *place) open(t *testing.T) *folder.Folder {
	t.Helper()
	f, err := folder.Open(t.Context(), p.config(t))
	require.NoError(t, err)
	return f
}

// run has a folder looked after until the test ends.
func run(t *testing.T, f *folder.Folder) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
}

// awaits waits until the folder is as it should be.
func awaits(t *testing.T, f *folder.Folder, what string, holds func(*folder.Snapshot) bool) *folder.Snapshot {
	t.Helper()
	changes, stop := f.Subscribe()
	defer stop()
	limit := time.After(20 * time.Second)
	for {
		now := f.Snapshot()
		if holds(now) {
			return now
		}
		select {
		case <-changes:
		case <-limit:
			t.Fatalf("waited in vain for %s; there are %v and %v", what, now.Workflows, now.Problems)
		}
	}
}

func TestAFolderIsLoadedAndWatched(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("vip", "one"))
	p.write("a.test.yaml", "tests: []\n")
	p.write(".hidden.yaml", bad("hidden"))
	p.write("b.yaml", bad("broken"))
	f := p.open(t)
	require.Len(t, f.Workflows(), 2)
	vip, ok := f.Snapshot().Find("vip")
	require.True(t, ok)
	require.Equal(t, "workflows/a.yaml", vip.File)
	require.Contains(t, string(vip.Workflow.Source), "one")
	broken, _ := f.Snapshot().Find("broken")
	require.True(t, broken.Broken)
	require.Nil(t, broken.Workflow)
	require.Len(t, f.Problems(), 1)
	require.Equal(t, "workflows/b.yaml:3:11: ", f.Problems()[0].String()[:len("workflows/b.yaml:3:11: ")])

	run(t, f)
	p.write("a.yaml", good("vip", "two"))
	awaits(t, f, "the change", func(s *folder.Snapshot) bool {
		one, ok := s.Find("vip")
		return ok && one.Digest() != vip.Digest()
	})
	p.write("a.yaml", bad("vip"))
	s := awaits(t, f, "the error", func(s *folder.Snapshot) bool {
		one, _ := s.Find("vip")
		return one.Broken
	})
	one, _ := s.Find("vip")
	require.Contains(t, string(one.Workflow.Source), "two")
	require.NoError(t, os.Rename(p.path("a.yaml"), p.path("c.yaml")))
	s = awaits(t, f, "the new name", func(s *folder.Snapshot) bool {
		one, _ := s.Find("vip")
		return one.File == "workflows/c.yaml"
	})
	one, _ = s.Find("vip")
	require.Contains(t, string(one.Workflow.Source), "two", "a broken file keeps its last good version under its new name")
	require.NoError(t, os.Remove(p.path("c.yaml")))
	awaits(t, f, "its end", func(s *folder.Snapshot) bool {
		_, ok := s.Find("vip")
		return !ok
	})
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// rest lets virtual time pass.
func rest(d time.Duration) { <-time.After(d) }
