package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
	"youmiflow/workflows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "secret-0123456789"

// serving is a client of a server that answers as told.
func serving(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(func() { http.DefaultClient.CloseIdleConnections(); server.Close() })
	c, err := New(Config{URL: server.URL, Token: workflows.NewSecret(secret), UserAgent: "test"})
	require.NoError(t, err)
	return c
}

func TestAddresses(t *testing.T) {
	for _, wrong := range []string{"", "campaigns.example.com", "ftp://a", "http://", "http://a?b=c", "https://user:secret@a", "http://a:b:c"} {
		_, err := New(Config{URL: wrong})
		require.ErrorContains(t, err, "no address of a daemon", wrong)
	}
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v1/runs/a%2F..%2Fb", r.URL.EscapedPath(), "names stay within their part of the path")
		require.Equal(t, "Bearer "+secret, r.Header.Get("Authorization"))
		_, _ = fmt.Fprint(w, `{"id": "r"}`)
	})
	run, err := c.Run(t.Context(), "a/../b")
	require.NoError(t, err)
	require.Equal(t, "r", run.ID)
}

// The token is sent to the daemon that was named, and nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token has gone elsewhere") }))
	defer elsewhere.Close()
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.Run(t.Context(), "r")
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusTemporaryRedirect, refused.Status)
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }, "reading what the daemon"},
		"a proxy": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "502 Bad Gateway"},
		"a bad excuse": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
		}, "reading what the daemon"},
		"a cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = fmt.Fprint(w, `{"id":`)
		}, "unexpected EOF"},
	} {
		c := serving(t, one.answer)
		_, err := c.Run(t.Context(), "r")
		require.ErrorContains(t, err, one.says, name)
		require.NotContains(t, err.Error(), secret)
	}
}

func TestPagesAreReadAsFarAsWanted(t *testing.T) {
	asked := 0
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		require.Equal(t, "failed,unknown", r.URL.Query().Get("status"))
		first := map[string]string{"": "1", "two": "2", "three": "3"}[r.URL.Query().Get("cursor")]
		next := map[string]string{"1": `"two"`, "2": `"three"`, "3": "null"}[first]
		_, _ = fmt.Fprintf(w, `{"items": [{"id": "%[1]sa"}, {"id": "%[1]sb"}], "next": %[2]s}`, first, next)
	})
	read := func(most int) (ids string) {
		asked = 0
		for run, err := range c.Runs(t.Context(), engine.RunFilter{Limit: most, Statuses: []engine.Status{engine.StatusFailed, engine.StatusUnknown}}) {
			require.NoError(t, err)
			ids += run.ID + " "
		}
		return ids
	}
	require.Equal(t, "1a 1b 2a 2b 3a 3b ", read(0))
	require.Equal(t, "1a 1b 2a 2b ", read(4))
	require.Equal(t, 2, asked)
	for _, err := range c.Runs(t.Context(), engine.RunFilter{Statuses: []engine.Status{engine.StatusFailed, engine.StatusUnknown}}) {
		require.NoError(t, err)
		break
	}
}

// A stream that breaks off is taken up where it was; a refusal is final.
func TestStreamsAreTakenUpAgain(t *testing.T) {
	connections := 0
	c := serving(t, func(w http.ResponseWriter, r *http.Request) {
		connections++
		require.Equal(t, []string{"", "1", "1"}[connections-1], r.Header.Get("Last-Event-ID"))
		switch connections {
		case 1:
			_, _ = fmt.Fprint(w, "retry: 1000\n\n: hello\n\nevent: run\nid: 1\ndata: {\"id\": \"r\", \"status\": \"running\"}\n\nevent: run\nid: 2\ndata: {\"id\"")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			_, _ = fmt.Fprint(w, "event: run\nid: 3\ndata: {\"id\": \"r\", \"status\": \"succeeded\"}\n\nevent: end\nid: 3\ndata: {}\n\n")
		}
	})
	var seen []engine.Status
	for run, err := range c.Watch(t.Context(), "r", time.Minute) {
		require.NoError(t, err)
		seen = append(seen, run.Status)
	}
	require.Equal(t, []engine.Status{engine.StatusRunning, engine.StatusSucceeded}, seen)

	c = serving(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	for _, err := range c.Watch(t.Context(), "r", time.Minute) {
		require.ErrorContains(t, err, "401")
	}
}

// Whatever a server sends, reading it ends, and without a panic.
func FuzzStreams(f *testing.F) {
	for _, seed := range []string{"", "event: run\nid: 1\ndata: {}\n\n", "event: end\ndata: {}\n\n", "data: [", ":\n\n\n", "event: run\ndata: {\"counts\": 3}\n\n", strings.Repeat("x", 70_000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := New(Config{URL: "http://daemon", HTTP: &http.Client{Transport: canned(text)}})
		require.NoError(t, err)
		last := ""
		_, _ = c.watch(t.Context(), "r", &last, func() {}, func(result.Run) bool { return true })
		_, _ = c.Run(t.Context(), "r")
	})
}

// canned answers every request with the same.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	_, _ = answer.WriteString(string(c))
	return answer.Result(), nil
}
