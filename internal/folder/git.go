package folder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"

	"youmiflow/workflows"
)

// Git is a branch that is followed. URL, State and Lookup are required.
type Git struct {
	// URL is where the repository is: https://…, ssh://…, user@host:path, or a folder on this machine.
	URL string
	// Ref is a branch, a tag, or a whole name such as refs/heads/main. Default: the repository's default branch.
	Ref string
	// Path is the project's folder within the repository, with slashes. Default: the repository's own.
	Path string
	// Every is how often to look for another commit. Default: 1 minute; at least 1 second.
	Every time.Duration
	// State is a folder for the trees of commits, which belongs to the follower alone.
	State string
	// Key is the file of a private key for ssh, and Passphrase opens it. Default: the keys of the ssh agent. The host's own
	// key must stand in known_hosts.
	Key        string
	Passphrase workflows.Secret
	// Token signs in over https, as User. Default of User: "git", which GitHub, GitLab and Gitea take with a token.
	Token workflows.Secret
	User  string
	// Lookup finds variables that the repository's youmiflow.yaml names.
	Lookup workflows.Lookup
	// Accept, when set, is asked before a commit comes into force; its error has it refused.
	Accept func(*workflows.Project) error
	// InUse lists commits that unfinished runs were started from: their files are kept. Default: no files are removed.
	InUse func(ctx context.Context) ([]string, error)
	// Observe, when set, is told how each look at the branch ended. It must not block.
	Observe func(Following)
	// Bounds of a commit. Default: 64 MiB for a file, 512 MiB and 50,000 files for all of it. What is fetched may be as
	// large as the files together.
	MaxFile, MaxTotal int64
	MaxFiles          int
	// Timeout bounds one look, with what it fetches. Default: 2 minutes.
	Timeout time.Duration
	// Logger is told of every change of state, once. Default: nowhere.
	Logger *slog.Logger
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Following says how following a branch goes.
type Following struct {
	URL    string // without anything secret
	Ref    string
	Commit string // in force
	// CheckedAt is when the branch was last seen as it is, ChangedAt when Commit came into force.
	CheckedAt, ChangedAt time.Time
	// Error says why Commit may not be what the branch has now; "" when it is. FailingSince is when that began.
	Error        string
	FailingSince time.Time
}

func (g Git) withDefaults() Git {
	if g.Every <= 0 {
		g.Every = time.Minute
	}
	g.Every = max(g.Every, time.Second)
	if g.User == "" {
		g.User = "git"
	}
	if g.MaxFile <= 0 {
		g.MaxFile = 64 << 20
	}
	if g.MaxTotal <= 0 {
		g.MaxTotal = 512 << 20
	}
	if g.MaxFiles <= 0 {
		g.MaxFiles = 50_000
	}
	if g.Timeout <= 0 {
		g.Timeout = 2 * time.Minute
	}
	if g.Logger == nil {
		g.Logger = slog.New(slog.DiscardHandler)
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	return g
}

// address is a URL taken apart.
type address struct {
	local  string // a folder on this machine; "" for a remote
	wire   string // what is dialled: without a password
	shown  string // what people and logs see
	scheme string
	user   string
	token  workflows.Secret // the password, or what stood in its place
	lone   workflows.Secret // what stood there alone: a token, or with a token from elsewhere the user
}

// parseAddress reads a URL. The error never holds what may be secret in it.
func parseAddress(text string) (address, error) {
	if text == "" {
		return address{}, errors.New("the address of the repository is empty")
	}
	if strings.HasPrefix(text, "-") {
		return address{}, errors.New("the address of a repository does not begin with -")
	}
	endpoint, err := transport.NewEndpoint(text)
	if err != nil {
		return address{}, errors.New("the address of the repository is no URL: write https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or a folder")
	}
	a := address{scheme: endpoint.Protocol, user: endpoint.User}
	switch endpoint.Protocol {
	case "file":
		path := strings.TrimPrefix(text, "file://")
		if a.local, err = filepath.Abs(path); err != nil {
			return address{}, err
		}
		a.shown = a.local
		return a, nil
	case "http", "https":
		parsed, err := url.Parse(text)
		if err != nil || parsed.Host == "" {
			return address{}, errors.New("the address of the repository is no URL of the form https://HOST/PATH")
		}
		password, has := parsed.User.Password()
		switch {
		case has:
			a.token = workflows.NewSecret(password)
		case a.user != "": // https://TOKEN@host
			a.token, a.lone, a.user = workflows.NewSecret(a.user), workflows.NewSecret(a.user), ""
		}
		parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
		a.wire, a.shown = parsed.String(), parsed.String()
		return a, nil
	case "ssh":
		if endpoint.Password != "" {
			return address{}, errors.New("ssh with a password is not supported: give a key file, or use the ssh agent")
		}
		a.wire, a.shown = text, text
		return a, nil
	}
	return address{}, fmt.Errorf("repositories over %s:// are neither authenticated nor kept from others: use https or ssh", endpoint.Protocol)
}

// checkToken refuses to send a token where everybody on the way can read it.
func (a address) checkToken() error {
	if a.scheme != "http" {
		return nil
	}
	parsed, err := url.Parse(a.wire)
	if err != nil {
		return errors.New("the address of the repository is no URL")
	}
	if ip := net.ParseIP(parsed.Hostname()); parsed.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s: a token is only sent over https", a.shown)
}

// checkPath refuses a project's folder outside the repository.
func (g Git) checkPath() error {
	if g.Path != "" && !filepath.IsLocal(filepath.FromSlash(g.Path)) {
		return fmt.Errorf("the path %q is not one within the repository", g.Path)
	}
	return nil
}

// abandoned is how old something half done is that nobody works on any more.
const abandoned = time.Hour

// prepare makes the state folder, and removes what an earlier process left half done.
func (g Git) prepare() error {
	if err := os.MkdirAll(filepath.Join(g.State, "trees"), 0o755); err != nil {
		return fmt.Errorf("making the folder of followed branches: %w", err)
	}
	var problems []error
	for _, pattern := range []string{"fetch-*", filepath.Join("trees", ".*")} {
		left, err := filepath.Glob(filepath.Join(g.State, pattern))
		problems = append(problems, err)
		for _, path := range left {
			if info, err := os.Lstat(path); err == nil && time.Since(info.ModTime()) > abandoned {
				problems = append(problems, os.RemoveAll(path))
			}
		}
	}
	return errors.Join(problems...)
}
