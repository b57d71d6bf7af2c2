package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// smallDisk mounts a disk of its own of so many KB for the ledger of a project. Where that is not allowed, the test is left out.
func smallDisk(t *testing.T, dir string, kilobytes int) (folder string) {
	t.Helper()
	folder = filepath.Join(dir, ".youmiflow")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dk", kilobytes)); err != nil {
		t.Skipf("NOT TESTED: a disk that is really full; to mount one is not allowed here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return folder
}

// stuff fills what is left of a disk, and room makes room again.
func stuff(t *testing.T, folder string) {
	t.Helper()
	file, err := os.Create(filepath.Join(folder, "filler"))
	require.NoError(t, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
}

func room(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, os.Remove(filepath.Join(folder, "filler")))
}

const manyRecipients = 1500

// onSmallDisk is a project whose ledger does not fit.
func onSmallDisk(t *testing.T) (dir, folder string, platform platform) {
	t.Helper()
	dir, platform = t.TempDir(), startPlatform(t)
	folder = smallDisk(t, dir, 48<<10)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("youmiflow.yaml", connectionTo(platform.url)+"server: { events: \"${API_TOKEN}\" }\nlimits: { account: { by: call.account, rate: 100/s } }\n")
	write(".env", "API_TOKEN="+apiToken+"\n")
	var rows strings.Builder
	rows.WriteString("account,friend\n")
	for i := range manyRecipients {
		fmt.Fprintf(&rows, "%d,f%d\n", i%4, i)
	}
	write("people.csv", rows.String())
	write("c.yaml", `steps:
  - { id: list, uses: audience.file, with: { path: people.csv } }
  - foreach: { in: "${{ steps.list.rows }}", as: who, key: who.friend }
    steps:
      - { uses: message.send, with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: "hello ${{ who.friend }}" } }
`)
	return dir, folder, platform
}

// A run whose ledger finds the disk full sends nothing more, says so, ends when it is asked to, and goes on once there is room.
func TestARunOnADiskThatFills(t *testing.T) {
	t.Parallel()
	dir, folder, platform := onSmallDisk(t)
	stuff(t, folder)
	p := begin(t, dir, "run", "c.yaml", "--quiet")
	require.Equal(t, 3, p.wait(soon))
	require.Contains(t, p.err.String(), "the disk is full, make room")
	require.Zero(t, platform.Stats().Deliveries)
	p = begin(t, dir, "serve", "--listen", "127.0.0.1:0")
	require.Equal(t, 1, p.wait(soon), "it may be started again")
	require.Contains(t, p.err.String(), "the disk is full, make room")

	room(t, folder)
	p = begin(t, dir, "run", "c.yaml")
	require.Eventually(t, func() bool { return platform.Stats().Deliveries > 50 }, soon, 5*time.Millisecond)
	stuff(t, folder)
	p.sees("the ledger cannot be written for now; trying again until it can")
	require.NoError(t, p.command.Process.Signal(os.Interrupt))
	require.Equal(t, 5, p.wait(soon), p.err)
	require.Contains(t, p.err.String(), "resume with")
	sent := platform.Stats().Deliveries
	require.Less(t, int(sent), manyRecipients)

	copied := begin(t, dir, "backup", filepath.Join(folder, "copy.db"))
	require.Equal(t, 3, copied.wait(soon), copied.err)
	require.Contains(t, copied.err.String(), "the disk is full, make room")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, entry := range entries {
		require.NotContains(t, entry.Name(), "copy")
		require.NotContains(t, entry.Name(), "backup")
	}

	room(t, folder)
	p = begin(t, dir, "runs", "resume", "last", "--output", "json")
	code := p.wait(2 * time.Minute)
	require.Contains(t, []int{0, 4}, code, p.err)
	require.Zero(t, platform.Stats().Duplicates)
	require.GreaterOrEqual(t, int(platform.Stats().Deliveries), manyRecipients-40, "all but those that were in flight")
}

// A daemon whose disk is full acknowledges no event, says that it is not ready, ends within its time, and goes on once there
// is room.
func TestADaemonOnADiskThatFills(t *testing.T) {
	t.Parallel()
	dir, folder, _ := onSmallDisk(t)
	daemon := serve(t, dir)
	push := func(n int) int {
		body := fmt.Sprintf(`{"type":"x","n":%d,"text":%q}`, n, strings.Repeat("x", 2000))
		answer, err := http.Post(daemon.url+"/events/"+apiToken, "application/json", bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusOK, push(0))
	stuff(t, folder)
	status := http.StatusOK
	for n := 1; status == http.StatusOK && n < 50_000; n++ {
		status = push(n)
	}
	require.Equal(t, http.StatusServiceUnavailable, status)
	room(t, folder)
	require.Eventually(t, func() bool { return push(-1) == http.StatusOK }, soon, 50*time.Millisecond)
	stuff(t, folder)
	for status = http.StatusOK; status == http.StatusOK; {
		status = push(int(time.Now().UnixNano()))
	}
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGTERM))
	daemon.wait(30 * time.Second)
}
