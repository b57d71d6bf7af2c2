package cli_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A run names a commit only where its workflow, and those that it calls, have the text that they have there.
func TestTheCommitOfARun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := newRepository(t, "campaigns/autumn")
	const inner = "name: inner\nsteps: [{ id: one, set: { a: 1 } }]\n"
	r.write("inner.yaml", inner)
	r.write("outer.yaml", "name: outer\nsteps: [{ call: inner }]\n")
	r.write(".gitignore", "mine.yaml\n")
	first := r.commit()
	committed := func(file string) any {
		out := invoke(t, "run", filepath.Join(r.dir, file), "--sandbox", "--quiet", "--output", "json")
		require.Zero(t, out.code, out.err)
		var run map[string]any
		require.NoError(t, json.Unmarshal([]byte(out.out), &run))
		return run["commit"]
	}
	require.Equal(t, first, committed("outer.yaml"))
	r.write("list.csv", "something else")
	r.write("new.yaml", "name: new\nsteps: [{ id: one, set: { a: 1 } }]\n")
	r.write("mine.yaml", "name: mine\nsteps: [{ id: one, set: { a: 1 } }]\n")
	require.Nil(t, committed("new.yaml"), "not in git")
	require.Nil(t, committed("mine.yaml"), "ignored by git")
	require.Equal(t, first, committed("outer.yaml"))
	r.write("inner.yaml", inner+"# later\n")
	require.Nil(t, committed("outer.yaml"), "it calls what has changed since")
	require.Nil(t, committed("inner.yaml"))
	require.NotEqual(t, first, r.commit())
	require.NotNil(t, committed("outer.yaml"))
}
