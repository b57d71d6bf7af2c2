package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/stretchr/testify/require"
)

// repository is a project that is kept in git.
type repository struct {
	t    *testing.T
	dir  string // of the project
	git  *git.Repository
	root string
}

const greeting = `
params: { word: { type: string, default: 您好 } }
steps:
  - id: list
    uses: audience.file
    with: { path: list.csv }
  - id: reach
    foreach: { in: "${{ steps.list.rows }}", as: row, key: row.friend }
    steps:
      - uses: message.send
        with: { account: "${{ row.account }}", friend: "${{ row.friend }}", text: "${{ row.name }}，${{ params.word }}" }
`

func newRepository(t *testing.T, project string) *repository {
	t.Helper()
	root := t.TempDir()
	r, err := git.PlainInit(root, false)
	require.NoError(t, err)
	one := &repository{t: t, dir: filepath.Join(root, project), git: r, root: root}
	one.write("youmiflow.yaml", "timezone: Asia/Shanghai\nsuppress: never.csv\n")
	one.write("never.csv", "friend\n")
	return one
}

func (r *repository) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(r.t, os.WriteFile(file, []byte(text), 0o600))
}

func (r *repository) commit() string {
	r.t.Helper()
	work, err := r.git.Worktree()
	require.NoError(r.t, err)
	require.NoError(r.t, work.AddGlob("."))
	hash, err := work.Commit("a state", &git.CommitOptions{Author: &object.Signature{Name: "A", Email: "a@example.com", When: time.Unix(1, 0)}})
	require.NoError(r.t, err)
	return hash.String()
}

type comparison struct {
	Digest  string
	Against struct {
		Ref, Commit                   string
		Added, Removed, Changed, Same int
		Samples                       struct {
			Added, Removed []keyed
			Changed        []struct{ Before, After keyed }
		}
	}
}

type keyed struct {
	Key   string
	Calls []struct{ Request struct{ Text string } }
}

func (r *repository) against(ref string, arguments ...string) (c comparison) {
	r.t.Helper()
	out := invoke(r.t, append([]string{"plan", filepath.Join(r.dir, "greet.yaml"), "--against", ref, "--output", "json"}, arguments...)...)
	require.Zero(r.t, out.code, out.err)
	require.NoError(r.t, json.Unmarshal([]byte(out.out), &c))
	return c
}

func rowsOf(names ...string) string {
	var b strings.Builder
	b.WriteString("account,friend,name\n")
	for _, name := range names {
		fmt.Fprintf(&b, "1001,wxid_%s,%s\n", name, name)
	}
	return b.String()
}

func TestAPlanAgainstACommit(t *testing.T) {
	t.Parallel()
	for _, project := range []string{".", "campaigns/autumn"} {
		r := newRepository(t, project)
		r.write("greet.yaml", greeting)
		r.write("list.csv", rowsOf("anna", "bert", "cora", "dora"))
		first := r.commit()
		c := r.against("HEAD")
		require.Equal(t, 4, c.Against.Same)
		require.Equal(t, first, c.Against.Commit)
		require.Zero(t, c.Against.Added+c.Against.Removed+c.Against.Changed)

		r.write("list.csv", strings.Replace(rowsOf("anna", "cora", "dora", "emil", "fred"), ",cora\n", ",Cora Maria\n", 1))
		c = r.against(first[:10])
		require.Equal(t, []int{2, 1, 1, 2}, []int{c.Against.Added, c.Against.Removed, c.Against.Changed, c.Against.Same})
		require.Equal(t, "wxid_emil", c.Against.Samples.Added[0].Key)
		require.Equal(t, "wxid_bert", c.Against.Samples.Removed[0].Key)
		require.Equal(t, "bert，您好", c.Against.Samples.Removed[0].Calls[0].Request.Text)
		require.Equal(t, "cora，您好", c.Against.Samples.Changed[0].Before.Calls[0].Request.Text)
		require.Equal(t, "Cora Maria，您好", c.Against.Samples.Changed[0].After.Calls[0].Request.Text)

		// Whom nobody may write to is removed, and the text of today counts for all.
		r.write("never.csv", "friend\nwxid_dora\n")
		r.write("greet.yaml", strings.Replace(greeting, "您好", "晚上好", 1))
		c = r.against("master")
		require.Equal(t, []int{2, 2, 2, 0}, []int{c.Against.Added, c.Against.Removed, c.Against.Changed, c.Against.Same})
	}
}

// A list that is named on the command line is the committed one where the repository has it.
func TestAPlanAgainstACommitWithAGivenList(t *testing.T) {
	t.Parallel()
	r := newRepository(t, ".")
	text := strings.Replace(greeting, "params: {", "params: { list: { type: file, required: true },", 1)
	r.write("greet.yaml", strings.Replace(text, "list.csv", `"${{ params.list }}"`, 1))
	r.write("lists/a.csv", rowsOf("anna", "bert"))
	r.commit()
	r.write("lists/a.csv", rowsOf("anna"))
	c := r.against("HEAD", "--param", "list="+filepath.Join(r.dir, "lists", "a.csv"))
	require.Equal(t, 1, c.Against.Removed)
	r.write("lists/new.csv", rowsOf("anna", "zoe"))
	c = r.against("HEAD", "--param", "list="+filepath.Join(r.dir, "lists", "new.csv"))
	require.Equal(t, 2, c.Against.Same, "it was not there then: it is the same list")
}

func TestAPlanAgainstACommitWithoutTheFile(t *testing.T) {
	t.Parallel()
	r := newRepository(t, ".")
	r.commit()
	r.write("greet.yaml", greeting)
	r.write("list.csv", rowsOf("anna", "bert"))
	require.Equal(t, 2, r.against("HEAD").Against.Added)

	out := invoke(t, "plan", filepath.Join(r.dir, "greet.yaml"), "--against", "HEAD", "--format", "markdown")
	require.Zero(t, out.code, out.err)
	require.Contains(t, out.out, "**2 added, 0 removed, 0 get something else**")
	require.NotContains(t, out.out, "anna")
	require.NotContains(t, out.out, "wxid")

	out = invoke(t, "plan", filepath.Join(r.dir, "greet.yaml"), "--against", "nowhere")
	require.Equal(t, 2, out.code)
	require.Contains(t, out.err, "the repository has no such commit, branch or tag")

	// A file that is broken there is said so.
	r.write("greet.yaml", "steps: [")
	r.commit()
	r.write("greet.yaml", greeting)
	out = invoke(t, "plan", filepath.Join(r.dir, "greet.yaml"), "--against", "HEAD")
	require.Equal(t, 3, out.code)
	require.Contains(t, out.err, "greet.yaml as of HEAD:1:")
	entries, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	require.Len(t, entries, 5, "git's folder, the two files of the project, the workflow and its list")
}
