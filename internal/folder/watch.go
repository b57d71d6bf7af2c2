package folder

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"youmiflow/workflows"
)

// Bounds of looking at a change.
const (
	// looks is how often files are looked at that are broken, empty or gone right after a write: whoever writes may be
	// in the middle of it.
	looks = 3
	// patience is how many settling times a change may wait while more of them come.
	patience = 2
	// blind is how often the folder is looked through where the system cannot tell of changes at all.
	blind = 2 * time.Second
)

// watch looks at the folder whenever something has changed in it, and from time to time in any case.
func (f *Folder) watch(ctx context.Context, s *signs) {
	rescan := time.NewTicker(s.every(f.config.Rescan))
	defer rescan.Stop()
	change := pending{dirty: map[string]bool{}}
	change.due = time.After(0) // the folder may have changed since it was loaded
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-s.events:
			if f.concerns(event.Name) {
				change.sign(filepath.Base(event.Name), f.config.Settle)
			}
		case err := <-s.errors: // signs may have been lost
			f.config.Logger.Warn("the system has lost changes of files: the folder is looked through", "error", err)
			change.sign("", f.config.Settle)
		case <-rescan.C:
			if change.due == nil {
				change.due = time.After(0)
			}
		case <-change.due:
			if err := s.renew(f.config.Dir); err != nil {
				f.config.Logger.Warn("the folder of workflows cannot be watched: it is looked through from time to time", "error", err)
			}
			change.looks++
			if f.look(ctx, change.dirty, change.looks < looks) {
				change = pending{dirty: map[string]bool{}}
				continue
			}
			change.due = time.After(f.config.Settle * 3 / 4)
		}
	}
}

// pending is a change that has not been looked at, or not for the last time.
type pending struct {
	due   <-chan time.Time // when to look; nil: there is no change
	since time.Time        // of its first sign
	dirty map[string]bool  // files that there were signs of
	looks int
}

// sign notes a sign of a change. It is looked at once no more come, and after a while in any case.
func (p *pending) sign(file string, settle time.Duration) {
	p.dirty[file] = true
	now := time.Now()
	if p.since.IsZero() {
		p.since = now
	}
	p.due = time.After(max(min(settle, patience*settle-now.Sub(p.since)), 0))
}

// concerns tells whether a change of a path can be one of a workflow: a workflow file, the folder itself, or what the
// links of a mounted folder lead through (..data).
func (f *Folder) concerns(path string) bool {
	path = filepath.Clean(path)
	if path == filepath.Clean(f.config.Dir) {
		return true
	}
	name := filepath.Base(path)
	return filepath.Dir(path) == filepath.Clean(f.config.Dir) && (workflows.IsWorkflowFile(name) || strings.HasPrefix(name, ".."))
}

// signs are what the system says of changes.
type signs struct {
	events  <-chan fsnotify.Event
	errors  <-chan error
	watcher *fsnotify.Watcher // nil when there cannot be one
	dir     os.FileInfo       // the folder that is watched; nil: none
}

// openSigns asks the system to tell of changes in a folder, and of the folder itself.
func openSigns(dir string) (*signs, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return &signs{}, err
	}
	s := &signs{events: watcher.Events, errors: watcher.Errors, watcher: watcher}
	if err = watcher.Add(filepath.Dir(filepath.Clean(dir))); err == nil {
		err = s.renew(dir)
	}
	return s, err
}

// renew watches the folder, and again after it has been replaced by another of its name.
func (s *signs) renew(dir string) error {
	if s.watcher == nil {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		s.dir = nil
		return nil //nolint:nilerr // whoever looks at the folder says so; when it comes, there is a sign of that
	}
	if s.dir != nil && os.SameFile(info, s.dir) {
		return nil
	}
	_ = s.watcher.Remove(dir) // it may not be watched
	if err := s.watcher.Add(dir); err != nil {
		s.dir = nil
		return err
	}
	s.dir = info
	return nil
}

// every is how often to look through the folder without a sign.
func (s *signs) every(rescan time.Duration) time.Duration {
	if s.watcher == nil && s.events == nil {
		return min(rescan, blind)
	}
	return rescan
}

func (s *signs) close() error {
	if s.watcher == nil {
		return nil
	}
	return s.watcher.Close()
}
