package cli_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
)

// campaign is a project with the Double 11 example in a folder of its own.
type campaign struct {
	t    *testing.T
	dir  string
	most map[string]int // messages that the campaign has for a friend
}

// runJSON and itemJSON are what the tests read of the documented results.
type runJSON struct {
	ID, Workflow, Status string
	Counts               struct {
		Total, Pending, Held, Succeeded, Failed, Unknown, Skipped, Cancelled int
	}
	Calls     struct{ Total, Succeeded, Failed, Unknown int }
	Takeovers struct{ Held, Ended, Stuck int }
	Error     *struct{ Code, Message string }
}

type itemJSON struct {
	Key, Status, Reason string
	Calls               []struct{ Operation, State string }
}

// newCampaign copies the example, with so many messages a second for each of its 20 accounts. With a URL, its
// connection is the sandbox there.
func newCampaign(t *testing.T, rate int, url string) *campaign {
	t.Helper()
	c := &campaign{t: t, dir: t.TempDir(), most: map[string]int{}}
	example := filepath.Join("..", "..", "examples", "double11")
	text, err := os.ReadFile(filepath.Join(example, "campaign.yaml"))
	require.NoError(t, err)
	rates := regexp.MustCompile(`(?m)^    rate: .*\n    gap: .*$`)
	require.True(t, rates.Match(text))
	text = rates.ReplaceAll(text, fmt.Appendf(nil, "    rate: %d/s\n    gap: 1ms..2ms", rate))
	c.write("campaign.yaml", string(text))
	list, err := os.ReadFile(filepath.Join(example, "audience.csv"))
	require.NoError(t, err)
	c.write("audience.csv", string(list))
	c.write("youmiflow.yaml", connectionTo(url))
	c.tiers()
	return c
}

func connectionTo(url string) string {
	if url == "" {
		return "timezone: Asia/Shanghai\n"
	}
	return fmt.Sprintf("connections:\n  default: { base_url: %q, token_url: %q, client_id: any, client_secret: any }\n", url, url+"/connect/token")
}

func (c *campaign) write(name, text string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
}

// tiers notes what the campaign has for everybody: one message for gold, two for VIP.
func (c *campaign) tiers() {
	file, err := os.Open(filepath.Join(c.dir, "audience.csv"))
	require.NoError(c.t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(c.t, err)
	require.Equal(c.t, []string{"account", "friend", "name", "tier"}, rows[0][:4])
	for _, row := range rows[1:] {
		c.most[row[1]] = max(c.most[row[1]], map[string]int{"gold": 1, "vip": 2}[row[3]])
	}
}

func (c *campaign) begin(arguments ...string) *process {
	c.t.Helper()
	return begin(c.t, c.dir, arguments...)
}

func (c *campaign) runs() []runJSON {
	c.t.Helper()
	return read[[]runJSON](c.t, "--project", c.dir, "runs", "list")
}

func (c *campaign) items(id string, arguments ...string) []itemJSON {
	c.t.Helper()
	return read[[]itemJSON](c.t, append([]string{"--project", c.dir, "runs", "items", id}, arguments...)...)
}

// world is what a sandbox remembers, wherever it is.
type world interface {
	Stats() sandbox.Stats
	Deliveries() []sandbox.Delivery
}

// kept holds a run to the promises: everybody is accounted for, nobody got a message twice or one too many, no
// conversation is still held, and no more than so many messages are in doubt.
func (c *campaign) kept(w world, run runJSON, doubts int) {
	t, n := c.t, run.Counts
	t.Helper()
	require.Equal(t, 2000, n.Total)
	require.Equal(t, n.Total, n.Succeeded+n.Failed+n.Unknown+n.Skipped)
	require.Equal(t, 500, n.Skipped)
	require.Zero(t, n.Failed, "the platform refused nothing")
	require.LessOrEqual(t, n.Unknown, doubts)
	require.Equal(t, map[bool]string{true: "succeeded", false: "partial"}[n.Unknown == 0], run.Status)
	require.Nil(t, run.Error)
	require.Zero(t, run.Takeovers.Held)
	require.Zero(t, run.Takeovers.Stuck)

	stats := w.Stats()
	require.Zero(t, stats.Duplicates, "messages that came twice")
	require.Zero(t, stats.OpenTakeovers, "conversations that nobody handed back")
	delivered := map[string]int{}
	for _, delivery := range w.Deliveries() {
		delivered[delivery.Friend]++
	}
	for friend, n := range delivered {
		require.LessOrEqual(t, n, c.most[friend], friend)
	}
	c.accounted(run, delivered)
}

// accounted checks that what the ledger says of everybody is what happened.
func (c *campaign) accounted(run runJSON, delivered map[string]int) {
	t := c.t
	t.Helper()
	items := c.items(run.ID)
	require.Len(t, items, 2000)
	for _, item := range items {
		switch item.Status {
		case "succeeded":
			require.Equal(t, c.most[item.Key], delivered[item.Key], item.Key)
		case "skipped":
			require.NotEmpty(t, item.Reason)
			require.Empty(t, item.Calls)
		}
	}
	doubtful := c.items(run.ID, "--status", "failed,unknown")
	require.Len(t, doubtful, run.Counts.Failed+run.Counts.Unknown)
	for _, item := range doubtful {
		require.NotEmpty(t, item.Reason, item.Key)
		unknown := 0
		for _, call := range item.Calls {
			if call.State == "unknown" {
				unknown++
			}
		}
		require.Equal(t, 1, unknown, "%s has one message in doubt, and nothing was sent after it", item.Key)
	}
}
