package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"youmiflow/internal/diagnostic"
	"youmiflow/workflows"
)

// maxFiles bounds the workflows of a folder.
const maxFiles = 10_000

// fresh is how recently a file may have been written for its time to say nothing: another write within the same tick of
// the file system's clock would not show.
const fresh = 2 * time.Second

// file is one file as it was read.
type file struct {
	name    string // within the folder
	source  []byte
	digest  string
	problem string // why it cannot be read; "" when it has been

	info   fs.FileInfo
	settle bool // it must be read again, whatever its info says
}

// empty tells a file that somebody may be about to fill.
func (f *file) empty() bool { return f.problem == "" && len(bytes.TrimSpace(f.source)) == 0 }

// scanner reads the files of a folder, those again that seem to have changed.
type scanner struct {
	dir  string
	now  func() time.Time
	last map[string]*file
}

// scan returns the folder's files by name. Dirty are files that are read again in any case.
func (s *scanner) scan(dirty map[string]bool) ([]*file, diagnostic.List, error) {
	names, err := listing(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("the folder of workflows %s cannot be read: %w", s.dir, reason(err))
	}
	var problems diagnostic.List
	if len(names) > maxFiles {
		problems = diagnostic.List{{File: names[maxFiles], Severity: diagnostic.Error, Code: "too-many", Message: fmt.Sprintf(
			"a folder may hold %d workflows: this file and %d more are left out", maxFiles, len(names)-maxFiles-1)}}
		names = names[:maxFiles]
	}
	files := make([]*file, 0, len(names))
	for _, name := range names {
		if one := s.one(name, dirty[name]); one != nil { // nil: it went away meanwhile
			files = append(files, one)
		}
	}
	s.remember(files)
	return files, problems, nil
}

// remember notes the files for the next scan.
func (s *scanner) remember(files []*file) {
	same := len(files) == len(s.last)
	for i := 0; same && i < len(files); i++ {
		same = s.last[files[i].name] == files[i]
	}
	if same {
		return
	}
	s.last = make(map[string]*file, len(files))
	for _, one := range files {
		s.last[one.name] = one
	}
}

// listing are the names of a folder's workflow files, sorted.
func listing(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() && workflows.IsWorkflowFile(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// one reads a file unless it is as it was; nil when there is none.
func (s *scanner) one(name string, dirty bool) *file {
	path := filepath.Join(s.dir, name)
	info, err := os.Stat(path)
	before := s.last[name]
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, dangling := os.Lstat(path); dangling != nil {
			return nil
		}
		return &file{name: name, problem: "it is a link that leads nowhere"}
	case err != nil:
		return &file{name: name, problem: reason(err).Error()}
	case before != nil && !dirty && !before.settle && unchanged(before.info, info):
		return before
	}
	one := s.read(path, info)
	one.name = name
	if before != nil && before.digest == one.digest && before.problem == one.problem {
		one.source = before.source
	}
	return one
}

func unchanged(a, b fs.FileInfo) bool {
	return a != nil && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && a.Mode() == b.Mode() && os.SameFile(a, b)
}

// read reads a file, at most one byte more than a workflow may have.
func (s *scanner) read(path string, info fs.FileInfo) *file {
	one := &file{info: info}
	if !info.Mode().IsRegular() {
		one.problem = "it is not a regular file"
		return one
	}
	source, err := readBounded(path)
	if err != nil {
		one.problem, one.settle = reason(err).Error(), true
		return one
	}
	after, err := os.Stat(path)
	age := s.now().Sub(info.ModTime())
	one.source, one.digest = bytes.Clone(source), digestOf(source) // reading takes room for more than there is
	one.settle = err != nil || !unchanged(info, after) || age.Abs() < fresh
	return one
}

func readBounded(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, workflows.MaxSource+1))
}

func digestOf(source []byte) string {
	sum := sha256.Sum256(source)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// reason is an error of the file system without the path, which stands beside it already.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
