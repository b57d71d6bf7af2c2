package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
)

// line is a connection to a daemon whose answers are those of the test. Its time may be virtual.
type line func(r *http.Request) (*http.Response, error)

func (l line) RoundTrip(r *http.Request) (*http.Response, error) { return l(r) }

// arrives has a request be sent.
func arrives(r *http.Request) { httptrace.ContextClientTrace(r.Context()).WroteHeaders() }

// says is an answer.
func says(status int, body string) *http.Response {
	kind := "application/json"
	if status >= 400 && strings.HasPrefix(body, "{") {
		kind = "application/problem+json"
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
}

func at(t *testing.T, l line) *Client {
	t.Helper()
	c, err := New(Config{URL: "http://daemon", HTTP: &http.Client{Transport: l}})
	require.NoError(t, err)
	return c
}

// A request whose answer was lost is repeated as it was until one is there; what is not known is said, and only that.
func TestARunIsStartedOnce(t *testing.T) {
	const (
		lost    = "lost"    // it may have arrived
		unsent  = "unsent"  // it has not
		begun   = "201"     // the answer
		cut     = "201 cut" // half of it
		proxy   = "502"     // a proxy's
		stops   = "503 unavailable"
		defect  = "500 internal"
		nobody  = "401 token"
		refused = "422 invalid"
		away    = "502 platform"
		left    = "left" // whoever asked does not wait any more
	)
	for name, one := range map[string]struct {
		answers  string // one for each request, the last for all others
		requests int    // 0: more than 50
		doubt    bool
		says     string // "": it is begun
	}{
		"at once":                          {begun, 1, false, ""},
		"the answers are lost":             {lost + ", " + proxy + ", " + stops + ", " + cut + ", " + unsent + ", " + begun, 6, false, ""},
		"all answers are lost":             {lost, 0, true, "not known whether the run was begun: the daemon at daemon cannot be reached"},
		"the daemon is not there":          {unsent, 1, false, "cannot be reached"},
		"it goes away for good":            {lost + ", " + unsent, 0, true, "not known"},
		"a wrong token":                    {nobody, 1, false, "the daemon says: 401"},
		"the token is taken back":          {lost + ", " + nobody, 2, true, "not known"},
		"refused":                          {refused, 1, false, "the daemon says: 422"},
		"the first was not heard":          {lost + ", " + refused, 2, false, "the daemon says: 422"},
		"the platform is away":             {away, 1, false, "the daemon says: 502"},
		"a defect":                         {defect, 1, true, "not known"},
		"whoever asked does not wait":      {left, 1, true, "not known"},
		"nor does he after an answer less": {lost + ", " + left, 2, true, "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				answers := strings.Split(one.answers, ", ")
				var keys, bodies []string
				c := at(t, func(r *http.Request) (*http.Response, error) {
					text, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					keys, bodies = append(keys, r.Header.Get("Idempotency-Key")), append(bodies, string(text))
					answer := answers[min(len(keys), len(answers))-1]
					status, code, _ := strings.Cut(answer, " ")
					if answer != unsent {
						arrives(r)
					}
					switch answer {
					case lost, unsent:
						return nil, io.ErrUnexpectedEOF
					case left:
						leave()
						return nil, context.Canceled
					case cut:
						return says(201, `{"id": "r`), nil
					case begun:
						return says(201, `{"id": "r1"}`), nil
					case proxy:
						return says(502, "bad gateway"), nil
					}
					number := 0
					_, err = fmt.Sscan(status, &number)
					require.NoError(t, err)
					return says(number, fmt.Sprintf(`{"code": %q, "detail": %q}`, code, status)), nil
				})
				order := Order{Params: map[string]any{"city": "北京"}, Digest: "sha256:1", Plan: "sha256:2", Rehearsal: true,
					Test: &engine.Test{Account: "a", Friend: "f", Rows: 2}}
				began := time.Now()
				run, err := c.Start(ctx, "greeting", order, "k1", time.Minute)
				require.InDelta(t, 30, time.Since(began).Seconds(), 31, "no longer than patience lasts")
				require.Equal(t, one.doubt, errors.As(err, new(*DoubtError)), "%v", err)
				if one.says == "" {
					require.NoError(t, err)
					require.Equal(t, "r1", run.ID)
				} else {
					require.ErrorContains(t, err, one.says)
				}
				if one.requests > 0 {
					require.Len(t, keys, one.requests)
				} else {
					require.Greater(t, len(keys), 50)
				}
				for i := range keys {
					require.Equal(t, "k1", keys[i])
					require.JSONEq(t, `{"params": {"city": "北京"}, "digest": "sha256:1", "plan": "sha256:2", "sandbox": true, "test_to": {"account": "a", "friend": "f", "rows": 2}}`, bodies[i])
				}
			})
		})
	}
}

// A plan knows neither a plan before it nor a rehearsal.
func TestWhatAPlanIsAskedWith(t *testing.T) {
	c := at(t, func(r *http.Request) (*http.Response, error) {
		var body map[string]any
		require.NoError(t, json.NewDecoder(r.Body).Decode(&body))
		require.Equal(t, map[string]any{"digest": "sha256:1", "samples": 5.0}, body)
		return says(200, `{"digest": "sha256:2"}`), nil
	})
	plan, err := c.Plan(t.Context(), "greeting", Order{Digest: "sha256:1", Plan: "sha256:3", Rehearsal: true, Samples: 5})
	require.NoError(t, err)
	require.Equal(t, "sha256:2", plan.Digest)
}

// streaming is a stream that a test writes to; it ends with its request.
func streaming(r *http.Request, write func(io.Writer)) (*http.Response, error) {
	body, to := io.Pipe()
	stop := context.AfterFunc(r.Context(), func() { _ = to.CloseWithError(context.Cause(r.Context())) })
	go func() {
		write(to)
		stop()
		_ = to.CloseWithError(io.ErrUnexpectedEOF)
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body}, nil
}

// A stream in which nothing changes is alive as long as it says so; one that is silent is not.
func TestAStreamThatIsAlive(t *testing.T) {
	const running, over = "event: run\nid: 1\ndata: {\"status\": \"running\"}\n\n", "event: run\nid: 2\ndata: {\"status\": \"succeeded\"}\n\nevent: end\ndata: {}\n\n"
	synctest.Test(t, func(t *testing.T) {
		began, streams := time.Now(), []time.Duration(nil)
		c := at(t, func(r *http.Request) (*http.Response, error) {
			streams = append(streams, time.Since(began).Round(time.Second))
			nth := len(streams)
			return streaming(r, func(w io.Writer) {
				switch nth {
				case 1:
					_, _ = io.WriteString(w, running)
					for range 40 { // ten minutes
						time.Sleep(15 * time.Second)
						_, _ = io.WriteString(w, ": still here\n\n")
					}
				case 2: // nothing at all
					<-r.Context().Done()
				default:
					_, _ = io.WriteString(w, over)
				}
			})
		})
		var seen []engine.Status
		for run, err := range c.Watch(t.Context(), "r", time.Minute) {
			require.NoError(t, err)
			seen = append(seen, run.Status)
		}
		require.Equal(t, []engine.Status{engine.StatusRunning, engine.StatusSucceeded}, seen)
		require.Equal(t, []time.Duration{0, 10*time.Minute + time.Second, 10*time.Minute + 47*time.Second}, streams)
	})
}

// A daemon that stays away is waited for as long as patience lasts.
func TestADaemonThatStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := at(t, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF })
		var last error
		for _, err := range c.Watch(t.Context(), "r", time.Minute) {
			last = err
		}
		require.ErrorAs(t, last, new(*UnreachableError))
		require.InDelta(t, 60, time.Since(began).Seconds(), 2)
	})
	synctest.Test(t, func(t *testing.T) { // one that lets in, and then says nothing
		c := at(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		for _, err := range c.Watch(t.Context(), "r", time.Minute) {
			require.ErrorAs(t, err, new(*UnreachableError))
			require.ErrorContains(t, err, "nothing is heard")
		}
	})
}
