package folder

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"youmiflow/workflows"
)

// Version is a text that was good, as it is kept over a restart.
type Version struct {
	File   string // relative to the project's folder, with slashes
	Name   string
	Digest string
	Commit string
	// Calls are the digests of the workflows that it calls, and they call in turn, by the names in their calls.
	Calls map[string]string
}

// Texts keeps which version of each file was good last, so that a file which is broken when the daemon starts has one all
// the same. internal/ledger implements it.
type Texts interface {
	// Current returns the versions kept last, at most one for each file.
	Current(ctx context.Context) ([]Version, error)
	// Text returns a text by its digest.
	Text(ctx context.Context, digest string) ([]byte, error)
	// Keep keeps the texts, then the versions in place of those of the same files, and forgets the files that are gone:
	// all of it or nothing.
	Keep(ctx context.Context, texts []*workflows.Resting, current []Version, gone []string) error
}

// noTexts keeps nothing over a restart.
type noTexts struct{}

func (noTexts) Current(context.Context) ([]Version, error) { return nil, nil }

func (noTexts) Text(_ context.Context, digest string) ([]byte, error) {
	return nil, fmt.Errorf("no text is kept of %s", digest)
}

func (noTexts) Keep(context.Context, []*workflows.Resting, []Version, []string) error { return nil }

// versionOf is what is kept of a version.
func versionOf(file string, v *version) Version {
	kept := Version{File: file, Name: v.workflow.Name, Digest: v.workflow.Digest, Commit: v.commit}
	for _, callee := range callees(v.workflow) {
		if kept.Calls == nil {
			kept.Calls = map[string]string{}
		}
		kept.Calls[callee.name] = callee.workflow.Digest
	}
	return kept
}

func (v Version) equal(other Version) bool {
	return v.File == other.File && v.Name == other.Name && v.Digest == other.Digest && v.Commit == other.Commit &&
		maps.Equal(v.Calls, other.Calls)
}

type callee struct {
	name     string
	workflow *workflows.Resting
}

// callees lists what a workflow calls, and they call in turn, by the names in the calls, as the engine notes it with a run.
func callees(workflow *workflows.Resting) []callee {
	var list []callee
	seen := map[string]bool{}
	var add func(*workflows.Resting)
	add = func(w *workflows.Resting) {
		for _, name := range slices.Sorted(maps.Keys(w.Calls)) {
			if !seen[name] {
				seen[name] = true
				list = append(list, callee{name, w.Calls[name]})
				add(w.Calls[name])
			}
		}
	}
	add(workflow)
	return list
}

// Restore reads a version that was kept, with those that it calls as they were then. The error is a diagnostic.List when
// the text is not good for this youmiflow.
func Restore(ctx context.Context, catalogue workflows.Catalogue, texts Texts, kept Version) (*workflows.Resting, error) {
	source, err := texts.Text(ctx, kept.Digest)
	if err != nil {
		return nil, err
	}
	calls := &keptCalls{ctx: ctx, texts: texts, digests: kept.Calls}
	workflow, problems := workflows.ParseIn(kept.File, source, catalogue, calls)
	if calls.err != nil {
		return nil, calls.err
	}
	if workflow == nil {
		return nil, fmt.Errorf("its last good version is not valid for this version of youmiflow: %w", problems.Err())
	}
	return workflow.Rest(catalogue), nil
}

// keptCalls finds what a kept version calls by the digests that were noted with it.
type keptCalls struct {
	ctx     context.Context // of the one reading that it serves
	texts   Texts
	digests map[string]string
	err     error // of Texts: the text may be good
}

// Source implements workflows.Folder.
func (k *keptCalls) Source(name string) (string, []byte, error) {
	digest, ok := k.digests[name]
	if !ok {
		return "", nil, fmt.Errorf("the version was kept without the workflow %q", name)
	}
	source, err := k.texts.Text(k.ctx, digest)
	if err != nil {
		k.err = fmt.Errorf("reading the workflow %q: %w", name, err)
	}
	return name + ".yaml", source, k.err
}
