package folder

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// Loaded is a workflow of the folder: the version that may be run, and what is wrong with its file as it is now. It is
// not changed once it is handed out.
type Loaded struct {
	// Name is the workflow's identity: what it calls itself, else its file's name without suffix. It stays the same when
	// the file is renamed and the text says `name`.
	Name string
	// File is where it stands, relative to the project's folder, with slashes.
	File string
	// Workflow is the last good version, at rest; nil when there has not been one yet.
	Workflow *workflows.Resting
	// Broken tells that the file as it is now cannot be used: Workflow is an earlier version, or nil.
	Broken bool
	// Problems are those of the file as it is now: errors when it is broken, else warnings at most.
	Problems diagnostic.List
	// Commit is the git commit that Workflow comes from; "" when it comes from files on disk.
	Commit string
	// Root is the project's folder as of Commit: what paths in the workflow are relative to.
	Root string
	// Since is when this version came into force.
	Since time.Time
}

// Digest tells versions apart; "" when there is none.
func (l Loaded) Digest() string {
	if l.Workflow == nil {
		return ""
	}
	return l.Workflow.Digest
}

// Snapshot is the folder at one time. It is not changed once it is handed out; nor may its readers change it.
type Snapshot struct {
	// Number counts snapshots from 1.
	Number int
	At     time.Time
	// Commit is that of the files as they are now; "" for files on disk.
	Commit string
	// Root is the project's folder that the files are in.
	Root string
	// Project is the youmiflow.yaml of Commit; nil for files on disk, where it does not change with the workflows.
	Project *workflows.Project
	// Workflows are sorted by name. Two never have the same.
	Workflows []Loaded
	// Problems are all of them: of files, of the folder and of the branch. Sorted.
	Problems diagnostic.List

	sources map[string][]byte // texts as they are now, by File
}

// Find returns the workflow of a name.
func (s *Snapshot) Find(name string) (Loaded, bool) {
	i, found := slices.BinarySearchFunc(s.Workflows, name, func(l Loaded, name string) int { return strings.Compare(l.Name, name) })
	if !found {
		return Loaded{}, false
	}
	return s.Workflows[i], true
}

// Source returns the text of a file that Problems name, for snippets.
func (s *Snapshot) Source(file string) ([]byte, error) {
	source, ok := s.sources[file]
	if !ok {
		return nil, fmt.Errorf("%s: %w", file, fs.ErrNotExist)
	}
	return source, nil
}

// Commits are those that the workflows come from: their files are needed.
func (s *Snapshot) Commits() []string {
	var commits []string
	for _, loaded := range s.Workflows {
		if loaded.Commit != "" {
			commits = append(commits, loaded.Commit)
		}
	}
	if s.Commit != "" {
		commits = append(commits, s.Commit)
	}
	slices.Sort(commits)
	return slices.Compact(commits)
}
