package workflows

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

const restingCaller = `
name: caller
description: calls another
connection: second
triggers: [{ schedule: "@daily" }, { event: chat, if: event.from == "customer" }]
params: { who: { default: x } }
steps:
  - { id: one, call: greet, with: { friend: "${{ params.who }}" } }
  - { call: 问候, with: { friend: y } }
  - { call: middle }
`

const restingMiddle = "steps: [{ call: greet, with: { friend: z } }]"

func TestAWorkflowAtRest(t *testing.T) {
	dir, loaded, problems := folderOf(t, map[string]string{"caller.yaml": restingCaller, "middle.yaml": restingMiddle, "greet.yaml": greet})
	require.Empty(t, problems)
	whole := loaded["caller.yaml"]
	r := whole.Rest(newTestCatalogue())
	require.Equal(t, []any{whole.File, whole.Digest, "caller", "calls another", "second"}, []any{r.File, r.Digest, r.Name, r.Description, r.Connection})
	require.Equal(t, whole.Params, r.Params)
	require.Equal(t, whole.Triggers, r.Triggers)
	require.Same(t, r.Calls["greet"], r.Calls["middle"].Calls["greet"], "one that several call is kept once")
	var reach []string
	for _, one := range r.Reach() {
		reach = append(reach, one.Name)
	}
	require.Equal(t, []string{"问候", "middle", "caller"}, reach, "first those that are called")

	open, err := r.Open()
	require.NoError(t, err)
	require.Same(t, whole, open, "somebody has it open still")
	steps, digest, callee := len(whole.Steps), whole.Digest, whole.Calls["greet"].Digest
	runtime.KeepAlive(whole)
	clear(loaded)
	whole, open = nil, nil //nolint:ineffassign,wastedassign // the collector must not find them

	// What the files say by now does not matter.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "greet.yaml"), []byte("broken: ["), 0o600))
	runtime.GC()
	require.Nil(t, r.opened.Value(), "nobody needs it: its memory is free")
	open, err = r.Open()
	require.NoError(t, err)
	require.Equal(t, []any{steps, digest, callee}, []any{len(open.Steps), open.Digest, open.Calls["greet"].Digest})
	require.Same(t, open.Calls["greet"], open.Calls["问候"])
	again, err := r.Open()
	require.NoError(t, err)
	require.Same(t, open, again)
	runtime.KeepAlive(open)
}

func TestAWorkflowAtRestThatCannotBeRead(t *testing.T) {
	w, problems := Parse("w.yaml", []byte("steps: [{ uses: log, with: { message: hi } }]"), newTestCatalogue())
	require.Empty(t, problems)
	r := w.Rest(newTestCatalogue())
	r.opened, r.Source = (&Resting{}).opened, []byte("steps: [{ call: nobody }]")
	_, err := r.Open()
	require.ErrorContains(t, err, `reading the workflow w again, which was good before`)
	require.ErrorContains(t, err, `it was checked without the workflow "nobody"`)
}
