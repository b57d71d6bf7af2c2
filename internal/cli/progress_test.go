package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// While a person is asked, the progress says so: before the list is read, and between two waves.
func TestProgressSaysThatAPersonIsAsked(t *testing.T) {
	t.Parallel()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	c.write("youmiflow.yaml", connectionTo(""))
	c.write("asks.yaml", `
name: asks
steps:
  - id: sure
    approve: Is the list right?
  - id: reach
    foreach: { in: [1, 2, 3, 4], as: n, key: string(n), waves: { sizes: [1, 100%], approve: true } }
    steps:
      - uses: message.send
        with: { account: "135380", friend: "f${{ n }}", text: hello }
`)
	p := c.begin("run", "asks.yaml", "--sandbox")
	p.sees("  waiting for a person: sure\n")
	approve := c.begin("runs", "approve", "last")
	require.Zero(t, approve.wait(soon), approve.err)
	p.sees("/s; waiting for a person: reach/wave-2\n")
	approve = c.begin("runs", "approve", "last")
	require.Zero(t, approve.wait(soon), approve.err)
	require.Zero(t, p.wait(soon), p.err)
}
