// Package folder keeps the workflows of a folder as they may be run: it loads them, sees what changes, and for each keeps
// the last version that was good while its file is broken. The folder is one on disk that people edit, or the tree of a
// commit of a branch that is followed.
//
// Readers get a Snapshot that never changes. A change of files becomes one new Snapshot, once the files have come to
// rest. What is started from a workflow, and when, is not decided here.
//
// It may import workflows and internal/diagnostic, and is the home of fsnotify and, with `plan --against`, of go-git.
package folder
