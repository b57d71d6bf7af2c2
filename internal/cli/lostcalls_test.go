package cli_test

import (
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counted sums a metric up over its labels, where they contain a text.
func (s *served) counted(metric, labels string) (sum int) {
	s.t.Helper()
	_, page := s.ask(http.MethodGet, "/metrics", nil)
	for _, found := range regexp.MustCompile(`(?m)^`+metric+`(?:\{[^}]*`+labels+`[^}]*\})? (\d+)$`).FindAllStringSubmatch(page, -1) {
		n, err := strconv.Atoi(found[1])
		require.NoError(s.t, err)
		sum += n
	}
	return sum
}

// Calls that were in flight when a daemon was killed are counted by the next one, as what the run says they are.
func TestCallsOfADeadDaemonAreCounted(t *testing.T) {
	t.Parallel()
	box := startPlatform(t, "--fault", "doSendPublicMes:slow=300ms")
	c := servedCampaign(t, box.url)
	daemon := serve(t, c.dir)
	run := daemon.submit("double11")
	require.True(t, daemon.kill(0))
	daemon = serve(t, c.dir)
	require.Eventually(t, func() bool {
		doubt := daemon.run(run).Calls.Unknown
		return doubt > 0 && doubt == daemon.counted("youmiflow_calls_total", `outcome="unknown"`)
	}, soon, 50*time.Millisecond)
	daemon.end()
}
