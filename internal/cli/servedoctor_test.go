package cli_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A daemon without any connection can work on what calls nobody. It says so, and is not well.
func TestADaemonWithoutConnections(t *testing.T) {
	t.Parallel()
	c := servedCampaign(t, "")
	daemon := serve(t, c.dir)
	daemon.sees("there are no connections in youmiflow.yaml")
	_, found := daemon.ask(http.MethodGet, "/api/v1/doctor", nil)
	require.Contains(t, found, `"there is none: a run that calls the platform fails"`)
	daemon.end()
}
