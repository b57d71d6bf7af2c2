package cli_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
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

// enlarge gives a disk more room, so many KB in all.
func enlarge(t *testing.T, folder string, kilobytes int) {
	t.Helper()
	require.NoError(t, syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", kilobytes)))
}

// longList gives a project a workflow over a list of so many people, of whom only the last gets a message.
func longList(t *testing.T, dir string, people int) {
	t.Helper()
	var rows strings.Builder
	rows.WriteString("account,friend,note\n")
	for i := range people {
		fmt.Fprintf(&rows, "%d,f%d,%040d\n", i%4, i, i)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "long.csv"), []byte(rows.String()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "long.yaml"), fmt.Appendf(nil, `steps:
  - { id: list, uses: audience.file, with: { path: long.csv } }
  - foreach: { in: "${{ steps.list.rows }}", as: who, key: who.friend, where: who.friend == "f%d" }
    steps:
      - { uses: message.send, with: { account: "${{ who.account }}", friend: "${{ who.friend }}", text: hello } }
`, people-1), 0o600))
}

// A list that does not fit on the disk is waited with in the middle, and read to its end once there is room.
func TestALongListOnADiskThatFills(t *testing.T) {
	t.Parallel()
	dir, folder, platform := onSmallDisk(t)
	const people = 200_000
	longList(t, dir, people)
	enlarge(t, folder, 8<<10) // which makes it smaller
	p := begin(t, dir, "run", "long.yaml", "--output", "json")
	p.sees("the ledger cannot be written for now; trying again until it can")
	require.Zero(t, platform.Stats().Deliveries)
	enlarge(t, folder, 512<<10)
	require.Zero(t, p.wait(2*time.Minute), p.err)
	var run runJSON
	require.NoError(t, json.Unmarshal([]byte(p.out.String()), &run))
	require.Equal(t, []int{people, 1, people - 1}, []int{run.Counts.Total, run.Counts.Succeeded, run.Counts.Skipped})
	require.EqualValues(t, 1, platform.Stats().Deliveries)
	require.Equal(t, 1, strings.Count(p.err.String(), "cannot be written for now"), "it is said once")
	require.Equal(t, "ok", asks(t, folder, "PRAGMA integrity_check"))
}

// asks has SQLite answer about the ledger on a disk.
func asks(t *testing.T, folder, query string) (answer string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, "ledger.db"))
	require.NoError(t, err)
	require.NoError(t, db.QueryRow(query).Scan(&answer))
	require.NoError(t, db.Close())
	return answer
}

// Old runs are forgotten once there is room for that: to forget takes some.
func TestOldRunsOnADiskThatFills(t *testing.T) {
	t.Parallel()
	dir, folder, _ := onSmallDisk(t)
	longList(t, dir, 5000)
	for range 2 { // the one with the newest rows is kept
		p := begin(t, dir, "run", "long.yaml", "--quiet")
		require.Zero(t, p.wait(soon), p.err)
	}
	require.NotEmpty(t, asks(t, folder, "UPDATE run SET finished_at = 1 RETURNING id"))
	settings, err := os.ReadFile(filepath.Join(dir, "youmiflow.yaml"))
	require.NoError(t, err)
	daemon := serve(t, dir)
	stuff(t, folder)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), append(settings, "retention: { runs: 1d }\n"...), 0o600))
	require.NoError(t, daemon.command.Process.Signal(syscall.SIGHUP))
	daemon.sees("the ledger cannot be written for now; trying again until it can")
	require.NotContains(t, daemon.err.String(), "old runs forgotten")
	room(t, folder)
	daemon.sees("old runs forgotten")
	daemon.end()
	require.NotContains(t, daemon.err.String(), "could not be forgotten")
	require.Equal(t, "1", asks(t, folder, "SELECT count(*) FROM run"))
	require.Equal(t, "ok", asks(t, folder, "PRAGMA integrity_check"))
}
