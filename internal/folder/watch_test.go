package folder_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"youmiflow/internal/folder"
)

// in tells whether a workflow is in force with a text in it.
func in(name, text string) func(*folder.Snapshot) bool {
	return func(s *folder.Snapshot) bool {
		one, ok := s.Find(name)
		return ok && one.Workflow != nil && strings.Contains(string(one.Workflow.Source), text)
	}
}

func TestWaysOfWritingAFile(t *testing.T) {
	p := newPlace(t)
	p.signs = true
	p.write("a.yaml", good("a", "zero"))
	f := p.open(t)
	run(t, f)
	ways := map[string]func(text string){
		"in place": func(text string) { p.write("a.yaml", text) },
		"beside and renamed": func(text string) {
			p.write(".a.yaml.tmp", text)
			require.NoError(t, os.Rename(p.path(".a.yaml.tmp"), p.path("a.yaml")))
		},
		"the old one moved away": func(text string) {
			require.NoError(t, os.Rename(p.path("a.yaml"), p.path("a.yaml~")))
			p.write("a.yaml", text)
			require.NoError(t, os.Remove(p.path("a.yaml~")))
		},
		"removed and written": func(text string) {
			require.NoError(t, os.Remove(p.path("a.yaml")))
			p.write("a.yaml", text)
		},
		"emptied and written": func(text string) {
			p.write("a.yaml", "")
			p.write("a.yaml", text)
		},
		"in pieces": func(text string) {
			file, err := os.Create(p.path("a.yaml"))
			require.NoError(t, err)
			for _, piece := range strings.SplitAfter(text, "\n") {
				_, err := file.WriteString(piece)
				require.NoError(t, err)
			}
			require.NoError(t, file.Close())
		},
	}
	for way, write := range ways {
		t.Run(way, func(t *testing.T) {
			began := time.Now()
			write(good("a", way))
			s := awaits(t, f, "the change", in("a", way))
			require.Empty(t, s.Problems)
			require.Less(t, time.Since(began), 10*time.Second, "a second on a machine with nothing else to do")
		})
	}
}

// A mounted ConfigMap: the files are links into a folder that a link names, and that link is exchanged.
func TestLinksThatAreExchanged(t *testing.T) {
	p := newPlace(t)
	p.signs = true
	version := func(n int) {
		dir := fmt.Sprintf("..version%d", n)
		require.NoError(t, os.Mkdir(p.path(dir), 0o755))
		p.write(dir+"/a.yaml", good("a", fmt.Sprintf("number %d", n)))
		require.NoError(t, os.Symlink(dir, p.path("..data_tmp")))
		require.NoError(t, os.Rename(p.path("..data_tmp"), p.path("..data")))
	}
	version(1)
	require.NoError(t, os.Symlink("..data/a.yaml", p.path("a.yaml")))
	f := p.open(t)
	require.True(t, in("a", "number 1")(f.Snapshot()))
	run(t, f)
	version(2)
	awaits(t, f, "the other version", in("a", "number 2"))
}

func TestAFolderThatComesAndGoes(t *testing.T) {
	p := newPlace(t)
	p.signs = true
	dir := filepath.Join(p.root, "workflows")
	require.NoError(t, os.Remove(dir))
	f := p.open(t)
	require.Len(t, f.Problems(), 1)
	require.Equal(t, "unreadable", f.Problems()[0].Code)
	require.Contains(t, f.Problems()[0].Message, "no such file")
	run(t, f)
	require.NoError(t, os.Mkdir(dir, 0o755))
	p.write("a.yaml", good("a", "one"))
	awaits(t, f, "the workflow", func(s *folder.Snapshot) bool { return in("a", "one")(s) && len(s.Problems) == 0 })
	// Another folder takes its place, as when a checkout or a link is exchanged.
	require.NoError(t, os.Mkdir(dir+"-next", 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir+"-next", "a.yaml"), []byte(good("a", "two")), 0o644))
	require.NoError(t, os.Rename(dir, dir+"-before"))
	require.NoError(t, os.Rename(dir+"-next", dir))
	awaits(t, f, "the other folder's", in("a", "two"))
	p.write("a.yaml", good("a", "three"))
	awaits(t, f, "a change in the other folder", in("a", "three"))
	require.NoError(t, os.Rename(dir, dir+"-away"))
	s := awaits(t, f, "the problem", func(s *folder.Snapshot) bool { return len(s.Problems) == 1 })
	require.True(t, in("a", "three")(s), "a disk that is away for a moment stops nothing")
	require.NoError(t, os.Rename(dir+"-away", dir))
	awaits(t, f, "its return", func(s *folder.Snapshot) bool { return len(s.Problems) == 0 })
}

// bubble runs a folder on virtual time, with signs that the test gives.
func bubble(t *testing.T, p *place, test func(f *folder.Folder, sign func(name string))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := p.open(t)
		events := make(chan fsnotify.Event)
		ended := make(chan struct{})
		ctx, stop := contextOf(t)
		go func() {
			defer close(ended)
			f.Watch(ctx, events)
		}()
		synctest.Wait()
		test(f, func(name string) { events <- fsnotify.Event{Name: p.path(name), Op: fsnotify.Write} })
		stop()
		<-ended
	})
}

func TestAChangeIsLookedAtOnceItHasSettled(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "zero"))
	bubble(t, p, func(f *folder.Folder, sign func(string)) {
		began := time.Now()
		for i := range 3 {
			p.write("a.yaml", good("a", fmt.Sprint("number ", i)))
			sign("a.yaml")
			synctest.Wait()
			require.True(t, in("a", "zero")(f.Snapshot()))
			rest(50 * time.Millisecond)
		}
		awaits(t, f, "the last", in("a", "number 2"))
		require.Equal(t, 300*time.Millisecond, time.Since(began), "200 ms after the last sign")
		require.Equal(t, 2, f.Snapshot().Number, "three writes are one change")

		began = time.Now()
		var seen time.Duration
		for i := 0; seen == 0; i++ {
			p.write("a.yaml", good("a", fmt.Sprint("restless ", i)))
			sign("a.yaml")
			rest(100 * time.Millisecond)
			if in("a", "restless")(f.Snapshot()) {
				seen = time.Since(began)
			}
		}
		require.LessOrEqual(t, seen, 500*time.Millisecond, "who never rests is looked at all the same")
	})
}

func TestAHalfWrittenFileIsLookedAtAgain(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "zero"))
	for _, half := range []string{"", "name: a\nsteps:\n  - uses: lo", "steps: [", "gone"} {
		bubble(t, p, func(f *folder.Folder, sign func(string)) {
			if half == "gone" {
				require.NoError(t, os.Remove(p.path("a.yaml")))
			} else {
				p.write("a.yaml", half)
			}
			sign("a.yaml")
			rest(250 * time.Millisecond)
			require.Equal(t, 1, f.Snapshot().Number, "it has been looked at once, and may yet be written")
			p.write("a.yaml", good("a", "one"))
			rest(time.Second)
			require.True(t, in("a", "one")(f.Snapshot()))
			require.Empty(t, f.Problems())
			require.Equal(t, 2, f.Snapshot().Number)
		})
		p.write("a.yaml", good("a", "zero"))
	}
}

func TestABrokenFileIsShownWithinASecond(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "zero"))
	bubble(t, p, func(f *folder.Folder, sign func(string)) {
		p.write("a.yaml", bad("a"))
		sign("a.yaml")
		rest(time.Second)
		require.Len(t, f.Problems(), 1)
		require.True(t, in("a", "zero")(f.Snapshot()))
		require.NoError(t, os.Remove(p.path("a.yaml")))
		sign("a.yaml")
		rest(time.Second)
		require.Empty(t, f.Workflows())
		require.Equal(t, 3, f.Snapshot().Number)
	})
}

// What the system does not tell of (a network disk) is found in time, and without a sign nothing is made anew.
func TestTheFolderIsLookedThroughInAnyCase(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "zero"))
	bubble(t, p, func(f *folder.Folder, _ func(string)) {
		p.write("a.yaml", good("a", "one"))
		rest(11 * time.Second)
		require.True(t, in("a", "one")(f.Snapshot()))
		rest(time.Hour)
		require.Equal(t, 2, f.Snapshot().Number)
	})
}

func TestWhatIsNoWorkflowIsNoSign(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "zero"))
	bubble(t, p, func(f *folder.Folder, sign func(string)) {
		p.write("a.yaml", good("a", "one"))
		for _, name := range []string{"ledger.db-wal", ".a.yaml.swp", "a.test.yaml", "youmiflow.yaml", "lists", "../../x/a.yaml"} {
			sign(name)
			rest(time.Second)
		}
		require.Equal(t, 1, f.Snapshot().Number)
	})
}

// Two writes within one tick of the file system's clock leave the same time and size.
func TestTwoWritesWithinATick(t *testing.T) {
	p := newPlace(t)
	tick := time.Now()
	write := func(text string) {
		p.write("a.yaml", good("a", text))
		require.NoError(t, os.Chtimes(p.path("a.yaml"), tick, tick))
	}
	write("one")
	f := p.open(t)
	write("two")
	f.Look(t.Context())
	require.True(t, in("a", "two")(f.Snapshot()))
}

// What was good is there again after a restart, with what it called then.
func TestARestartWithBrokenFiles(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", "name: a\nsteps:\n  - call: b\n")
	p.write("b.yaml", good("b", "one"))
	p.write("c.yaml", good("c", "one"))
	config, kept, said := p.config(t), newTexts(), &log{}
	config.Texts, config.Logger = kept, said.logger()
	_, err := folder.Open(t.Context(), config)
	require.NoError(t, err)
	p.write("a.yaml", "name: a\nsteps:\n  - call: nobody\n")
	p.write("b.yaml", good("b", "two"))
	require.NoError(t, os.Remove(p.path("c.yaml")))
	p.write("moved.yaml", bad("c"))
	f, err := folder.Open(t.Context(), config)
	require.NoError(t, err)
	a, _ := f.Snapshot().Find("a")
	require.True(t, a.Broken)
	require.Contains(t, string(a.Workflow.Calls["b"].Source), "one", "it goes on with what it was checked with")
	whole, err := a.Workflow.Open()
	require.NoError(t, err)
	require.Contains(t, string(whole.Calls["b"].Source), "one")
	require.True(t, in("b", "two")(f.Snapshot()))
	require.True(t, in("c", "one")(f.Snapshot()))
	c, _ := f.Snapshot().Find("c")
	require.Equal(t, "workflows/moved.yaml", c.File)

	// A version that this youmiflow does not understand any more is none, and said so.
	for digest := range kept.byHash {
		kept.byHash[digest] = []byte(bad("old"))
	}
	f, err = folder.Open(t.Context(), config)
	require.NoError(t, err)
	a, _ = f.Snapshot().Find("a")
	require.Nil(t, a.Workflow)
	require.NotZero(t, said.count("cannot be used any more"))

	kept.err = errors.New("the ledger is away")
	_, err = folder.Open(t.Context(), config)
	require.ErrorContains(t, err, "the ledger is away")
}

func TestWhatCannotBeKeptIsTriedAgain(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "one"))
	config, kept, said := p.config(t), newTexts(), &log{}
	config.Texts, config.Logger = kept, said.logger()
	f, err := folder.Open(t.Context(), config)
	require.NoError(t, err)
	kept.err = errors.New("the disk is full")
	p.write("a.yaml", good("a", "two"))
	f.Look(t.Context())
	require.True(t, in("a", "two")(f.Snapshot()), "it is in force all the same")
	f.Look(t.Context())
	require.Equal(t, 1, said.count("the disk is full"))
	kept.err = nil
	f.Look(t.Context())
	two, _ := f.Snapshot().Find("a")
	require.Equal(t, two.Digest(), kept.current["workflows/a.yaml"].Digest)
}

func TestReadersGetTheNewest(t *testing.T) {
	p := newPlace(t)
	p.write("a.yaml", good("a", "one"))
	f := p.open(t)
	changes, stop := f.Subscribe()
	for i := range 3 {
		p.write("a.yaml", good("a", fmt.Sprint("number ", i)))
		f.Look(t.Context())
	}
	s := <-changes
	require.True(t, in("a", "number 2")(s))
	require.Same(t, f.Snapshot(), s)
	stop()
	stop()
	p.write("a.yaml", good("a", "last"))
	f.Look(t.Context())
	require.Empty(t, changes)
	source, err := f.Snapshot().Source("workflows/a.yaml")
	require.NoError(t, err)
	require.Contains(t, string(source), "last")
	_, err = f.Snapshot().Source("workflows/b.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFilesThatAreNone(t *testing.T) {
	p := newPlace(t)
	require.NoError(t, os.Mkdir(p.path("folder.yaml"), 0o755))
	require.NoError(t, os.Symlink("nowhere", p.path("dangling.yaml")))
	require.NoError(t, os.Symlink(p.root, p.path("linked.yaml")))
	p.write("large.yaml", "name: large\n"+strings.Repeat("#", 2<<20))
	p.write("twice.yaml", good("a", "one"))
	p.write("twice2.yaml", good("a", "two"))
	f := p.open(t)
	var problems []string
	for _, problem := range f.Problems() {
		problems = append(problems, problem.String())
	}
	require.Len(t, problems, 4, problems)
	require.Equal(t, "workflows/dangling.yaml: the file cannot be read: it is a link that leads nowhere [unreadable]", problems[0])
	require.Contains(t, problems[1], "workflows/large.yaml")
	require.Contains(t, problems[1], "too-large")
	require.Equal(t, "workflows/linked.yaml: the file cannot be read: it is not a regular file [unreadable]", problems[2])
	require.Equal(t, `workflows/twice2.yaml:1:1: workflows/twice.yaml is named "a" as well: give this workflow another name [duplicate-name]`, problems[3])
}
