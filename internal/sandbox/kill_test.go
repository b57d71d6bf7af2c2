package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// journalOfChild makes the test binary a process that serves a sandbox with this journal until it is killed.
const journalOfChild = "YOUMIFLOW_TEST_SANDBOX_JOURNAL"

func TestMain(m *testing.M) {
	if path := os.Getenv(journalOfChild); path != "" {
		serveUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

func serveUntilKilled(path string) {
	box, err := New(Config{Journal: path, Seed: 1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	url, _, err := Start(context.Background(), box)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(url, box.tokens.issue())
	select {}
}

// child starts such a process.
func child(t *testing.T, path string) (process *exec.Cmd, url, token string) {
	t.Helper()
	process = exec.Command(os.Args[0])
	process.Env = append(os.Environ(), journalOfChild+"="+path)
	process.Stderr = os.Stderr
	output, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	url, token, _ = strings.Cut(strings.TrimSpace(line), " ")
	return process, url, token
}

// A sandbox that is killed at any moment remembers everything that it answered.
func TestKilledSandboxRemembersWhatItAnswered(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "journal")
	answered := map[string]bool{}
	for round := range 5 {
		process, url, token := child(t, path)
		c := &client{t: t, url: url, token: token, http: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
		enough := len(answered) + 1 + random.IntN(200)
		sendUntilKilled(c, process, round, answered, enough)
		c.http.CloseIdleConnections()
		require.Error(t, process.Wait()) // it was killed
	}
	box, err := New(Config{Journal: path})
	require.NoError(t, err)
	for friend := range answered {
		require.Equal(t, 1, box.Delivered("135389", friend), friend)
	}
	require.GreaterOrEqual(t, box.Stats().Deliveries, uint64(len(answered)))
	require.Zero(t, box.Stats().Duplicates)
	require.NoError(t, box.Close())
}

// sendUntilKilled sends from several goroutines, kills the process once there are enough answers, and notes who was
// delivered to according to the answers.
func sendUntilKilled(c *client, process *exec.Cmd, round int, answered map[string]bool, enough int) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := 0; ; i++ {
				friend := fmt.Sprintf("wxid_%d_%d_%d", round, worker, i)
				_, body, err := c.do(sendPath, "application/json", text("135389", friend, "hello"))
				if err != nil || !strings.Contains(string(body), `"succeed":true`) {
					return
				}
				mu.Lock()
				answered[friend] = true
				if len(answered) == enough {
					_ = process.Process.Kill()
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
}
