package folder

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// lingering is how long a tree stays after nothing seems to need it: a run may be about to start from it.
const lingering = 10 * time.Minute

// prune removes trees that neither a workflow nor an unfinished run needs.
func (b *Branch) prune(ctx context.Context) {
	if b.git.InUse == nil {
		return
	}
	needed, err := b.git.InUse(ctx)
	if err != nil {
		b.git.Logger.Warn("what commits runs use cannot be told: no files of old ones are removed", "error", err)
		return
	}
	needed = append(needed, b.folder.Snapshot().Commits()...)
	keep := map[string]bool{}
	for _, commit := range needed {
		keep[commit] = true
	}
	entries, err := os.ReadDir(filepath.Join(b.git.State, "trees"))
	if err != nil {
		b.git.Logger.Warn("the folder of commits cannot be read", "error", err)
		return
	}
	now := b.git.Now()
	for _, entry := range entries {
		commit := strings.TrimSuffix(entry.Name(), ".json")
		if !plumbing.IsHash(commit) {
			continue
		}
		since, gone := b.left[commit]
		switch {
		case keep[commit]:
			delete(b.left, commit)
		case !gone:
			b.left[commit] = now
		case now.Sub(since) >= lingering:
			if err := b.remove(commit); err != nil {
				b.git.Logger.Warn("the files of an old commit cannot be removed", "commit", commit, "error", err)
				continue
			}
			delete(b.left, commit)
		}
	}
}

// remove takes a tree away. Its size goes first, so that what is left after a crash is not taken for the whole.
func (b *Branch) remove(commit string) error {
	if err := os.Remove(b.git.sizeFile(commit)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(b.git.treeDir(commit))
}
