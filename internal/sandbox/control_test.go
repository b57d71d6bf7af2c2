package sandbox

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func requireSameJSON(t require.TestingT, want, got any) {
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b))
}

func TestControlReads(t *testing.T) {
	c := open(t, Config{Seed: 9})
	var deliveries []Delivery
	c.get("/_sandbox/deliveries", &deliveries)
	require.NotNil(t, deliveries, "no delivery is an empty array, not null")
	require.Empty(t, deliveries)

	key := c.take("1", "f")
	c.take("1", "g")
	for _, friend := range []string{"f", "g", "f"} {
		require.True(t, c.call("doSendPublicMes", text("1", friend, "hello")).Succeed)
	}
	require.True(t, c.call("endTakeOver", `{"TakeOverKey":"`+key+`"}`).Succeed)

	for query, sequences := range map[string][]uint64{
		"": {1, 2, 3}, "?friend=f": {1, 3}, "?account=2": {}, "?limit=2": {2, 3}, "?friend=f&limit=1": {3}, "?limit=9": {1, 2, 3}, "?limit=0": {},
	} {
		var list []Delivery
		c.get("/_sandbox/deliveries"+query, &list)
		got := []uint64{}
		for _, d := range list {
			got = append(got, d.Sequence)
		}
		require.Equal(t, sequences, got, query)
	}
	for query, friends := range map[string][]string{"": {"f", "g"}, "?state=open": {"g"}, "?state=ended": {"f"}} {
		var list []Takeover
		c.get("/_sandbox/takeovers"+query, &list)
		got := []string{}
		for _, takeover := range list {
			got = append(got, takeover.Friend)
		}
		require.Equal(t, friends, got, query)
	}
	var stats Stats
	c.get("/_sandbox/stats", &stats)
	requireSameJSON(t, c.box.Stats(), stats)
	require.Equal(t, []int{9, 6, 3, 1, 1, 1}, []int{int(stats.Seed), int(stats.Requests), int(stats.Deliveries), stats.Duplicates, stats.OpenTakeovers, stats.EndedTakeovers})
}

func TestControlRefuses(t *testing.T) {
	c := open(t, Config{})
	for path, want := range map[string]int{
		"/_sandbox/deliveries?limit=few": 400, "/_sandbox/deliveries?limit=-1": 400, "/_sandbox/takeovers?state=lost": 400, "/_sandbox/else": 404, "/_sandbox/reset": 405,
	} {
		response, err := c.http.Get(c.url + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
	}
}

func TestControlFaults(t *testing.T) {
	c := open(t, Config{})
	post := func(body string) (int, string) {
		response, text, err := c.do("/_sandbox/faults", "application/json", body)
		require.NoError(t, err)
		return response.StatusCode, string(text)
	}
	status, body := post(`["doSendPublicMes:code=200011:first=1","*:lose:1%"]`)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `[{"fault":"doSendPublicMes:code=200011:first=1","matching":0,"hits":0},{"fault":"*:lose:1%","matching":0,"hits":0}]`, body)
	require.False(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)
	require.True(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)
	var counts []FaultCount
	c.get("/_sandbox/faults", &counts)
	require.Equal(t, []int{2, 1}, []int{counts[0].Matching, counts[0].Hits})

	for body, want := range map[string]string{
		`["sendIt:lose"]`: `there is no operation`, `["*:loose"]`: "is neither a kind", `{}`: "write an array of faults", `[1]`: "write an array of faults", ``: "write an array",
	} {
		status, text := post(body)
		require.Equal(t, http.StatusBadRequest, status, body)
		require.Contains(t, text, want)
	}
	c.get("/_sandbox/faults", &counts)
	require.Len(t, counts, 2, "what was refused changes nothing")
	status, body = post(`[]`)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, `[]`, body)
}

func TestControlReset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	c := open(t, Config{Journal: path, Faults: []Fault{{Operation: "*", Kind: KindCode, Code: 7, Every: 3}}})
	c.take("1", "f")
	require.True(t, c.call("doSendPublicMes", text("1", "f", "x")).Succeed)
	response, _, err := c.do("/_sandbox/reset", "application/json", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	stats := c.box.Stats()
	require.Zero(t, stats.Deliveries)
	require.Zero(t, stats.OpenTakeovers)
	require.Empty(t, stats.Accounts)
	require.Empty(t, c.box.Deliveries())
	require.Empty(t, c.box.Takeovers())
	require.Zero(t, stats.Faults[0].Matching)
	require.JSONEq(t, `{"taskId":"1"}`, string(c.call("doSendPublicMes", text("1", "f", "x")).Values), "tokens stay good, numbers start anew")
	require.NoError(t, c.box.Close())
	again, err := New(Config{Journal: path})
	require.NoError(t, err)
	require.EqualValues(t, 1, again.Stats().Deliveries)
	require.NoError(t, again.Close())
}

// A page of another site cannot make a browser reset the sandbox.
func TestControlRefusesOtherSites(t *testing.T) {
	c := open(t, Config{})
	request, err := http.NewRequest(http.MethodPost, c.url+"/_sandbox/reset", strings.NewReader(""))
	require.NoError(t, err)
	request.Header.Set("Origin", "https://evil.example")
	request.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := c.http.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusForbidden, response.StatusCode)
}
