package folder_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"youmiflow/workflows"
)

const token = "glpat-very/secret+token"

// overHTTP serves a repository as a code host does, to whoever has the token. It counts what was fetched.
func overHTTP(t *testing.T, o *origin) (server *httptest.Server, fetched *atomic.Int32) {
	t.Helper()
	program, err := exec.LookPath("git")
	require.NoError(t, err)
	fetched = &atomic.Int32{}
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Env: []string{
		"GIT_PROJECT_ROOT=" + filepath.Dir(o.dir), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}, Stderr: io.Discard}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if password != token || user != "git" && user != "oauth2" {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			fetched.Add(1)
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return server, fetched
}

func TestARepositoryOverHTTP(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"workflows/a.yaml": good("a", "zero"), "big.csv": strings.Repeat("x\n", 100_000)})
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	server, fetched := overHTTP(t, o)
	address := server.URL + "/" + filepath.Base(o.dir) + "/.git"
	w := newFollower(t, address)
	w.git.Token = workflows.NewSecret(token)
	f := w.must()
	root := holds(t, f, "a", first, "one").Root
	info, err := os.Stat(filepath.Join(root, "big.csv"))
	require.NoError(t, err)
	require.EqualValues(t, 200_000, info.Size())

	before := fetched.Load()
	f.Poll(t.Context())
	require.Equal(t, before, fetched.Load(), "nothing is fetched while the branch stands still")

	o.git("tag", "-a", "v1", "-m", "one")
	second := o.commit(map[string]string{"workflows/a.yaml": good("a", "two")})
	f.Poll(t.Context())
	holds(t, f, "a", second, "two")
	o.git("reset", "-q", "--hard", "HEAD~1")
	third := o.commit(map[string]string{"workflows/a.yaml": good("a", "three")})
	f.Poll(t.Context())
	holds(t, f, "a", third, "three")
	o.git("reset", "-q", "--hard", first)
	before = fetched.Load()
	f.Poll(t.Context())
	holds(t, f, "a", first, "one")
	require.Equal(t, before, fetched.Load(), "the files of a commit that was in force are there still")
	left, err := filepath.Glob(filepath.Join(w.git.State, "fetch-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	tagged := newFollower(t, address)
	tagged.git.Token, tagged.git.Ref = w.git.Token, "v1"
	g := tagged.must()
	holds(t, g, "a", first, "one")
	before = fetched.Load()
	g.Poll(t.Context())
	require.Equal(t, before, fetched.Load())

	server.Close()
	f.Poll(t.Context())
	holds(t, f, "a", first, "one")
	require.Len(t, f.Problems(), 1)
	require.Contains(t, f.Problems()[0].Message, "stays in force")
	require.Zero(t, w.log.count(token))
}

func TestTokensAreNeverShown(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	server, _ := overHTTP(t, o)
	host := strings.TrimPrefix(server.URL, "http://")
	path := "/" + filepath.Base(o.dir) + "/.git"
	escaped := strings.NewReplacer("/", "%2F", "+", "%2B").Replace(token)
	for _, address := range []string{"http://oauth2:" + escaped + "@" + host + path, "http://" + escaped + "@" + host + path} {
		f := newFollower(t, address).must()
		following, _ := f.Following()
		require.Equal(t, server.URL+path, following.URL)
	}
	named := newFollower(t, "http://oauth2@"+host+path)
	named.git.Token, named.git.User = workflows.NewSecret(token), "somebody-else"
	named.must()
	for _, address := range []string{
		"http://" + host + path, "http://wrong-token@" + host + path, "http://wrong-token@" + host + "/nowhere", "http://wrong-token@127.0.0.1:1/x",
		"https://wrong-token@" + host + path, "http://wrong-token@example.com/x.git", "https://u:wrong-token@[bad/x", "https://wrong-token@/x", "ssh://u:wrong-token@host/x",
	} {
		w := newFollower(t, address)
		_, err := w.follow()
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "wrong-token", address)
		require.Zero(t, w.log.count("wrong-token"))
	}
	w := newFollower(t, "http://example.com/x.git")
	w.git.Token = workflows.NewSecret(token)
	_, err := w.follow()
	require.ErrorContains(t, err, "a token is only sent over https")
	w = newFollower(t, "http://"+host+path)
	_, err = w.follow()
	require.ErrorContains(t, err, "does not let us in")
}

func TestAnotherHostGetsNoToken(t *testing.T) {
	var seen atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			seen.Store(true)
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer other.Close()
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+r.URL.Path+"?"+r.URL.RawQuery, http.StatusFound)
	}))
	defer moved.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	w := newFollower(t, moved.URL+"/x.git")
	w.git.Token = workflows.NewSecret(token)
	_, err := w.follow()
	require.Error(t, err)
	require.False(t, seen.Load())
}

func TestWhatIsTooLargeIsNotFetched(t *testing.T) {
	o := newOrigin(t)
	noise := make([]byte, 3<<20)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	server, fetched := overHTTP(t, o)
	w := newFollower(t, server.URL+"/"+filepath.Base(o.dir)+"/.git")
	w.git.Token, w.git.MaxTotal = workflows.NewSecret(token), 1<<20
	f := w.must()
	o.commit(map[string]string{"noise.bin": string(noise), "workflows/a.yaml": good("a", "two")})
	f.Poll(t.Context())
	holds(t, f, "a", first, "one")
	require.Len(t, f.Problems(), 1)
	require.Contains(t, f.Problems()[0].Message, "too large")
	before := fetched.Load()
	f.Poll(t.Context())
	require.Equal(t, before, fetched.Load(), "what was refused is not fetched again")
	left, err := filepath.Glob(filepath.Join(w.git.State, "fetch-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// host is an ssh server that serves git repositories to one key.
type host struct {
	t        *testing.T
	listener net.Listener
	config   *ssh.ServerConfig
	open     sync.WaitGroup
}

func newKey(t *testing.T, file string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	signer, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	return signer
}

func newHost(t *testing.T, key, client ssh.Signer) *host {
	t.Helper()
	h := &host{t: t, config: &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if string(offered.Marshal()) != string(client.PublicKey().Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}}
	h.config.AddHostKey(key)
	var err error
	h.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.open.Go(func() {
		for {
			conn, err := h.listener.Accept()
			if err != nil {
				return
			}
			h.open.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = h.listener.Close(); h.open.Wait() })
	return h
}

func (h *host) serve(conn net.Conn) {
	server, channels, requests, err := ssh.NewServerConn(conn, h.config)
	if err != nil {
		_ = conn.Close()
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for one := range channels {
		channel, wanted, err := one.Accept()
		if err != nil {
			return
		}
		for request := range wanted {
			if request.Type != "exec" {
				_ = request.Reply(false, nil)
				continue
			}
			_ = request.Reply(true, nil)
			var payload struct{ Command string }
			_ = ssh.Unmarshal(request.Payload, &payload)
			command := exec.CommandContext(h.t.Context(), "sh", "-c", payload.Command)
			command.Stdin, command.Stdout, command.Stderr = channel, channel, channel.Stderr()
			command.WaitDelay = time.Second
			code := byte(0)
			if command.Run() != nil {
				code = 1
			}
			_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, code})
			_ = channel.Close()
		}
	}
}

func TestARepositoryOverSSH(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	dir := t.TempDir()
	hostKey, client := newKey(t, filepath.Join(dir, "host")), newKey(t, filepath.Join(dir, "client"))
	newKey(t, filepath.Join(dir, "stranger"))
	h := newHost(t, hostKey, client)
	address := h.listener.Addr().String()
	known := filepath.Join(dir, "known_hosts")
	line := knownhosts.Line([]string{knownhosts.Normalize(address)}, hostKey.PublicKey())
	require.NoError(t, os.WriteFile(known, []byte(line+"\n"), 0o600))
	t.Setenv("SSH_KNOWN_HOSTS", known)
	t.Setenv("SSH_AUTH_SOCK", "")
	url := fmt.Sprintf("ssh://git@%s%s", address, o.dir)

	w := newFollower(t, url)
	w.git.Key = filepath.Join(dir, "client")
	f := w.must()
	holds(t, f, "a", first, "one")
	second := o.commit(map[string]string{"workflows/a.yaml": good("a", "two")})
	f.Poll(t.Context())
	holds(t, f, "a", second, "two")

	t.Setenv("SSH_AUTH_SOCK", agentWith(t, filepath.Join(dir, "client")))
	byAgent := newFollower(t, url)
	holds(t, byAgent.must(), "a", second, "two")
	t.Setenv("SSH_AUTH_SOCK", "")

	for _, wrong := range []struct {
		change func(w *follower)
		says   string
	}{
		{func(w *follower) { w.git.Key = filepath.Join(dir, "stranger") }, "unable to authenticate"},
		{func(w *follower) { w.git.Key = filepath.Join(dir, "nowhere") }, "the ssh key nowhere: no such file"},
		{func(w *follower) { w.git.Key = "" }, "give a key file, or start the ssh agent"},
		{func(*follower) { require.NoError(t, os.WriteFile(known, nil, 0o600)) }, "the host's own key is not in known_hosts"},
		{func(*follower) {
			other := knownhosts.Line([]string{knownhosts.Normalize(address)}, client.PublicKey())
			require.NoError(t, os.WriteFile(known, []byte(other+"\n"), 0o600))
		}, "somebody may be in between"},
	} {
		w := newFollower(t, url)
		w.git.Key = filepath.Join(dir, "client")
		wrong.change(w)
		_, err := w.follow()
		require.ErrorContains(t, err, wrong.says)
	}
}

// agentWith starts an ssh agent that has a key, and returns its socket.
func agentWith(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(key)
	require.NoError(t, err)
	private, err := ssh.ParseRawPrivateKey(text)
	require.NoError(t, err)
	keys := agent.NewKeyring()
	require.NoError(t, keys.Add(agent.AddedKey{PrivateKey: private}))
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				_ = agent.ServeAgent(keys, conn) // it ends when the follower closes: one that does not hangs this test
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); open.Wait() })
	return socket
}

// The ssh library cannot be stopped while it shakes hands. The daemon goes on all the same, and does not try twice at once.
func TestAHandshakeThatHangs(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	dir := t.TempDir()
	hostKey, client := newKey(t, filepath.Join(dir, "host")), newKey(t, filepath.Join(dir, "client"))
	h := newHost(t, hostKey, client)
	front, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	known := filepath.Join(dir, "known_hosts")
	line := knownhosts.Line([]string{knownhosts.Normalize(front.Addr().String())}, hostKey.PublicKey())
	require.NoError(t, os.WriteFile(known, []byte(line+"\n"), 0o600))
	t.Setenv("SSH_KNOWN_HOSTS", known)
	var silent atomic.Bool
	var waiting []net.Conn
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			if silent.Load() {
				waiting = append(waiting, conn)
				continue
			}
			open.Go(func() { h.serve(conn) })
		}
	})
	w := newFollower(t, fmt.Sprintf("ssh://git@%s%s", front.Addr(), o.dir))
	w.git.Key, w.git.Timeout = filepath.Join(dir, "client"), 3*time.Second
	f := w.must()
	silent.Store(true)
	f.Poll(t.Context())
	holds(t, f, "a", first, "one")
	require.Contains(t, f.Problems()[0].Message, "no answer within 3s")
	f.Poll(t.Context())
	following, _ := f.Following()
	require.Equal(t, "an earlier attempt hangs still", following.Error)
	require.NoError(t, front.Close())
	open.Wait()
	require.Len(t, waiting, 1)
	require.NoError(t, waiting[0].Close())
}

// A host that takes the connection and says nothing must not hold the daemon up.
func TestAHostThatHangs(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"workflows/a.yaml": good("a", "one")})
	server, _ := overHTTP(t, o)
	hung := make(chan struct{})
	var hangs atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			<-hung
			return
		}
		server.Config.Handler.ServeHTTP(w, r)
	}))
	defer front.Close()
	defer close(hung)
	w := newFollower(t, front.URL+"/"+filepath.Base(o.dir)+"/.git")
	w.git.Token, w.git.Timeout = workflows.NewSecret(token), 5*time.Second
	f := w.must()
	hangs.Store(true)
	began := time.Now()
	f.Poll(t.Context())
	require.Less(t, time.Since(began), 30*time.Second)
	holds(t, f, "a", first, "one")
	require.Contains(t, f.Problems()[0].Message, "stays in force")
}
