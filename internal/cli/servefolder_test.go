package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// repositoryAt makes a git repository of files; commit adds others to it.
type repositoryAt struct {
	t   *testing.T
	dir string
}

func (r repositoryAt) git(arguments ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", arguments...)
	command.Dir = r.dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	text, err := command.CombinedOutput()
	require.NoError(r.t, err, "git %v: %s", arguments, text)
	return strings.TrimSpace(string(text))
}

func (r repositoryAt) commit(files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.dir, name)
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "a change")
	return r.git("rev-parse", "HEAD")
}

const everySecond = `name: vip
triggers:
  - schedule: "* * * * * *"
steps:
  - id: list
    uses: audience.file
    with: { path: lists/vip.csv }
  - foreach: { in: "${{ steps.list.rows }}", as: row, key: row.friend }
    steps:
      - uses: log
        with: { message: "hello ${{ row.friend }}" }
`

// ran is a run as `runs list` tells of it.
type ran struct {
	ID, Workflow, Status, Commit string
	Counts                       struct{ Total, Succeeded int }
}

// awaitRun waits until a run of a commit has ended, and returns it.
func awaitRun(t *testing.T, dir, commit string) ran {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(soon)
	for {
		command := exec.Command("youmiflow", "runs", "list", "--output", "json")
		command.Dir = dir
		text, err := command.Output()
		require.NoError(t, err)
		var list []ran
		require.NoError(t, json.Unmarshal(text, &list))
		for _, one := range list {
			if one.Commit == commit && one.Status != "running" && one.Status != "pending" {
				return one
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			require.Fail(t, "there is no run of the commit", "%s in %s", commit, text)
		}
	}
}

// scheduled is a trigger as `schedule list` tells of it.
type scheduled struct {
	Workflow, State string
	Next            *time.Time
	Fired           int
}

// While a daemon is there, the schedule is what it fires: of a broken file the last good version.
func TestTheScheduleIsWhatTheDaemonFires(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "workflows", "daily.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("triggers: [{ schedule: \"@daily\" }]\nsteps: [{ uses: log, with: { message: hi } }]\n"), 0o600))
	daemon := begin(t, dir, "serve", "--sandbox", "--listen", "127.0.0.1:0")
	daemon.sees("serving ")
	require.Equal(t, "active", read[[]scheduled](t, "--project", dir, "schedule", "list")[0].State)
	require.NoError(t, os.WriteFile(path, []byte("steps: [{ uses: lgo }]\n"), 0o600))
	daemon.sees("last good version stays in force")
	for _, command := range []string{"next", "list"} {
		asked := invoke(t, "--project", dir, "schedule", command, "--output", "json")
		require.Equal(t, 3, asked.code, asked.err)
		require.Contains(t, asked.err, "daily.yaml:1:")
		var rows []scheduled
		require.NoError(t, json.Unmarshal([]byte(asked.out), &rows))
		require.Len(t, rows, 1)
		require.Equal(t, "daily", rows[0].Workflow)
		if command == "list" {
			require.Equal(t, "broken", rows[0].State)
			require.NotNil(t, rows[0].Next)
		}
	}
	require.NoError(t, daemon.command.Process.Signal(os.Interrupt))
	require.Zero(t, daemon.wait(soon), daemon.err)
	require.JSONEq(t, "[]", invoke(t, "--project", dir, "schedule", "next", "--output", "json").out, "the folder has nothing")
}

// A run sees the workflow and the files of the commit that it was started from.
func TestServeFollowsABranch(t *testing.T) {
	source := repositoryAt{t, t.TempDir()}
	source.git("init", "-q", "-b", "main")
	first := source.commit(map[string]string{
		"youmiflow.yaml": "timezone: Asia/Shanghai\n", "workflows/vip.yaml": everySecond, "lists/vip.csv": "friend\nfirst\n",
	})
	dir := t.TempDir()
	daemon := begin(t, dir, "serve", "--sandbox", "--listen", "127.0.0.1:0", "--git", source.dir, "--ref", "main", "--every", "1s")
	daemon.sees("serving ")
	one := awaitRun(t, dir, first)
	require.Equal(t, "succeeded", one.Status, daemon.err)
	require.Equal(t, 1, one.Counts.Succeeded)

	// The schedule is that of the commit, and what came of it that of the rehearsal.
	rows := read[[]scheduled](t, "--project", dir, "schedule", "list", "--sandbox")
	require.Len(t, rows, 1)
	require.Equal(t, []string{"vip", "active"}, []string{rows[0].Workflow, rows[0].State})
	require.Positive(t, rows[0].Fired)
	require.Zero(t, read[[]scheduled](t, "--project", dir, "schedule", "list")[0].Fired, "nothing fired for real")
	next := read[[]struct{ Workflow, At string }](t, "--project", dir, "schedule", "next", "--from", "2026-12-01")
	require.Equal(t, "vip", next[0].Workflow)
	require.Equal(t, "2026-12-01T00:00:00+08:00", next[0].At, "in the time zone of the commit")

	second := source.commit(map[string]string{"lists/vip.csv": "friend\nfirst\nsecond\n"})
	two := awaitRun(t, dir, second)
	require.Equal(t, "succeeded", two.Status, daemon.err)
	require.Equal(t, 2, two.Counts.Succeeded)

	// A commit that would have people written to who must not be is not taken.
	source.commit(map[string]string{"youmiflow.yaml": "suppress: lists/not-there.csv\n"})
	daemon.sees("stays in force")
	require.Contains(t, daemon.err.String(), "not-there.csv")
	third := source.commit(map[string]string{"youmiflow.yaml": "suppress: lists/do-not-contact.csv\n", "lists/do-not-contact.csv": "friend\nsecond\n"})
	require.Equal(t, 2, awaitRun(t, dir, third).Counts.Succeeded, "log is no message: it is done for everybody")
	require.NoError(t, daemon.command.Process.Signal(os.Interrupt))
	require.Zero(t, daemon.wait(soon), daemon.err)

	require.NoError(t, os.Rename(source.dir, source.dir+"-away"))
	again := begin(t, dir, "serve", "--sandbox", "--listen", "127.0.0.1:0", "--git", source.dir, "--ref", "main")
	again.sees("serving ")
	require.Contains(t, again.err.String(), "stays in force")
	require.NoError(t, again.command.Process.Signal(os.Interrupt))
	require.Zero(t, again.wait(soon), again.err)
}

// That a branch cannot be followed is seen wherever people look, until it is followed again.
func TestABranchThatCannotBeFollowedIsShown(t *testing.T) {
	t.Setenv("API_TOKEN", apiToken)
	source := repositoryAt{t, filepath.Join(t.TempDir(), "vip")}
	require.NoError(t, os.Mkdir(source.dir, 0o755))
	source.git("init", "-q", "-b", "main")
	source.commit(map[string]string{"youmiflow.yaml": apiKeys, "workflows/vip.yaml": strings.ReplaceAll(everySecond, "* * * * * *", "@yearly"), "lists/vip.csv": "friend\nfirst\n"})
	dir := t.TempDir()
	daemon := serve(t, dir, "--sandbox", "--git", source.dir, "--every", "1s")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("YOUMIFLOW_TOKEN="+apiToken+"\n"), 0o600))
	shows := func(broken bool) {
		t.Helper()
		for _, arguments := range [][]string{{"schedule", "list"}, {"schedule", "list", "--server", daemon.url}, {"schedule", "next"}, {"schedule", "next", "--server", daemon.url},
			{"doctor", "--sandbox"}, {"doctor", "--server", daemon.url}} {
			asked := invoke(t, append(arguments, "--project", dir, "--output", "json")...)
			require.Equal(t, broken, asked.code == 3, "%v: %s%s", arguments, asked.out, asked.err)
			require.Equal(t, broken, strings.Contains(asked.out+asked.err, "there is no repository"), "%v: %s%s", arguments, asked.out, asked.err)
			require.NotContains(t, asked.out, `"broken"`, "the workflow is as it was, whatever the repository is called")
		}
	}
	shows(false)
	require.NoError(t, os.Rename(source.dir, source.dir+"-away"))
	daemon.sees("stays in force")
	shows(true)
	require.NoError(t, os.Rename(source.dir+"-away", source.dir))
	daemon.sees("followed again")
	shows(false)
	daemon.end()
}

// A folder that is away stops nothing, and is seen.
func TestAFolderThatIsAwayIsShown(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "workflows")
	require.NoError(t, os.Mkdir(there, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(there, "daily.yaml"), []byte("triggers: [{ schedule: \"@daily\" }]\nsteps: [{ uses: log, with: { message: hi } }]\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "youmiflow.yaml"), []byte(apiKeys), 0o600))
	daemon := serve(t, dir, "--sandbox")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("API_TOKEN="+apiToken+"\nYOUMIFLOW_TOKEN="+apiToken+"\n"), 0o600))
	require.NoError(t, os.Rename(there, there+"-away"))
	daemon.sees("code=unreadable")
	for _, command := range [][]string{{"doctor"}, {"schedule", "list"}} {
		asked := invoke(t, append(command, "--project", dir, "--server", daemon.url)...)
		require.Equal(t, 3, asked.code, "%v: %s%s", command, asked.out, asked.err)
		require.Contains(t, asked.out+asked.err, "workflows", "%v", command)
	}
	daemon.end()
}

func TestGitFlagsNeedARepository(t *testing.T) {
	for arguments, says := range map[string]string{
		"--ref main":                      "--ref goes with --git",
		"--git x --every 1ms":             "a second is the shortest",
		"--git x":                         "there is no repository",
		"--git git://host/x":              "use https or ssh",
		"--git ftp://host/x":              "use https or ssh",
		"--git-path ../elsewhere --git .": "is not one within the repository",
	} {
		p := begin(t, t.TempDir(), append([]string{"serve", "--listen", "127.0.0.1:0"}, strings.Fields(arguments)...)...)
		require.NotZero(t, p.wait(soon), arguments)
		require.Contains(t, p.err.String(), says, arguments)
	}
}
