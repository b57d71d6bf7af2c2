package youmi

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRawReachesAnyPath(t *testing.T) {
	var got, body, authorization string
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		got, body, authorization = r.Method+" "+r.URL.RequestURI(), string(read), r.Header.Get("Authorization")
		_, _ = io.WriteString(w, done)
	})
	config := p.config()
	config.BaseURL += "/gateway"
	client, err := New(config)
	require.NoError(t, err)

	response, err := client.Raw(t.Context(), Request{Path: "/v2/New/Thing", Body: map[string]int{"a": 1}, Effect: "idempotent"})
	require.NoError(t, err)
	require.Equal(t, CodeDone, response.Code)
	require.Equal(t, "POST /gateway/v2/New/Thing", got, "POST with a body")
	require.JSONEq(t, `{"a":1}`, body)
	require.Equal(t, "Bearer token-1", authorization)

	_, err = client.Raw(t.Context(), Request{Path: "/v2/新", Query: url.Values{"b": {"1 & 2"}, "a": {"x"}}, Effect: "read"})
	require.NoError(t, err)
	require.Equal(t, "GET /gateway/v2/%E6%96%B0?a=x&b=1+%26+2", got)

	_, err = client.Raw(t.Context(), Request{Method: "delete", Path: "/v2/x", Effect: "message"})
	require.NoError(t, err)
	require.Equal(t, "DELETE /gateway/v2/x", got)
}

func TestRawSignsVersion1(t *testing.T) {
	p := newSignedPlatform(t, 0)
	p.refuse = []int{CodeTokenExpired, 200012}
	_, err := p.client(t).Raw(t.Context(), Request{Version: V1, Path: "/group/Create", Body: []byte(`{}`), Effect: "message"})
	require.EqualError(t, err, "POST /group/Create: 200012 wrong parameters", "the same renewal, and the same words")
	require.Equal(t, Failed, Classify(err))
	require.Len(t, p.calls, 2)
}

func TestRawRefusesWhatLeadsElsewhere(t *testing.T) {
	called := false
	p := newPlatform(t, func(http.ResponseWriter, *http.Request) { called = true })
	client := p.client(t)
	for path, want := range map[string]string{
		"https://evil.example/v2":            "must not be a whole address",
		"":                                   "begin with a slash",
		"v2/x":                               "begin with a slash",
		"@evil.example/x":                    "begin with a slash",
		":80/x":                              "begin with a slash",
		"//evil.example/x":                   "empty segment",
		"/v2//x":                             "empty segment",
		`/\evil.example`:                     "hidden slash",
		"/v2/%2F/x":                          "hidden slash",
		"/v2/%5cx":                           "hidden slash",
		"/v2/../admin":                       "segment of dots",
		"/v2/..":                             "segment of dots",
		"/./v2":                              "segment of dots",
		"/v2/%2e%2E/admin":                   "segment of dots",
		"/v2/%2E%2E/admin":                   "segment of dots",
		"/v2/..;a/admin":                     "segment of dots",
		"/v2/x?a=1":                          "? or #",
		"/v2/x#a":                            "? or #",
		"/v2/x\r\nHost: evil":                "control character",
		"/v2/a b":                            "space",
		"/v2/%zz":                            "broken % escape",
		"/" + strings.Repeat("a", 1<<10):     "longer than",
		"/v2/x" + string(rune(0)) + "/admin": "control character",
	} {
		_, err := client.Raw(t.Context(), Request{Path: path, Effect: "read"})
		require.ErrorContains(t, err, want, path)
		require.Equal(t, Failed, Classify(err), path)
		if path != "" {
			config := p.config()
			config.Operations = map[string]Override{OperationSend: {Path: path}}
			_, err = New(config)
			require.ErrorContains(t, err, want, "an override's path is held to the same: %s", path)
		}
	}
	long := url.Values{"a": {strings.Repeat("a", MaxRequestQuery)}}
	for want, request := range map[string]Request{
		`version "v3"`:      {Version: "v3", Path: "/a", Effect: "read"},
		`method "TRACE"`:    {Method: "trace", Path: "/a", Effect: "read"},
		`effect ""`:         {Path: "/a"},
		"a GET has no body": {Method: "GET", Path: "/a", Body: "x", Effect: "read"},
		"query is longer":   {Path: "/a", Query: long, Effect: "read"},
		"body has":          {Path: "/a", Body: make([]byte, MaxRequestBody+1), Effect: "read"},
		"cannot be written": {Path: "/a", Body: make(chan int), Effect: "read"},
	} {
		_, err := client.Raw(t.Context(), request)
		require.ErrorContains(t, err, want)
		require.Equal(t, Failed, Classify(err), want)
	}
	require.False(t, called)
}

// Whatever path is let through, the request stays on the host and below the base.
func FuzzRawPath(f *testing.F) {
	for _, seed := range []string{"/v2/x", "//host", "/..", "/a/%2e%2e/b", `/\host`, "/a;b=c", "/新", "/@host", "/a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if validatePath(path) != nil {
			return
		}
		address, err := url.Parse("https://api.example.com/base" + path)
		require.NoError(t, err)
		require.Equal(t, "api.example.com", address.Host)
		require.Empty(t, address.RawQuery+address.Fragment)
		require.True(t, strings.HasPrefix(address.EscapedPath(), "/base/"), address.EscapedPath())
		require.Equal(t, address.Path, address.JoinPath().Path, "nothing left to resolve")
	})
}

// net/http repeats a GET whose kept connection breaks before the answer; a GET that is a message must not be.
func TestAGetThatIsAMessageIsSentOnce(t *testing.T) {
	requests := make(chan string, 10)
	address := rawServer(t, func(conn net.Conn) {
		defer conn.Close()
		readRequest(conn)
		requests <- "first"
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(done), done)
		readRequest(conn) // the kept connection's second request, and no answer
		requests <- "second"
	})
	p := newPlatform(t, answer(done))
	config := p.config()
	config.BaseURL = "http://" + address
	client, err := New(config)
	require.NoError(t, err)
	defer client.CloseIdle()
	for _, want := range []Verdict{Succeeded, Unknown} {
		_, err := client.Raw(t.Context(), Request{Path: "/v2/x", Effect: "message"})
		require.Equal(t, want, Classify(err))
	}
	var seen []string
	for range len(requests) {
		seen = append(seen, <-requests)
	}
	require.Equal(t, []string{"first", "second"}, seen, "and not on a third connection")
}
