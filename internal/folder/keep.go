package folder

import (
	"context"
	"errors"
	"path"
	"slices"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// restore finds the last good version of a broken file in what an earlier process has kept: that of the file, else that
// of its name, where the file it stood in is no more. A version that this youmiflow cannot read is none.
func (f *Folder) restore(ctx context.Context, e *entry) (*version, error) {
	kept, ok := f.kept[e.path]
	if !ok {
		kept, ok = f.moved()[e.given()]
	}
	if !ok {
		return nil, nil
	}
	workflow, err := Restore(ctx, f.config.Catalogue, f.config.Texts, kept)
	if invalid, is := errors.AsType[diagnostic.List](err); is {
		f.config.Logger.Warn("the last good version of a broken workflow cannot be used any more", "file", e.path, "error", invalid)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	from := f.origin()
	return &version{workflow: workflow, commit: kept.Commit, root: f.rootOf(kept.Commit), since: from.now}, nil
}

// moved are the kept versions of files that are no more, by name. It is only asked for at the start.
func (f *Folder) moved() map[string]Version {
	if f.gone == nil {
		f.gone = map[string]Version{}
		for _, file := range slices.Backward(sortedKeys(f.kept)) {
			if kept := f.kept[file]; f.scanner.last[path.Base(file)] == nil {
				f.gone[kept.Name] = kept
			}
		}
	}
	return f.gone
}

// rootOf is the project's folder as of a commit, where its files are still there; else as it is now.
func (f *Folder) rootOf(commit string) string {
	if f.config.Branch != nil {
		if root := f.config.Branch.Root(commit); root != "" {
			return root
		}
	}
	return f.tree.root
}

// keepAgain tries again what has failed.
func (f *Folder) keepAgain(ctx context.Context) {
	if f.unkept {
		f.keep(ctx)
	}
}

// keep notes what is in force in Texts. What fails is tried again later.
func (f *Folder) keep(ctx context.Context) {
	var changed []Version
	var texts []*workflows.Resting
	current := map[string]Version{}
	for _, e := range f.shelf.entries {
		if e.good == nil {
			continue
		}
		version := versionOf(e.path, e.good)
		current[e.path] = version
		if before, ok := f.kept[e.path]; !ok || !before.equal(version) {
			changed = append(changed, version)
			texts = append(texts, e.good.workflow.Reach()...)
		}
	}
	var gone []string
	for file := range f.kept {
		if _, there := current[file]; !there {
			gone = append(gone, file)
		}
	}
	if len(changed) == 0 && len(gone) == 0 {
		f.unkept = false
		return
	}
	if err := f.config.Texts.Keep(ctx, texts, changed, gone); err != nil {
		if !f.unkept && ctx.Err() == nil {
			f.config.Logger.Error("the workflows in force cannot be kept for the next start; this is tried again", "error", err)
		}
		f.unkept = true
		return
	}
	f.kept, f.unkept = current, false
}
