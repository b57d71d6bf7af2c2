package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// What is decided after the key sees it: where, and lane.
func TestWhereAndLaneSeeTheKey(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1})
	id := h.start(`
steps:
  - foreach: { in: [a, b, c], as: n, key: n + string(item.row), where: item.key != "b2", lane: item.key + "!" }
    steps:
      - { uses: log, with: { message: "${{ item.key }}" } }
`)
	h.wait(id, over)
	items := h.items(id)
	require.Len(t, items, 3)
	require.Equal(t, engine.StatusSkipped, items["b2"].Status)
	require.Equal(t, engine.StatusSucceeded, items["c3"].Status)
	require.Equal(t, "c3!", items["c3"].Lane)
}
