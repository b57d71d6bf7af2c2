package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// checkout writes the files of a commit into a folder of their own, all of them or none. Notes are what was left out.
type checkout struct {
	git     Git
	root    *os.Root
	objects storer.EncodedObjectStorer
	links   []object.TreeEntry // by whole path
	notes   []string
	entries int
	size    treeSize
}

// treeSize tells later whether a tree is still whole: a crash of the machine can empty files that were written before.
type treeSize struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// treeDir is where the files of a commit are.
func (g Git) treeDir(commit string) string { return filepath.Join(g.State, "trees", commit) }

// sizeFile is where the size of a tree is noted.
func (g Git) sizeFile(commit string) string { return filepath.Join(g.State, "trees", commit+".json") }

// checkoutTree makes the tree of a commit, unless it is there.
func (g Git) checkoutTree(ctx context.Context, objects storer.EncodedObjectStorer, commit *object.Commit) (notes []string, err error) {
	name := commit.Hash.String()
	temporary, err := os.MkdirTemp(filepath.Join(g.State, "trees"), ".new-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }() // nothing is left of it when all went well
	root, err := os.OpenRoot(temporary)
	if err != nil {
		return nil, err
	}
	c := &checkout{git: g, root: root, objects: objects}
	err = errors.Join(c.write(ctx, commit), root.Close())
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return nil, err
	}
	size, err := json.Marshal(c.size)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(g.sizeFile(name), size, 0o644); err != nil {
		return nil, err
	}
	return c.notes, os.Rename(temporary, g.treeDir(name))
}

// write writes files, then links, so that no file is written through a link.
func (c *checkout) write(ctx context.Context, commit *object.Commit) error {
	tree, err := commit.Tree()
	if err != nil {
		return err
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	for {
		name, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if err := c.entry(name, entry); err != nil {
			return err
		}
	}
	for _, link := range c.links {
		if err := c.link(link.Name, link.Hash); err != nil {
			return err
		}
	}
	return c.checkLinks()
}

func (c *checkout) entry(name string, entry object.TreeEntry) error {
	if entry.Mode == filemode.Submodule {
		c.note("%s is another repository (a submodule) and is left out", name)
		return nil
	}
	if !safe(name) {
		return &refusal{fmt.Errorf("the commit holds a path that cannot be one of a file: %q", name)}
	}
	switch c.entries++; {
	case c.entries > c.git.MaxFiles:
		return &refusal{fmt.Errorf("the commit has more than %d files and folders", c.git.MaxFiles)}
	case entry.Mode == filemode.Dir:
		return c.root.MkdirAll(filepath.FromSlash(name), 0o755)
	case entry.Mode == filemode.Symlink:
		c.links = append(c.links, object.TreeEntry{Name: name, Mode: entry.Mode, Hash: entry.Hash})
		return nil
	case entry.Mode.IsFile():
		return c.file(name, entry)
	}
	c.note("%s is no file and is left out", name)
	return nil
}

// safe tells whether a path of a tree is one that can be written: git's own folder is none.
func safe(name string) bool {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || part == "." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// file writes one file. It is read-only: runs that were started from this commit go on seeing it as it is.
func (c *checkout) file(name string, entry object.TreeEntry) (err error) {
	blob, err := object.GetBlob(c.objects, entry.Hash)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if blob.Size > c.git.MaxFile {
		return &refusal{fmt.Errorf("%s has %d bytes; a file may have %d", name, blob.Size, c.git.MaxFile)}
	}
	c.size.Files++
	if c.size.Bytes += blob.Size; c.size.Bytes > c.git.MaxTotal {
		return &refusal{fmt.Errorf("the files of the commit have more than %d bytes altogether", c.git.MaxTotal)}
	}
	reader, err := blob.Reader()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if dir := path.Dir(name); dir != "." {
		if err := c.root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			return err
		}
	}
	written, err := c.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(written, io.LimitReader(reader, blob.Size))
	return errors.Join(err, written.Close())
}

// maxTarget bounds what a link leads to, in bytes.
const maxTarget = 4096

// link makes a link, unless it leads out of the tree.
func (c *checkout) link(name string, hash plumbing.Hash) error {
	blob, err := object.GetBlob(c.objects, hash)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if blob.Size > maxTarget {
		c.note("the link %s leads nowhere and is left out", name)
		return nil
	}
	reader, err := blob.Reader()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	target, err := io.ReadAll(io.LimitReader(reader, maxTarget))
	if err = errors.Join(err, reader.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	to := string(target)
	if path.IsAbs(to) || filepath.IsAbs(to) || !safe(path.Join(path.Dir(name), to)) && path.Join(path.Dir(name), to) != "." {
		c.note("the link %s leads out of the repository and is left out", name)
		return nil
	}
	if err := c.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o755); err != nil {
		return err
	}
	return c.root.Symlink(filepath.FromSlash(to), filepath.FromSlash(name))
}

// checkLinks removes links that lead out of the tree by way of others.
func (c *checkout) checkLinks() error {
	for _, link := range c.links {
		name := filepath.FromSlash(link.Name)
		if _, err := c.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		_, err := c.root.Stat(name) // os.Root follows no link that leaves it
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.note("the link %s leads out of the repository, or in a circle, and is left out", link.Name)
		if err := c.root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// maxNotes bounds what is said of one commit.
const maxNotes = 20

func (c *checkout) note(format string, args ...any) {
	if len(c.notes) < maxNotes {
		c.notes = append(c.notes, fmt.Sprintf(format, args...))
	}
}

// intact tells whether the tree of a commit is there as it was written.
func (g Git) intact(commit string) bool {
	text, err := os.ReadFile(g.sizeFile(commit))
	if err != nil {
		return false
	}
	var want, have treeSize
	if json.Unmarshal(text, &want) != nil {
		return false
	}
	err = filepath.WalkDir(g.treeDir(commit), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		have.Files++
		have.Bytes += info.Size()
		return nil
	})
	return err == nil && have == want
}
