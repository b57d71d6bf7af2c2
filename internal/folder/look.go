package folder

import (
	"context"
	"maps"
	"slices"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// look reads what has changed and puts it in force. With mayWait it leaves a change alone that looks half done, and
// returns false: it is to be looked at again soon.
func (f *Folder) look(ctx context.Context, dirty map[string]bool, mayWait bool) bool {
	files, problems, err := f.scanner.scan(dirty)
	if err != nil {
		// A disk that is away for a moment must not stop everything: what was in force stays.
		files, problems = f.files, diagnostic.List{f.folderProblem(err)}
	}
	if !f.changed(files, problems) {
		f.halfwayBefore = nil
		f.keepAgain(ctx)
		return true
	}
	halfway := f.halfway(files)
	if err != nil {
		halfway = map[string]string{"": err.Error()}
	}
	if mayWait && len(halfway) > 0 && !maps.Equal(halfway, f.halfwayBefore) {
		f.halfwayBefore = halfway
		return false
	}
	f.halfwayBefore = nil
	f.accept(ctx, files, problems)
	return true
}

// changed tells whether files and problems of the folder are others than those in force.
func (f *Folder) changed(files []*file, problems diagnostic.List) bool {
	return !slices.Equal(problems, f.problems) ||
		!slices.EqualFunc(files, f.files, func(a, b *file) bool { return a.name == b.name && a.same(b) })
}

// same tells that two readings of a file have found the same.
func (f *file) same(other *file) bool { return f.digest == other.digest && f.problem == other.problem }

// manyChanges is from how many changed files on none is checked for being half written: there, somebody works on all of
// them, and one more look is the cheaper way.
const manyChanges = 50

// halfway are changed files that somebody may be in the middle of writing, with what was found in them: those that are
// gone, empty, unreadable or have errors.
func (f *Folder) halfway(files []*file) map[string]string {
	before := make(map[string]*file, len(f.files))
	for _, one := range f.files {
		before[one.name] = one
	}
	found := map[string]string{}
	var changed []*file
	for _, one := range files {
		old := before[one.name]
		delete(before, one.name)
		if old == nil || !old.same(one) {
			changed = append(changed, one)
		}
	}
	for name := range before {
		found[name] = "gone"
	}
	for _, one := range changed {
		if len(changed) > manyChanges || one.problem != "" || one.empty() || f.hasErrors(one) {
			found[one.name] = one.digest + one.problem
		}
	}
	return found
}

// hasErrors tells whether a text has errors, other than of what it calls.
func (f *Folder) hasErrors(one *file) bool {
	workflow, problems := workflows.Parse(one.name, one.source, f.config.Catalogue)
	return workflow == nil && slices.ContainsFunc(problems, func(d diagnostic.Diagnostic) bool {
		return d.Severity != diagnostic.Warning && d.Code != "call-alone"
	})
}
