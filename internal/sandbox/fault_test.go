package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"doSendPublicMes:lose:1%": {Operation: "doSendPublicMes", Kind: KindLose, Probability: 0.01},
		"*:delay:50ms":            {Operation: "*", Kind: KindDelay, Delay: 50 * time.Millisecond},
		"*:delay=1.5s":            {Operation: "*", Kind: KindDelay, Delay: 1500 * time.Millisecond},
		"doSendPublicMes:http=429,retry_after=2:first=10":     {Operation: "doSendPublicMes", Kind: KindHTTP, Status: 429, RetryAfter: 2 * time.Second, First: 10},
		"doSendPublicMes:http=429,retry_after=2:over=600/min": {Operation: "doSendPublicMes", Kind: KindHTTP, Status: 429, RetryAfter: 2 * time.Second, Over: Pace{Count: 600, Per: time.Minute}},
		"doSendPublicMes:http=502,after:0.5%":                 {Operation: "doSendPublicMes", Kind: KindHTTP, Status: 502, After: true, Probability: 0.005},
		"token:expire:every=500":                              {Operation: "*", Kind: KindExpire, Every: 500},
		"token:http=500:count=2":                              {Operation: "token", Kind: KindHTTP, Status: 500, Count: 2},
		"applyTakeOver:code=200011:account=135389:p=0.25":     {Operation: "applyTakeOver", Kind: KindCode, Code: 200011, Account: "135389", Probability: 0.25},
		"endTakeOver:lose_before:every=3":                     {Operation: "endTakeOver", Kind: KindLoseBefore, Every: 3},
		"endTakeOver : 100% , truncate":                       {Operation: "endTakeOver", Kind: KindTruncate, Probability: 1},
		"*:garbage":                                           {Operation: "*", Kind: KindGarbage},
		"*:2s:slow":                                           {Operation: "*", Kind: KindSlow, Delay: 2 * time.Second},
		"doSendPublicMes:http=503:retry_after=1m0s:every=100": {Operation: "doSendPublicMes", Kind: KindHTTP, Status: 503, RetryAfter: time.Minute, Every: 100},
	} {
		got, err := ParseFault(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		again, err := ParseFault(got.String())
		require.NoError(t, err, got.String())
		require.Equal(t, got, again, got.String())
	}
}

func TestParseFaultRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "write OPERATION:KIND",
		"lose":                              "write OPERATION:KIND",
		":lose":                             "it has no operation",
		"*:":                                "it has no kind; kinds are delay, code",
		"*:1%":                              "it has no kind",
		"*:loose:1%":                        `"loose" is neither a kind`,
		"*:lose:garbage":                    "it already has a kind",
		"*:lose:1%:2%":                      "it already has a probability",
		"*:lose:1%:p=0.1":                   "it already has a probability",
		"*:lose:0%":                         "is no probability",
		"*:lose:101%":                       "is no probability",
		"*:lose:p=2":                        "is no probability",
		"*:lose:p=NaN":                      "is no probability",
		"*:lose:p=":                         "is no probability",
		"*:lose=3":                          "takes no value",
		"*:lose:50ms":                       "lose takes no duration",
		"*:delay":                           "delay needs a duration",
		"*:delay:-1s":                       "delay needs a duration",
		"*:delay:2h":                        "at most 1h0m0s",
		"*:delay=50ms:50ms":                 "it already has a duration",
		"*:delay=soon":                      "invalid duration",
		"*:code":                            "code needs a result code",
		"*:code=20000":                      "code needs a result code that is not a success",
		"*:code=x":                          "write a whole number above 0",
		"*:http":                            "http needs a status",
		"*:http=200":                        "from 400 to 599",
		"*:lose:retry_after=2":              "those are for http",
		"*:lose:after":                      "those are for http",
		"*:http=429:after=1":                "takes no value",
		"*:http=429:retry_after=1.5s":       "whole seconds",
		"*:http=429:retry_after=-2":         "seconds above 0",
		"*:lose:first=0":                    "whole number above 0",
		"*:lose:every=-1":                   "whole number above 0",
		"*:lose:count=many":                 "whole number above 0",
		"*:lose:account=":                   "needs a value",
		"token:code=200011":                 "the token endpoint knows no accounts and no result codes",
		"do Send:lose":                      "cannot hold",
		"*:lose:first=99999999999999999999": "whole number above 0",
	} {
		_, err := ParseFault(text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, fmt.Sprintf("fault %q", text), text)
	}
}

func FuzzParseFault(f *testing.F) {
	for _, seed := range []string{"doSendPublicMes:lose:1%", "*:delay:50ms", "token:expire:every=500", "a:http=429,retry_after=2:first=10:after", "a:code=7:p=1e-9:account=x:count=3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			return
		}
		require.NoError(t, fault.check())
		again, err := ParseFault(fault.String())
		require.NoError(t, err, fault.String())
		require.Equal(t, fault, again)
	})
}

// inject opens a sandbox with faults in text form.
func inject(t *testing.T, faults ...string) *client {
	t.Helper()
	var config Config
	for _, text := range faults {
		fault, err := ParseFault(text)
		require.NoError(t, err)
		config.Faults = append(config.Faults, fault)
	}
	return open(t, config)
}

const sendPath = "/v2/ChatMess/doSendPublicMes"

// Whether the message was delivered is the point of each kind: an answer that is lost must not be taken for a message
// that is lost.
func TestFaultKinds(t *testing.T) {
	for _, test := range []struct {
		fault     string
		delivered int
		check     func(t *testing.T, response *http.Response, body []byte, err error)
	}{
		{"doSendPublicMes:lose", 1, func(t *testing.T, _ *http.Response, _ []byte, err error) { require.ErrorIs(t, err, io.EOF) }},
		{"doSendPublicMes:lose_before", 0, func(t *testing.T, _ *http.Response, _ []byte, err error) { require.ErrorIs(t, err, io.EOF) }},
		{"doSendPublicMes:truncate", 1, func(t *testing.T, response *http.Response, body []byte, err error) {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Len(t, body, int(response.ContentLength/2))
		}},
		{"doSendPublicMes:garbage", 1, func(t *testing.T, response *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.False(t, json.Valid(body))
		}},
		{"doSendPublicMes:code=200011", 0, func(t *testing.T, response *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, response.StatusCode)
			var a answer
			require.NoError(t, json.Unmarshal(body, &a))
			require.Equal(t, 200011, a.Code)
			require.False(t, a.Succeed)
			require.Contains(t, a.description(), "doSendPublicMes:code=200011")
		}},
		{"doSendPublicMes:http=429,retry_after=2", 0, func(t *testing.T, response *http.Response, _ []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 429, response.StatusCode)
			require.Equal(t, "2", response.Header.Get("Retry-After"))
		}},
		{"doSendPublicMes:http=502", 0, func(t *testing.T, response *http.Response, _ []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 502, response.StatusCode)
			require.Empty(t, response.Header.Values("Retry-After"))
		}},
		{"doSendPublicMes:http=502,after", 1, func(t *testing.T, response *http.Response, _ []byte, err error) {
			require.NoError(t, err)
			require.Equal(t, 502, response.StatusCode)
		}},
		{"*:expire", 0, func(t *testing.T, _ *http.Response, body []byte, err error) {
			require.NoError(t, err)
			require.Contains(t, string(body), `"errmsg":10003`)
		}},
	} {
		t.Run(test.fault, func(t *testing.T) {
			c := inject(t, test.fault)
			response, body, err := c.do(sendPath, "application/json", text("1", "f", "hello"))
			test.check(t, response, body, err)
			require.EqualValues(t, test.delivered, c.box.Stats().Deliveries)
			require.Equal(t, 1, c.box.Stats().Faults[0].Hits)
		})
	}
}

func TestDelayAndSlowTakeTheirTime(t *testing.T) {
	for _, fault := range []string{"*:delay:60ms", "*:slow:60ms"} {
		c := inject(t, fault)
		start := time.Now()
		require.True(t, c.call("doSendPublicMes", text("1", "f", "hello")).Succeed)
		require.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond, fault)
	}
}

func TestSlowSendsTheHeaderAtOnce(t *testing.T) {
	c := inject(t, "*:slow:1h")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+sendPath, strings.NewReader(text("1", "f", "hello")))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request) // returns with the header; the body is an hour away
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.EqualValues(t, 1, c.box.Stats().Deliveries)
	require.NoError(t, response.Body.Close())
}

// A client that hangs up while it is delayed gets no effect.
func TestDelayEndsWithTheClient(t *testing.T) {
	c := inject(t, "*:delay:1h")
	c.http.Timeout = 30 * time.Millisecond
	_, _, err := c.do(sendPath, "application/json", text("1", "f", "hello"))
	require.Error(t, err)
	require.Zero(t, c.box.Stats().Deliveries)
}

func TestFaultsOnTheTokenEndpoint(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	const good = "client_id=a&client_secret=b&scope=Ls.Qkl.PublicApi&grant_type=client_credentials"
	c := inject(t, "token:http=503:count=1", "*:http=500")
	response, _, err := c.do("/connect/token", form, good)
	require.NoError(t, err)
	require.Equal(t, 503, response.StatusCode)
	response, _, err = c.do("/connect/token", form, good)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode, "* leaves the token endpoint alone")
}

func TestConditions(t *testing.T) {
	hits := func(fault string, n int) string {
		c := inject(t, fault)
		var pattern strings.Builder
		for i := range n {
			account := fmt.Sprint(i % 2)
			if c.call("doSendPublicMes", text(account, "f", "hello")).Succeed {
				pattern.WriteByte('.')
			} else {
				pattern.WriteByte('x')
			}
		}
		return pattern.String()
	}
	require.Equal(t, "xxx.......", hits("*:code=7:first=3", 10))
	require.Equal(t, "..x..x..x.", hits("*:code=7:every=3", 10))
	require.Equal(t, "..x..x....", hits("*:code=7:every=3:count=2", 10))
	require.Equal(t, "..x.......", hits("*:code=7:every=3:first=5", 10))
	require.Equal(t, ".x.x.x.x.x", hits("*:code=7:account=1", 10))
	require.Equal(t, ".x.x......", hits("*:code=7:account=1:first=2", 10))
	require.Equal(t, "..........", hits("endTakeOver:code=7", 10))
	require.Equal(t, "xxxxxxxxxx", hits("*:code=7:100%", 10))
}

// The account of a request that only carries a takeover key is that of the takeover.
func TestAccountOfATakeover(t *testing.T) {
	c := inject(t, "doSendPublicMes:code=7:account=135389")
	for account, want := range map[string]bool{"135389": false, "135380": true} {
		body := `{"TakeOverKey":"` + c.take(account, "f") + `","RelationType":0,"MsgType":"text","Text":"hi"}`
		require.Equal(t, want, c.call("doSendPublicMes", body).Succeed)
	}
}

func TestDelaysAddUpAndTheFirstOtherFaultWins(t *testing.T) {
	set := newFaultSet(1, []Fault{
		{Operation: "*", Kind: KindDelay, Delay: time.Second},
		{Operation: "*", Kind: KindGarbage, First: 1},
		{Operation: "*", Kind: KindDelay, Delay: time.Minute},
		{Operation: "*", Kind: KindLose},
		{Operation: "*", Kind: KindExpire},
	}, time.Now)
	v := set.judge("doSendPublicMes", "", nil)
	require.Equal(t, []any{61 * time.Second, KindGarbage, true}, []any{v.delay, v.fault.Kind, v.expire})
	require.Equal(t, KindLose, set.judge("doSendPublicMes", "", nil).fault.Kind)
	require.Equal(t, 1, set.counts()[3].Hits, "a fault that was forestalled is no hit")
}

// The same seed and the same requests give the same faults, in whatever order the requests come.
func TestChanceDoesNotDependOnOrder(t *testing.T) {
	faults := []Fault{{Operation: "*", Kind: KindLose, Probability: 0.2}, {Operation: "*", Kind: KindGarbage, Probability: 0.2}}
	outcome := func(seed uint64, contents []string) map[string][]Kind {
		set := newFaultSet(seed, faults, time.Now)
		var mu sync.Mutex
		kinds := map[string][]Kind{}
		var wait sync.WaitGroup
		for _, content := range contents {
			wait.Go(func() {
				for range 3 { // attempts of one content come one after the other
					v := set.judge("doSendPublicMes", "", []byte(content))
					mu.Lock()
					kinds[content] = append(kinds[content], v.fault.Kind)
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		return kinds
	}
	rapid.Check(t, func(t *rapid.T) {
		contents := rapid.SliceOfNDistinct(rapid.String(), 0, 20, rapid.ID).Draw(t, "contents")
		seed := rapid.Uint64().Draw(t, "seed")
		other := rapid.Permutation(contents).Draw(t, "other order")
		require.Equal(t, outcome(seed, contents), outcome(seed, other))
	})
}

func TestChanceIsAsProbableAsItSays(t *testing.T) {
	const n = 20_000
	for _, seed := range []uint64{1, 2, 3} {
		set := newFaultSet(seed, []Fault{{Operation: "*", Kind: KindLose, Probability: 0.05}}, time.Now)
		for i := range n {
			set.judge("doSendPublicMes", "", fmt.Append(nil, i/2)) // each content twice: the attempt is drawn anew
		}
		require.InDelta(t, 0.05, float64(set.counts()[0].Hits)/n, 0.01)
	}
}

// Two faults of the same probability are drawn apart, not both or neither.
func TestChancesAreIndependent(t *testing.T) {
	const n = 4000
	set := newFaultSet(1, []Fault{{Operation: "*", Kind: KindExpire, Probability: 0.5}, {Operation: "*", Kind: KindLose, Probability: 0.5}}, time.Now)
	both := 0
	for i := range n {
		if v := set.judge("doSendPublicMes", "", fmt.Append(nil, i)); v.expire && v.fault.Kind == KindLose {
			both++
		}
	}
	require.InDelta(t, 0.25, float64(both)/n, 0.03)
}

func TestSeedDecidesChance(t *testing.T) {
	pattern := func(seed uint64) string {
		c := open(t, Config{Seed: seed, Faults: []Fault{{Operation: "*", Kind: KindCode, Code: 7, Probability: 0.5}}})
		var hits strings.Builder
		for i := range 40 {
			fmt.Fprintf(&hits, "%t ", c.call("doSendPublicMes", text("1", fmt.Sprint(i), "x")).Succeed)
		}
		return hits.String()
	}
	first := pattern(7)
	require.Equal(t, first, pattern(7))
	require.NotEqual(t, first, pattern(8))
}

// A retry of the same content is drawn anew, so that a probable fault does not hit one content for ever.
func TestRetriesGetThrough(t *testing.T) {
	c := inject(t, "doSendPublicMes:code=200011:50%")
	for i := range 20 {
		body := text("1", fmt.Sprint("f", i), "hello")
		require.Eventually(t, func() bool { return c.call("doSendPublicMes", body).Succeed }, 10*time.Second, time.Microsecond)
	}
	require.EqualValues(t, 20, c.box.Stats().Deliveries)
}
