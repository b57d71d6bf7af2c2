package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/sandbox"
)

// A foreach suspends the run's own steps. What they gave before is then read from the ledger, and must still be what it was.
func TestNumbersStayWholeOverARestart(t *testing.T) {
	h := build(t, sandbox.Config{Seed: 1, Fans: 25})
	run := h.wait(h.start(`
name: numbers
steps:
  - id: total
    uses: friend.count
  - foreach: { in: [{ a: 1 }], as: who }
    steps:
      - uses: message.send
        with: { account: 1, friend: f, text: "n ${{ steps.total.count % 7 }}" }
  - uses: assert
    with: { that: "${{ steps.total.count % 7 == 4 }}" }
`), over)
	require.Equal(t, engine.StatusSucceeded, run.Status, "%+v", run.Error)
}
