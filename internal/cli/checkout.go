package cli

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"youmiflow/workflows"
)

// checkout is the commit that a folder of a git repository is at. The zero checkout is none: a run needs neither git nor a
// repository.
type checkout struct {
	commit  string
	changed map[string]bool // files that are not as in the commit, or not in it, by their absolute paths
}

// openCheckout asks git about a folder, and which of some files or folders are as in its commit.
func openCheckout(ctx context.Context, dir string, paths ...string) *checkout {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	ask := func(arguments ...string) (string, bool) {
		command := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks"}, arguments...)...) // nobody else's git waits for this
		command.Dir = dir
		text, err := command.Output()
		return string(text), err == nil
	}
	found, ok := ask("rev-parse", "--show-toplevel", "HEAD")
	top, commit, both := strings.Cut(strings.TrimSpace(found), "\n")
	if !ok || !both {
		return &checkout{}
	}
	status := []string{"status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored", "--"}
	for _, path := range paths {
		status = append(status, plainPath(path))
	}
	differ, ok := ask(status...)
	if !ok {
		return &checkout{}
	}
	c := &checkout{commit: commit, changed: map[string]bool{}}
	for line := range strings.SplitSeq(differ, "\x00") {
		if len(line) > len("XY ") {
			c.changed[plainPath(filepath.Join(filepath.FromSlash(top), filepath.FromSlash(line[len("XY "):])))] = true
		}
	}
	return c
}

// commitOf is the commit whose text a workflow and those that it calls have, "" where they are not all as in it.
func (c *checkout) commitOf(workflow *workflows.Workflow) string {
	for _, one := range workflow.Reach() {
		if c.changed[plainPath(one.File)] {
			return ""
		}
	}
	return c.commit
}

// commitOf asks git about a workflow.
func commitOf(ctx context.Context, workflow *workflows.Workflow) string {
	var files []string
	for _, one := range workflow.Reach() {
		files = append(files, one.File)
	}
	return openCheckout(ctx, filepath.Dir(workflow.File), files...).commitOf(workflow)
}

// plainPath is an absolute path without links, as far as it is there.
func plainPath(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if plain, err := filepath.EvalSymlinks(path); err == nil {
		return plain
	}
	return path
}
