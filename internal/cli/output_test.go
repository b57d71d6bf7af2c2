package cli_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A table has columns for variants and waves when there are any, wherever in it: what it left out before comes with a
// second header.
func TestATableHasTheColumnsThatItNeeds(t *testing.T) {
	t.Parallel()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	c.write("youmiflow.yaml", connectionTo(""))
	list := &strings.Builder{}
	for n := range 450 {
		fmt.Fprintf(list, "%d, ", n)
	}
	for name, more := range map[string]string{"plain": "", "variants": "variants: { long: 1, short: 1 }, "} {
		c.write(name+".yaml", fmt.Sprintf("name: %s\nsteps:\n  - foreach: { in: [%s], as: n, key: string(n), where: n >= 300, %swaves: 100 }\n"+
			"    steps: [{ uses: log, with: { message: hi } }]\n", name, strings.TrimSuffix(list.String(), ", "), more))
		p := c.begin("run", name+".yaml", "--sandbox", "--quiet")
		require.Zero(t, p.wait(soon), p.err)
	}
	headers := func(workflow string) (found []string) {
		items := invoke(t, "--project", c.dir, "runs", "items", c.newest(workflow))
		require.Zero(t, items.code, items.err)
		for line := range strings.Lines(items.out) {
			if strings.HasPrefix(line, "STEP") {
				found = append(found, strings.Join(strings.Fields(line), " "))
			}
		}
		require.Equal(t, 450+len(found), strings.Count(items.out, "\n"))
		return found
	}
	require.Equal(t, []string{"STEP ROW KEY LANE STATUS REASON CALLS", "STEP ROW KEY LANE WAVE STATUS REASON CALLS"}, headers("plain"))
	require.Equal(t, []string{"STEP ROW KEY LANE VARIANT STATUS REASON CALLS", "STEP ROW KEY LANE VARIANT WAVE STATUS REASON CALLS"}, headers("variants"))
}

// newest is the id of a workflow's newest run.
func (c *campaign) newest(workflow string) string {
	c.t.Helper()
	runs := read[[]runJSON](c.t, "--project", c.dir, "runs", "list", "--workflow", workflow)
	require.NotEmpty(c.t, runs)
	return runs[0].ID
}

// The counts of a row add up, whatever the items came to.
func TestTheCountsOfAListAddUp(t *testing.T) {
	t.Parallel()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	c.write("youmiflow.yaml", connectionTo(""))
	c.write("slow.yaml", slowly("slow", "135380"))
	p := c.begin("run", "slow.yaml", "--sandbox")
	c.underway(p)
	pause := c.begin("runs", "pause", "last")
	require.Zero(t, pause.wait(soon), pause.err)
	p.wait(soon)
	addsUp := func(column string) {
		list := invoke(t, "--project", c.dir, "runs", "list")
		require.Zero(t, list.code, list.err)
		lines := strings.Split(list.out, "\n")
		titles, cells := strings.Fields(lines[0]), regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(lines[1]), -1)
		require.Contains(t, titles, column)
		items, sum := 0, 0
		for i, title := range titles {
			n := 0
			if i >= slices.Index(titles, "ITEMS") {
				_, err := fmt.Sscan(cells[len(cells)-len(titles)+i], &n)
				require.NoError(t, err, list.out)
			}
			if title == "ITEMS" {
				items = n
			} else {
				sum += n
			}
		}
		require.Equal(t, 10, items)
		require.Equal(t, items, sum, list.out)
	}
	addsUp("PENDING")
	cancel := c.begin("runs", "cancel", "last")
	require.Zero(t, cancel.wait(soon), cancel.err)
	addsUp("CANCELLED")
}
