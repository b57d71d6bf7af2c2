package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/cli"
	"youmiflow/internal/sandbox"
)

// soon bounds every wait for something that is about to happen.
const soon = 40 * time.Second

// process is a youmiflow that runs beside the test.
type process struct {
	t       *testing.T
	command *exec.Cmd
	out     *buffer
	err     *buffer
	done    chan struct{} // closed when it has ended
}

// buffer is written by a process while the test reads it.
type buffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newBuffer() *buffer { return &buffer{changed: make(chan struct{}, 1)} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// begin starts the command in a folder.
func begin(t *testing.T, dir string, arguments ...string) *process {
	t.Helper()
	p := &process{t: t, command: exec.Command("youmiflow", arguments...), out: newBuffer(), err: newBuffer(), done: make(chan struct{})}
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, p.out, p.err
	p.command.Env = append(os.Environ(), "NO_PROXY=*")
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.done)
		_ = p.command.Wait() // the exit code is looked at by whoever waits
	}()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.done
	})
	return p
}

// wait waits for the end and returns the exit code.
func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		require.Fail(p.t, "the process does not end", "%v\n%s", p.command.Args, p.err)
	}
	return p.command.ProcessState.ExitCode()
}

// sees waits until the process has written the text to stderr.
func (p *process) sees(text string) {
	p.t.Helper()
	p.writes(p.err, text)
}

func (p *process) writes(to *buffer, text string) {
	p.t.Helper()
	limit := time.After(soon)
	for !strings.Contains(to.String(), text) {
		select {
		case <-to.changed:
		case <-p.done:
			require.Contains(p.t, to.String(), text, p.err)
			return
		case <-limit:
			require.Contains(p.t, to.String(), text, p.err)
		}
	}
}

// kill ends the process as kill -9 does, after a while or, when it ends before, not at all.
func (p *process) kill(after time.Duration) (killed bool) {
	p.t.Helper()
	select {
	case <-p.done:
		return false
	case <-time.After(after):
	}
	require.NoError(p.t, p.command.Process.Kill())
	<-p.done
	return !p.command.ProcessState.Exited()
}

// platform is a sandbox in a process of its own.
type platform struct {
	t   *testing.T
	url string
}

func startPlatform(t *testing.T, arguments ...string) platform {
	t.Helper()
	p := begin(t, t.TempDir(), append([]string{"sandbox", "--listen", "127.0.0.1:0"}, arguments...)...)
	p.writes(p.out, "\n")
	return platform{t: t, url: strings.TrimSpace(p.out.String())}
}

func (p platform) get(path string, into any) {
	p.t.Helper()
	answer, err := http.Get(p.url + path)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(body, into), string(body))
}

func (p platform) Stats() (stats sandbox.Stats) {
	p.get("/_sandbox/stats", &stats)
	return stats
}

func (p platform) Deliveries() (list []sandbox.Delivery) {
	p.get("/_sandbox/deliveries", &list)
	return list
}

// result is what a command did within the test's own process.
type result struct {
	code     int
	out, err string
}

// invoke runs a command within the test's own process.
func invoke(t *testing.T, arguments ...string) result {
	t.Helper()
	var out, stderr bytes.Buffer
	code := cli.Main(context.Background(), arguments, cli.Environment{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &stderr,
		Lookup: func(string) (string, bool) { return "", false }, Version: "v0.0.0-test"})
	return result{code, out.String(), stderr.String()}
}

// read runs a command that only reads, and decodes its JSON.
func read[T any](t *testing.T, arguments ...string) (value T) {
	t.Helper()
	r := invoke(t, append(arguments, "--output", "json")...)
	require.Zero(t, r.code, r.err)
	require.NoError(t, json.Unmarshal([]byte(r.out), &value), r.out)
	return value
}

// faults replaces the platform's faults.
func (p platform) faults(list ...string) {
	p.t.Helper()
	body, err := json.Marshal(append([]string{}, list...))
	require.NoError(p.t, err)
	answer, err := http.Post(p.url+"/_sandbox/faults", "application/json", bytes.NewReader(body))
	require.NoError(p.t, err)
	require.NoError(p.t, answer.Body.Close())
	require.Equal(p.t, http.StatusOK, answer.StatusCode)
}
