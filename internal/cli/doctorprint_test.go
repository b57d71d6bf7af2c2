package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"

	"youmiflow/internal/web/result"
)

// What is found fits the terminal, whatever there is to say, and nothing of it is lost.
func TestFindingsFitATerminal(t *testing.T) {
	findings := []result.Finding{
		{Name: "project", Status: result.Healthy, Found: "/srv/campaigns/" + strings.Repeat("x", 90) + "/youmiflow.yaml"},
		{Name: "takeovers", Status: result.Ill, Found: "1 takeover could not be ended, such as that of account 135389 with 友友友友 友友友友友友友友友: the platform refused it",
			Advice: "end it in the platform's own client; that run's other conversations: youmiflow runs show 20261123-044737-i4ws"},
	}
	for _, width := range []int{20, 60, 80, 200} {
		var out bytes.Buffer
		require.NoError(t, writeFindings(&out, findings, width))
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		require.Equal(t, "CHECK      STATUS  FOUND", lines[0])
		require.Equal(t, "project    ok      "+findings[0].Found, lines[1], "a path stays whole")
		for _, line := range lines[2:] {
			require.LessOrEqual(t, runewidth.StringWidth(line), max(width, 49), line)
		}
		said := strings.Join(strings.Fields(strings.Join(lines[2:], " ")), " ")
		require.Equal(t, "takeovers fail "+findings[1].Found+" what to do: "+findings[1].Advice, said)
	}
}
