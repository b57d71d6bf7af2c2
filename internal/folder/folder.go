package folder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// Config is what a Folder is made of. Catalogue is required, and either Root and Dir or Branch.
type Config struct {
	// Root is the project's folder: names of files are relative to it.
	Root string
	// Dir is the folder of the workflows.
	Dir string
	// Branch, when set, is where the files come from instead.
	Branch *Branch
	// Catalogue is what workflows are checked against.
	Catalogue workflows.Catalogue
	// Texts keeps what was good over a restart. Default: nothing is kept.
	Texts Texts
	// Settle is how long files must rest before a change is looked at. Default: 200 ms.
	Settle time.Duration
	// Rescan is how often the folder is looked through without any sign of a change, since not every file system gives
	// one. Default: 10 s.
	Rescan time.Duration
	// Logger is told of every change, once. Default: nowhere.
	Logger *slog.Logger
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Texts == nil {
		c.Texts = noTexts{}
	}
	if c.Settle <= 0 {
		c.Settle = 200 * time.Millisecond
	}
	if c.Rescan <= 0 {
		c.Rescan = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Folder keeps the workflows of a folder as they may be run. Its readers may be many; Run is for one goroutine.
type Folder struct {
	config  Config
	scanner scanner
	shelf   shelf
	kept    map[string]Version // by file, as Texts has them
	// What the Snapshot was made of, and what was found half done at the last look.
	files         []*file
	problems      diagnostic.List
	halfwayBefore map[string]string
	gone          map[string]Version // kept versions of files that were gone at the start, by name; nil before it is asked for
	unkept        bool               // Texts has not got all that is in force

	tree      tree  // where the files come from: without a commit for a folder on disk
	restoring error // what Texts could not give at the start

	snapshot    atomic.Pointer[Snapshot]
	mu          sync.Mutex
	subscribers map[chan *Snapshot]bool
}

// Open loads the folder. A folder that is not there is a problem of the first Snapshot, and so is a file with errors; the
// error is that of Texts.
func Open(ctx context.Context, config Config) (*Folder, error) {
	f, err := newFolder(ctx, config)
	if err != nil {
		return nil, err
	}
	if config.Branch != nil {
		config.Branch.open(ctx, f)
		return f, f.restoring
	}
	f.tree.root = config.Root
	f.scanner = scanner{dir: config.Dir, now: f.config.Now}
	files, problems, err := f.scanner.scan(nil)
	if err != nil {
		problems = append(problems, f.folderProblem(err))
	}
	f.accept(ctx, files, problems)
	return f, f.restoring
}

// use takes the files of a commit.
func (f *Folder) use(ctx context.Context, from tree) {
	f.tree = from
	f.scanner = scanner{dir: from.project.Workflows, now: f.config.Now}
	files, problems, err := f.scanner.scan(nil)
	if err != nil {
		problems = append(problems, f.folderProblem(err))
	}
	f.accept(ctx, files, problems)
	f.config.Logger.Info("a commit is in force", "commit", from.commit)
}

// newFolder makes a folder that holds nothing yet.
func newFolder(ctx context.Context, config Config) (*Folder, error) {
	config = config.withDefaults()
	f := &Folder{
		config: config, kept: map[string]Version{}, subscribers: map[chan *Snapshot]bool{},
		shelf: shelf{catalogue: config.Catalogue, owners: map[string]string{}},
	}
	current, err := config.Texts.Current(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the workflows that were in force last: %w", err)
	}
	for _, version := range current {
		f.kept[version.File] = version
		f.shelf.owners[version.Name] = path.Base(version.File)
	}
	return f, nil
}

// Run looks after the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error {
	if f.config.Branch != nil {
		f.config.Branch.run(ctx)
		return nil
	}
	signs, err := openSigns(f.config.Dir)
	if err != nil {
		f.config.Logger.Warn("the system does not tell of changes of files: the folder is looked through from time to time", "error", err)
	}
	f.watch(ctx, signs)
	return signs.close()
}

// Poll looks at a followed branch now, and returns when that is done. What it finds is in the Snapshot. A folder on disk
// does not need it.
func (f *Folder) Poll(ctx context.Context) {
	if f.config.Branch != nil {
		f.config.Branch.poll(ctx)
	}
}

// Following says how following a branch goes; false when none is followed.
func (f *Folder) Following() (Following, bool) {
	if f.config.Branch == nil {
		return Following{}, false
	}
	return *f.config.Branch.following.Load(), true
}

// Snapshot is the folder as it is now; never nil.
func (f *Folder) Snapshot() *Snapshot { return f.snapshot.Load() }

// Workflows are those of the Snapshot.
func (f *Folder) Workflows() []Loaded { return f.Snapshot().Workflows }

// Problems are those of the Snapshot.
func (f *Folder) Problems() diagnostic.List { return f.Snapshot().Problems }

// Subscribe has the newest Snapshot sent whenever there is another one, until stop is called. Who is slow gets the newest
// only, and nobody waits for a subscriber.
func (f *Folder) Subscribe() (changes <-chan *Snapshot, stop func()) {
	channel := make(chan *Snapshot, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[channel] = true
	return channel, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.subscribers, channel)
	}
}

// publish hands out a Snapshot.
func (f *Folder) publish(next *Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snapshot.Store(next)
	for channel := range f.subscribers {
		select {
		case <-channel: // an older one that nobody has taken
		default:
		}
		channel <- next
	}
}

// accept makes a Snapshot of files: the first one with what an earlier process has kept of those that are broken now.
func (f *Folder) accept(ctx context.Context, files []*file, problems diagnostic.List) {
	var restore func(*entry) *version
	if f.snapshot.Load() == nil {
		restore = func(e *entry) *version {
			good, err := f.restore(ctx, e)
			f.restoring = errors.Join(f.restoring, err)
			return good
		}
	}
	f.files, f.problems = files, problems
	from := f.origin()
	before := f.snapshot.Load()
	next := &Snapshot{
		Number: 1, At: from.now, Commit: from.commit, Root: from.root, Project: f.tree.project, Workflows: f.shelf.replace(files, from, restore),
		Problems: slices.Clone(problems), sources: make(map[string][]byte, len(files)),
	}
	if before != nil {
		next.Number = before.Number + 1
	}
	for _, e := range f.shelf.entries {
		next.Problems = append(next.Problems, e.problems...)
		next.sources[e.path] = e.source
	}
	next.Problems.Sort()
	f.keep(ctx)
	f.publish(next)
	f.report(ctx, before, next) // what the log says is in force is so by now
}

func (f *Folder) origin() origin {
	return origin{base: baseOf(f.tree.root, f.scanner.dir), commit: f.tree.commit, root: f.tree.root, now: f.config.Now()}
}

// baseOf is the folder of workflows relative to the project's, with slashes.
func baseOf(root, dir string) string {
	base, err := filepath.Rel(root, dir)
	if err != nil || !filepath.IsLocal(base) {
		return filepath.ToSlash(dir)
	}
	if base == "." {
		return ""
	}
	return filepath.ToSlash(base)
}

func (f *Folder) folderProblem(err error) diagnostic.Diagnostic {
	name := baseOf(f.tree.root, f.scanner.dir)
	if name == "" {
		name = "."
	}
	return diagnostic.Diagnostic{File: name, Severity: diagnostic.Error, Code: "unreadable", Message: err.Error()}
}
