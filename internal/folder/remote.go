package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"
	sshagent "github.com/xanzy/ssh-agent"
)

// inMemory is how large an object may be, in bytes, to be read as a whole; larger ones are streamed.
const inMemory = 4 << 20

// repository is where a branch is followed.
type repository struct {
	git     Git
	address address
}

func openRepository(g Git) (*repository, error) {
	address, err := parseAddress(g.URL)
	if err != nil {
		return nil, err
	}
	if !g.Token.Empty() {
		address.token = g.Token
		if address.user == "" {
			address.user = address.lone.Reveal()
		}
	}
	if !address.token.Empty() {
		if err := address.checkToken(); err != nil {
			return nil, err
		}
	}
	return &repository{g, address}, nil
}

// tip is a reference as the repository has it now.
type tip struct {
	name plumbing.ReferenceName
	hash plumbing.Hash // of a commit, or of a tag's own object
}

// errNoRef tells that the repository has no such branch or tag.
var errNoRef = errors.New("there is no such branch or tag")

// tip looks where the branch is now.
func (r *repository) tip(ctx context.Context) (tip, error) {
	if r.address.local != "" {
		storage, err := r.local()
		if err != nil {
			return tip{}, err
		}
		return pick(r.git.Ref, func(name plumbing.ReferenceName) (*plumbing.Reference, error) {
			return storer.ResolveReference(storage, name)
		})
	}
	auth, done, err := r.auth()
	if err != nil {
		return tip{}, err
	}
	defer done()
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: "origin", URLs: []string{r.address.wire}})
	list, err := remote.ListContext(ctx, &git.ListOptions{Auth: auth})
	if err != nil {
		return tip{}, err
	}
	known := memory.ReferenceStorage{}
	for _, reference := range list {
		if err := known.SetReference(reference); err != nil {
			return tip{}, err
		}
	}
	return pick(r.git.Ref, func(name plumbing.ReferenceName) (*plumbing.Reference, error) {
		return storer.ResolveReference(known, name)
	})
}

// pick finds the reference that a name means: a whole one, else a branch, else a tag.
func pick(name string, resolve func(plumbing.ReferenceName) (*plumbing.Reference, error)) (tip, error) {
	names := []plumbing.ReferenceName{plumbing.NewBranchReferenceName(name), plumbing.NewTagReferenceName(name)}
	switch {
	case name == "":
		names = []plumbing.ReferenceName{plumbing.HEAD}
	case strings.HasPrefix(name, "refs/"):
		names = []plumbing.ReferenceName{plumbing.ReferenceName(name)}
	}
	for _, one := range names {
		found, err := resolve(one)
		if errors.Is(err, plumbing.ErrReferenceNotFound) {
			continue
		}
		if err != nil {
			return tip{}, err
		}
		if name == "" {
			one = found.Name()
		}
		return tip{one, found.Hash()}, nil
	}
	return tip{}, errNoRef
}

// local opens a repository on this machine, which is only read.
func (r *repository) local() (*filesystem.Storage, error) {
	opened, err := git.PlainOpenWithOptions(r.address.local, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, err
	}
	storage, ok := opened.Storer.(*filesystem.Storage)
	if !ok {
		return nil, fmt.Errorf("the repository is kept in an unknown way (%T)", opened.Storer)
	}
	return newStorage(storage.Filesystem()), nil
}

func newStorage(files billy.Filesystem) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(files, cache.NewObjectLRU(16*cache.MiByte), filesystem.Options{LargeObjectThreshold: inMemory})
}

// obtain makes the tree of the commit at a tip, and says which commit that is.
func (r *repository) obtain(ctx context.Context, at tip) (commit string, notes []string, err error) {
	if name := at.hash.String(); r.git.intact(name) {
		return name, nil, nil
	}
	if r.address.local != "" {
		objects, err := r.local()
		if err != nil {
			return "", nil, err
		}
		return r.extract(ctx, objects, at.hash)
	}
	dir, err := os.MkdirTemp(r.git.State, "fetch-")
	if err != nil {
		return "", nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	objects, hash, err := r.fetch(ctx, at, dir)
	if err != nil {
		return "", nil, err
	}
	return r.extract(ctx, objects, hash)
}

// extract makes the tree of a commit, or of the commit that a tag names.
func (r *repository) extract(ctx context.Context, objects storer.EncodedObjectStorer, hash plumbing.Hash) (string, []string, error) {
	commit, err := peel(objects, hash)
	if err != nil {
		return "", nil, err
	}
	name := commit.Hash.String()
	if r.git.intact(name) {
		return name, nil, nil
	}
	if err := os.RemoveAll(r.git.treeDir(name)); err != nil { // what a crash has left of it
		return "", nil, err
	}
	notes, err := r.git.checkoutTree(ctx, objects, commit)
	return name, notes, err
}

// followed is the name of the branch in what was fetched.
const followed = plumbing.ReferenceName("refs/heads/followed")

// fetch gets one commit without its history. It begins from nothing each time: what was fetched before and may have been
// left half done, or rewritten since, cannot be in its way.
func (r *repository) fetch(ctx context.Context, at tip, dir string) (*filesystem.Storage, plumbing.Hash, error) {
	auth, done, err := r.auth()
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	defer done()
	storage := newStorage(&bounded{Filesystem: osfs.New(dir), left: newAllowance(r.git.MaxTotal)})
	if err := storage.Init(); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	remote := git.NewRemote(storage, &config.RemoteConfig{Name: "origin", URLs: []string{r.address.wire}})
	err = remote.FetchContext(ctx, &git.FetchOptions{
		Auth: auth, Depth: 1, Tags: git.NoTags, Force: true,
		RefSpecs: []config.RefSpec{config.RefSpec("+" + at.name.String() + ":" + followed.String())},
	})
	if err != nil && !errors.Is(err, git.NoErrAlreadyUpToDate) {
		return nil, plumbing.ZeroHash, err
	}
	fetched, err := storer.ResolveReference(storage, followed)
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	return storage, fetched.Hash(), nil
}

// peel finds the commit that a hash, or the tag of that hash, names.
func peel(storage storer.EncodedObjectStorer, hash plumbing.Hash) (*object.Commit, error) {
	for range 8 { // a tag may name a tag
		tag, err := object.GetTag(storage, hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return object.GetCommit(storage, hash)
		}
		if err != nil {
			return nil, err
		}
		hash = tag.Target
	}
	return nil, errors.New("the tag names no commit")
}

// auth is what signs in. It is made anew each time, so that a key that was exchanged is used at once.
func (r *repository) auth() (transport.AuthMethod, func(), error) {
	nothing := func() {}
	switch {
	case r.address.scheme == "ssh":
		return r.sshAuth()
	case !r.address.token.Empty():
		user := r.address.user
		if user == "" {
			user = r.git.User
		}
		return &http.BasicAuth{Username: user, Password: r.address.token.Reveal()}, nothing, nil
	}
	return nil, nothing, nil
}

func (r *repository) sshAuth() (transport.AuthMethod, func(), error) {
	user := r.address.user
	if user == "" {
		user = r.git.User
	}
	if r.git.Key != "" {
		keys, err := ssh.NewPublicKeysFromFile(user, r.git.Key, r.git.Passphrase.Reveal())
		if err != nil {
			return nil, nil, fmt.Errorf("the ssh key %s: %w", filepath.Base(r.git.Key), reason(err))
		}
		return keys, func() {}, nil
	}
	agent, conn, err := sshagent.New()
	if err != nil {
		return nil, nil, fmt.Errorf("there is no ssh key: give a key file, or start the ssh agent: %w", err)
	}
	return &ssh.PublicKeysCallback{User: user, Callback: agent.Signers}, func() { _ = conn.Close() }, nil
}

// allowance is how many bytes may still be written.
type allowance struct{ left atomic.Int64 }

func newAllowance(n int64) *allowance {
	a := &allowance{}
	a.left.Store(n)
	return a
}

// bounded is a file system that may only be filled so far.
type bounded struct {
	billy.Filesystem
	left *allowance
}

func (b *bounded) wrap(f billy.File, err error) (billy.File, error) {
	if err != nil {
		return nil, err
	}
	return &boundedFile{f, b.left}, nil
}

// Create implements billy.Basic.
func (b *bounded) Create(name string) (billy.File, error) { return b.wrap(b.Filesystem.Create(name)) }

// OpenFile implements billy.Basic.
func (b *bounded) OpenFile(name string, flag int, mode os.FileMode) (billy.File, error) {
	return b.wrap(b.Filesystem.OpenFile(name, flag, mode))
}

// TempFile implements billy.TempFile.
func (b *bounded) TempFile(dir, prefix string) (billy.File, error) {
	return b.wrap(b.Filesystem.TempFile(dir, prefix))
}

// Chroot implements billy.Chroot.
func (b *bounded) Chroot(path string) (billy.Filesystem, error) {
	inner, err := b.Filesystem.Chroot(path)
	return &bounded{inner, b.left}, err
}

type boundedFile struct {
	billy.File
	left *allowance
}

// Write refuses what is beyond the bound.
func (f *boundedFile) Write(p []byte) (int, error) {
	if f.left.left.Add(-int64(len(p))) < 0 {
		return 0, &refusal{errors.New("the commit is too large to be fetched")}
	}
	return f.File.Write(p)
}
