package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Why items were skipped is said with the run: the most frequent reasons, and how many there are besides.
func TestTheReasonsOfTheSkippedAreNamed(t *testing.T) {
	t.Parallel()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	c.write("youmiflow.yaml", connectionTo(""))
	limits, steps := &strings.Builder{}, &strings.Builder{}
	for n := range 6 { // who got one of these is left out for the rest of the week, by a limit of its own
		fmt.Fprintf(limits, "  once_%d: { by: call.account + \"/\" + call.friend, match: call.account == \"%d\", per: 7d, max: 1, over: skip }\n", n, n)
	}
	for n := range 6 {
		for f := range 6 - n {
			fmt.Fprintf(steps, "{ account: \"%d\", friend: \"f%d\" }, ", n, f)
		}
	}
	c.write("campaign.yaml", fmt.Sprintf("limits:\n%ssteps:\n  - foreach: { in: [%s], as: row, key: row.account + row.friend }\n    steps:\n"+
		"      - uses: message.send\n        with: { account: \"${{ row.account }}\", friend: \"${{ row.friend }}\", text: hello }\n",
		limits, strings.TrimSuffix(steps.String(), ", ")))
	for _, skipped := range []string{"", "items      21, 21 skipped\n" +
		"           6 skipped: the limit once_0 lets nothing more pass\n" +
		"           5 skipped: the limit once_1 lets nothing more pass\n" +
		"           4 skipped: the limit once_2 lets nothing more pass\n" +
		"           3 skipped: the limit once_3 lets nothing more pass\n" +
		"           2 skipped: the limit once_4 lets nothing more pass\n" +
		"           1 skipped for other reasons\ncalls "} {
		p := c.begin("run", "campaign.yaml", "--sandbox")
		require.Zero(t, p.wait(soon), p.err)
		require.Contains(t, p.out.String(), skipped)
	}
}
