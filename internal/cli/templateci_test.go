package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// The commands of the CI file that init writes, as a runner runs them: everything but what fetches and builds the program.
func TestCIOfANewProjectRuns(t *testing.T) {
	for _, tool := range []string{"bash", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("SKIPPED: " + tool + " is not installed")
		}
	}
	ci := newCI(t)
	ci.git("init", "--quiet", "--initial-branch=main")
	ci.git("add", ".")
	ci.git("commit", "--quiet", "--message=a new project")
	ci.git("update-ref", "refs/remotes/origin/main", "HEAD")

	require.NotContains(t, ci.run("youmiflow validate"), "::error")
	require.Contains(t, ci.run("youmiflow test"), "ok")
	require.Empty(t, ci.run("Who would get what"))
	require.Empty(t, ci.summary(), "nothing has changed")

	list := filepath.Join(ci.dir, "lists", "audience.csv")
	text, err := os.ReadFile(list)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(list, append(text, "135381,wxid_demo_0099,周晓晓,vip\n"...), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(ci.dir, "workflows", "needs.yaml"), []byte("params: { who: { required: true } }\nsteps:\n  - { uses: log, with: { message: hi } }\n"), 0o600))
	ci.git("add", ".")
	ci.git("commit", "--quiet", "--message=one more")
	ci.run("Who would get what")
	require.Contains(t, ci.summary(), "first-campaign")
	require.Contains(t, ci.summary(), "`workflows/needs.yaml` cannot be planned here")
	require.NotContains(t, ci.summary(), "wxid_demo", "a summary shows no ids")
	require.Empty(t, ci.git("status", "--porcelain"), "nothing is left behind")

	require.NoError(t, os.WriteFile(filepath.Join(ci.dir, "workflows", "wrong.yaml"), []byte("stpes: []\nsteps: []\n"), 0o600))
	require.Contains(t, ci.fail("youmiflow validate"), "::error file=workflows/wrong.yaml,line=1,col=1,")
}

// ci runs the steps of a project's CI file.
type ci struct {
	t    *testing.T
	dir  string
	runs map[string]string // by name, or by what they begin with
	env  []string
	page string // the file of the summary
}

func newCI(t *testing.T) *ci {
	t.Helper()
	c := &ci{t: t, dir: newProject(t), runs: map[string]string{}}
	text, err := os.ReadFile(filepath.Join(c.dir, ".github", "workflows", "youmiflow.yaml"))
	require.NoError(t, err)
	var file struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, job := range file.Jobs {
		for _, step := range job.Steps {
			if step.Name == "" {
				words := append(strings.Fields(step.Run), "", "")
				step.Name = words[0] + " " + words[1]
			}
			c.runs[step.Name] = step.Run
		}
	}
	bin := t.TempDir()
	c.page = filepath.Join(bin, "summary.md")
	program, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, filepath.Join(bin, "youmiflow"))) // as which the test's own program is the command
	for _, one := range os.Environ() {
		if !strings.HasPrefix(one, "GIT_") && !strings.HasPrefix(one, "GITHUB_") {
			c.env = append(c.env, one)
		}
	}
	c.env = append(c.env, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GITHUB_WORKSPACE="+c.dir, "GITHUB_STEP_SUMMARY="+c.page,
		"BASE=origin/main", "HOME="+bin, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	return c
}

func (c *ci) command(name string, arguments ...string) (string, string, error) {
	c.t.Helper()
	var stdout, stderr strings.Builder
	command := exec.CommandContext(c.t.Context(), name, arguments...)
	command.Dir, command.Env, command.Stdout, command.Stderr = c.dir, c.env, &stdout, &stderr
	err := command.Run()
	return stdout.String(), stderr.String(), err
}

func (c *ci) git(arguments ...string) string {
	c.t.Helper()
	stdout, stderr, err := c.command("git", arguments...)
	require.NoError(c.t, err, stderr)
	return stdout
}

// run runs a step as a runner does, and gives what it prints.
func (c *ci) run(name string) string {
	c.t.Helper()
	require.Contains(c.t, c.runs, name)
	stdout, stderr, err := c.command("bash", "-e", "-o", "pipefail", "-c", c.runs[name])
	require.NoError(c.t, err, stdout+stderr)
	return stdout
}

func (c *ci) fail(name string) string {
	c.t.Helper()
	stdout, _, err := c.command("bash", "-e", "-o", "pipefail", "-c", c.runs[name])
	var code *exec.ExitError
	require.ErrorAs(c.t, err, &code)
	require.Equal(c.t, 3, code.ExitCode())
	return stdout
}

func (c *ci) summary() string {
	c.t.Helper()
	text, err := os.ReadFile(c.page)
	if os.IsNotExist(err) {
		return ""
	}
	require.NoError(c.t, err)
	return string(text)
}
