package cli_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/sandbox"
)

// inFlight is the example's concurrency, and so how many messages one flight holds.
const inFlight = 20

// crash is what the crash tests of one run share.
type crash struct {
	*campaign
	random  *rand.Rand
	options []string // of run and resume
	killed  int
}

// newCrash takes its seed from YOUMIFLOW_TEST_SEED, so that a failure can be had again.
func newCrash(c *campaign, options ...string) *crash {
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("YOUMIFLOW_TEST_SEED"), 10, 64); err == nil {
		seed = given
	}
	c.t.Logf("YOUMIFLOW_TEST_SEED=%d", seed)
	return &crash{campaign: c, random: rand.New(rand.NewPCG(seed, 0)), options: options}
}

// again starts the run, or resumes it when the ledger has one already.
func (c *crash) again(extra ...string) *process {
	c.t.Helper()
	runs := c.runs()
	require.LessOrEqual(c.t, len(runs), 1)
	if len(runs) == 1 {
		return c.begin(append([]string{"runs", "resume", "last"}, c.options...)...)
	}
	return c.begin(append(append([]string{"run", "campaign.yaml"}, c.options...), extra...)...)
}

// killOften starts and kills the run at random moments.
func (c *crash) killOften(times int, extra ...string) {
	c.t.Helper()
	for c.killed < times {
		moment := 10*time.Millisecond + time.Duration(c.random.IntN(440))*time.Millisecond
		if c.killed == 0 {
			moment += 3 * time.Second // so that there is a run to resume, also where starting is slow
		}
		require.True(c.t, c.again(extra...).kill(moment), "the run ended before it was killed %d times", times)
		c.killed++
	}
}

// finish lets the run come to its end.
func (c *crash) finish() runJSON {
	c.t.Helper()
	last := c.again()
	code := last.wait(soon)
	run := c.runs()[0]
	require.Equal(c.t, map[string]int{"succeeded": 0, "partial": 4}[run.Status], code, "%s\n%s", run.Status, last.err)
	c.t.Logf("%d items unknown after %d kills", run.Counts.Unknown, c.killed)
	return run
}

func kills(t *testing.T) int {
	if testing.Short() {
		return 5
	}
	t.Helper()
	return 20
}

// A campaign whose process is killed at twenty random moments keeps every promise once it is resumed. The platform
// answers slowly after it has done what was asked, so that each kill leaves messages behind whose answer nobody heard.
func TestKilledAtTwentyMoments(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=80ms")
	c := newCrash(newCampaign(t, 400, box.url))
	c.killOften(kills(t))
	run := c.finish()
	c.kept(box, run, c.killed*2*inFlight)
	require.Equal(t, 1500, run.Takeovers.Ended)
}

// The same with the sandbox inside the process: it dies with it, and finds its world again in its journal.
func TestKilledTogetherWithTheSandbox(t *testing.T) {
	t.Parallel()
	c := newCrash(newCampaign(t, 400, ""), "--fault", "doSendPublicMes:slow=80ms")
	c.killOften(kills(t), "--sandbox")
	run := c.finish()
	box, err := sandbox.New(sandbox.Config{Journal: filepath.Join(c.dir, ".youmiflow", "sandbox.jsonl")})
	require.NoError(t, err)
	defer box.Close()
	c.kept(box, run, c.killed*2*inFlight)
}
