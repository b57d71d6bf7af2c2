package workflows

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/diagnostic"
	"youmiflow/internal/expression"
)

// folderOf writes files and loads all of them.
func folderOf(t testing.TB, files map[string]string) (dir string, loaded map[string]*Workflow, problems diagnostic.List) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	list, problems := LoadFolder(dir, newTestCatalogue())
	loaded = map[string]*Workflow{}
	for _, w := range list {
		loaded[filepath.Base(w.File)] = w
	}
	return dir, loaded, problems
}

const greet = `
name: 问候
params:
  friend: { required: true }
  tier: { enum: [gold, vip], default: gold }
  tries: { type: integer }
steps:
  - { id: s, set: { count: 3 } }
  - foreach: { in: [1], as: n }
    steps: [{ uses: log, with: { message: "${{ params.friend }}" } }]
outputs: { count: "${{ steps.s.count }}", who: "${{ params.friend }}" }
`

func TestACallIsCheckedAgainstWhatItCalls(t *testing.T) {
	_, loaded, problems := folderOf(t, map[string]string{"greet.yaml": greet, "caller.yaml": `
steps:
  - foreach: { in: [a, b], as: friend }
    steps:
      - { id: g, call: greet, with: { friend: "${{ friend }}", tier: vip } }
      - { uses: http.request, if: steps.g.count > 2, with: { body: "${{ steps.g.who + steps.g.status }}", tries: "${{ steps.g.count }}" } }
  - { call: 问候, with: { friend: x } }
`})
	require.Empty(t, problems)
	w := loaded["caller.yaml"]
	require.Equal(t, loaded["greet.yaml"], w.Calls["greet"], "it is read once")
	require.Equal(t, w.Calls["greet"], w.Calls["问候"], "by the name that it gives itself too")
	call := w.Steps[0].Steps[0].Call
	require.Equal(t, "greet", call.Workflow)
	with, err := call.With.Eval(map[string]any{"friend": "f"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"friend": "f", "tier": "vip"}, with)
	require.Equal(t, "call", w.Steps[1].Path)
	require.Equal(t, expression.Integer, w.Calls["greet"].Outputs[0].Value.Type().Kind)
}

func TestCallsThatAreWrong(t *testing.T) {
	dir, loaded, problems := folderOf(t, map[string]string{
		"greet.yaml": greet, "broken.yaml": "steps: [{ uses: lgo }]", "over.yaml": "steps: [{ call: broken }]",
		"one.yaml": "name: twin\n" + "steps: [{ uses: log, with: { message: hi } }]", "two.yaml": "name: twin\n" + "steps: [{ uses: log, with: { message: hi } }]",
		"caller.yaml": `
steps:
  - { id: g, call: greet, with: { frend: x, tier: silver, tries: many } }
  - { call: greet }
  - { uses: log, with: { message: "${{ steps.g.cuont }}" } }
  - { call: gret }
  - { call: greet.yaml }
  - { call: ../greet }
  - { call: broken }
  - { call: over }
  - { call: twin }
  - { uses: log, with: { message: "${{ steps.g.count }}" } }
`})
	require.Nil(t, loaded["caller.yaml"])
	var mine diagnostic.List
	for _, p := range problems {
		if filepath.Base(p.File) == "caller.yaml" {
			mine = append(mine, p)
		}
	}
	got := ""
	for _, p := range mine {
		got += fmt.Sprintf("%d %s: %s", p.Line, p.Code, strings.ReplaceAll(p.Message, dir, "DIR"))
		if p.Suggestion != "" {
			got += " (" + p.Suggestion + ")"
		}
		got += "\n"
	}
	require.Equal(t, `3 missing-input: the workflow greet needs the param "friend"
3 unknown-input: the workflow greet has no param "frend" (friend)
3 not-allowed: param "tier" cannot be "silver": it is one of gold, vip
3 wrong-type: param "tries" needs a whole number, and this is text
4 missing-input: the workflow greet needs the param "friend"
5 unknown-field: unknown field "cuont" (count)
6 unknown-workflow: there is no workflow "gret" in the folder DIR (greet)
7 unknown-workflow: there is no workflow "greet.yaml" in the folder DIR (greet)
8 unknown-workflow: a call names a workflow of its own folder, without path and suffix, and not "../greet" (greet)
9 invalid-workflow: the workflow "broken" has 1 error: DIR/broken.yaml:1:17: there is no step "lgo"
10 invalid-workflow: the workflow "over" has 1 error: the first is at DIR/over.yaml:1:17
11 unknown-workflow: several workflows are named "twin": one.yaml, two.yaml
12 type-mismatch: a string is wanted, this is a whole number; write string(…) around it
`, got)
}

func TestCallsInACircleAreRefusedWithTheWholeCircle(t *testing.T) {
	call := func(names ...string) string {
		text := "steps:\n"
		for _, name := range names {
			text += "  - { call: " + name + " }\n"
		}
		return text
	}
	_, loaded, problems := folderOf(t, map[string]string{
		"a.yaml": call("b"), "b.yaml": call("c", "leaf"), "c.yaml": call("a"), "self.yaml": call("self"),
		"outside.yaml": call("a"), "leaf.yaml": "steps: [{ uses: log, with: { message: hi } }]", "fine.yaml": call("leaf", "leaf"),
	})
	require.Contains(t, loaded, "leaf.yaml")
	require.Contains(t, loaded, "fine.yaml")
	require.Len(t, loaded, 2)
	got := map[string]string{}
	for _, p := range problems {
		got[filepath.Base(p.File)] += p.Code + ": " + p.Message
	}
	require.Equal(t, "call-cycle: this call never ends: a calls b calls c calls a", got["a.yaml"])
	require.Equal(t, "call-cycle: this call never ends: b calls c calls a calls b", got["b.yaml"])
	require.Equal(t, "call-cycle: this call never ends: c calls a calls b calls c", got["c.yaml"])
	require.Equal(t, "call-cycle: this call never ends: self calls self", got["self.yaml"])

	_, _, problems = folderOf(t, map[string]string{"sale.yaml": "name: 春季促销\n" + call("thanks"), "thanks.yaml": "name: thanks\n" + call("春季促销")})
	require.Len(t, problems, 2)
	require.Equal(t, "this call never ends: 春季促销 (sale.yaml) calls thanks calls 春季促销 (sale.yaml)", problems[0].Message)
	require.Contains(t, got["outside.yaml"], "invalid-workflow")
}

func TestEachOfManyFilesIsReadOnce(t *testing.T) {
	files := map[string]string{}
	const count = 300
	for i := range count {
		text := "params: { n: { type: integer } }\nsteps:\n  - { uses: log, with: { message: hi } }\n"
		for j := i + 1; j < min(count, i+20); j++ {
			text += fmt.Sprintf("  - { call: w%03d, with: { n: %d } }\n", j, i)
		}
		files[fmt.Sprintf("w%03d.yaml", i)] = text
	}
	catalogue := &countingCatalogue{Catalogue: newTestCatalogue()}
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	loaded, problems := LoadFolder(dir, catalogue)
	require.Empty(t, problems)
	require.Len(t, loaded, count)
	require.Equal(t, count, catalogue.lookups, "each has one step of the catalogue")
}

type countingCatalogue struct {
	Catalogue
	lookups int
}

func (c *countingCatalogue) Lookup(name string) (*StepType, bool) {
	c.lookups++
	return c.Catalogue.Lookup(name)
}

func TestATextWithoutFolderCannotCall(t *testing.T) {
	_, problems := Parse("flow.yaml", []byte("steps: [{ call: greet }]"), newTestCatalogue())
	require.Len(t, problems, 1)
	require.Equal(t, "call-alone", problems[0].Code)
}

// memory is a folder of texts, as a ledger keeps them.
type memory map[string]string

func (m memory) Source(name string) (string, []byte, error) {
	text, ok := m[name]
	if !ok {
		return "", nil, fmt.Errorf("there is no %s", name)
	}
	return name + ".yaml", []byte(text), nil
}

func TestAFolderCanBeAnything(t *testing.T) {
	shelf := memory{"greet": greet, "caller": "steps: [{ call: greet, with: { friend: x } }, { call: caller }]"}
	_, problems := ParseIn("caller.yaml", []byte(shelf["caller"]), newTestCatalogue(), shelf)
	require.Len(t, problems, 1)
	require.Equal(t, "this call never ends: caller calls caller", problems[0].Message)
	w, problems := ParseIn("x.yaml", []byte("steps: [{ call: greet, with: { friend: x } }]"), newTestCatalogue(), shelf)
	require.Empty(t, problems)
	require.Equal(t, "问候", w.Calls["greet"].Name)
}

func TestLimitsOfWhatIsCalled(t *testing.T) {
	sends := "steps: [{ uses: message.send, with: { account: a, friend: b, text: hi } }]\n"
	_, loaded, problems := folderOf(t, map[string]string{
		"loud.yaml": sends, "held.yaml": "limits: { account: { rate: 1/s } }\n" + sends,
		"over.yaml": "steps: [{ call: loud }]", "other.yaml": "steps: [{ call: held }]",
	})
	require.Empty(t, problems)
	require.Contains(t, LimitWarnings(loaded["over.yaml"], nil)[0].Message, `"loud"`)
	require.Equal(t, loaded["over.yaml"].File, LimitWarnings(loaded["over.yaml"], nil)[0].File)
	require.Empty(t, LimitWarnings(loaded["other.yaml"], nil))
}
