package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// listed is a test server as an allowed host.
func listed(t *testing.T, server *httptest.Server) Host {
	t.Helper()
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	return Host{Scheme: address.Scheme, Name: address.Hostname(), Port: address.Port()}
}

func serve(t *testing.T, answer http.HandlerFunc) (*httptest.Server, *Client) {
	t.Helper()
	server := httptest.NewServer(answer)
	client := New(Config{Hosts: []Host{listed(t, server)}, AllowPrivate: true})
	t.Cleanup(func() { client.CloseIdle(); server.Close() })
	return server, client
}

func problem(t *testing.T, err error) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	require.True(t, ok, "%v", err)
	return e
}

func TestARequestAndItsAnswer(t *testing.T) {
	defer goleak.VerifyNone(t)
	server, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("Authorization")+" "+r.UserAgent()+" "+string(body))
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "later")
	})
	defer server.Close()
	response, err := client.Do(t.Context(), Request{Method: "POST", URL: server.URL + "/x?q=1", Header: map[string]string{"authorization": "Bearer t"}, Body: []byte("{}")})
	require.NoError(t, err)
	require.Equal(t, 503, response.Status)
	require.Equal(t, "POST Bearer t youmiflow {}", response.Header["X-Seen"])
	require.Equal(t, "later", string(response.Body))
	require.Equal(t, 7*time.Second, response.RetryAfter)
	client.CloseIdle()
}

func TestOnlyListedHostsAreReached(t *testing.T) {
	client := New(Config{Hosts: []Host{{"https", "crm.example.com", ""}, {"http", "old.example.com", "8080"}}})
	for address, allowed := range map[string]bool{
		"https://crm.example.com/a": true, "https://CRM.example.com.:443/a": true, "http://old.example.com:8080": true,
		"http://crm.example.com": false, "https://crm.example.com:8443": false, "https://old.example.com:8080": false,
		"https://crm.example.com.evil.com": false, "https://evil.com/crm.example.com": false, "https://crm.example.com@evil.com": false,
		"https://user:pw@crm.example.com": false, "file:///etc/passwd": false, "ftp://crm.example.com": false, "crm.example.com": false,
		"https:crm.example.com": false, "": false, "https://127.0.0.1": false, "https://crm.example.com%2eevil.com": false,
	} {
		_, err := client.Allowed(address)
		require.Equal(t, allowed, err == nil, "%s: %v", address, err)
		if !allowed {
			_, err = client.Do(t.Context(), Request{URL: address})
			require.False(t, problem(t, err).Left)
			require.NotContains(t, err.Error(), "pw")
		}
	}
	_, err := New(Config{}).Allowed("http://x.example.com:81/a?token=t")
	require.EqualError(t, err, `http://x.example.com:81/a: the host is not allowed: add "http://x.example.com:81" to http.hosts in youmiflow.yaml`)
}

func TestNamesThatLeadInsideAreRefused(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	host := listed(t, server)
	named := host
	named.Name = "localhost"
	client := New(Config{Hosts: []Host{host, named}})
	for _, address := range []string{server.URL, "http://localhost:" + host.Port} {
		_, err := client.Do(t.Context(), Request{URL: address})
		require.Equal(t, "private-address", problem(t, err).Code, "%v", err)
		require.False(t, problem(t, err).Left)
	}
}

func TestPublicAddresses(t *testing.T) {
	for text, public := range map[string]bool{
		"8.8.8.8": true, "2400:3200::1": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "255.255.255.255": false, "224.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false, "::127.0.0.1": false, "198.18.0.1": false,
	} {
		require.Equal(t, public, Public(netip.MustParseAddr(text)), text)
	}
}

func TestRedirectsStayWithinTheList(t *testing.T) {
	other, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "key:", r.Header.Get("X-Api-Key"))
	})
	var client *Client
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			fmt.Fprint(w, "key:", r.Header.Get("X-Api-Key"))
		case "/to-same":
			http.Redirect(w, r, "/same", http.StatusFound)
		case "/to-other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/to-evil":
			http.Redirect(w, r, "http://evil.example.com/?s=1", http.StatusFound)
		default:
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	client = New(Config{Hosts: []Host{listed(t, server), listed(t, other)}, AllowPrivate: true})
	defer client.CloseIdle()
	key := map[string]string{"X-Api-Key": "k"}
	get := func(path string) (*Response, error) {
		return client.Do(t.Context(), Request{URL: server.URL + path, Header: key})
	}
	response, err := get("/to-same")
	require.NoError(t, err)
	require.Equal(t, "key:k", string(response.Body))
	response, err = get("/to-other")
	require.NoError(t, err)
	require.Equal(t, "key:", string(response.Body), "a key for one host is not handed to another")
	_, err = get("/to-evil")
	require.Equal(t, "not-allowed", problem(t, err).Code)
	_, err = get("/loop")
	require.Equal(t, "redirect", problem(t, err).Code)
	response, err = client.Do(t.Context(), Request{Method: "POST", URL: server.URL + "/to-same"})
	require.NoError(t, err)
	require.Equal(t, http.StatusFound, response.Status, "what changes something is not led elsewhere")
}

func TestEverythingIsBounded(t *testing.T) {
	var hits atomic.Int32
	release := make(chan struct{})
	server, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		switch r.URL.Path {
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 2000))
		case "/slow":
			<-release
		case "/head":
			w.Header().Set("X", strings.Repeat("x", maxHead+100))
		}
	})
	t.Cleanup(func() { close(release) })
	_, err := client.Do(t.Context(), Request{URL: server.URL + "/long", MaxBody: 1999})
	require.Equal(t, "too-long", problem(t, err).Code)
	response, err := client.Do(t.Context(), Request{URL: server.URL + "/long", MaxBody: 2000})
	require.NoError(t, err)
	require.Len(t, response.Body, 2000)
	_, err = client.Do(t.Context(), Request{Method: "POST", URL: server.URL + "/slow", Timeout: 50 * time.Millisecond})
	require.Equal(t, "timeout", problem(t, err).Code, "%v", err)
	require.True(t, problem(t, err).Left, "it may have been acted upon")
	_, err = client.Do(t.Context(), Request{URL: server.URL + "/head"})
	require.True(t, problem(t, err).Left)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Do(ended, Request{URL: server.URL})
	require.Equal(t, "cancelled", problem(t, err).Code)
	require.ErrorIs(t, err, context.Canceled)
}

// A connection that breaks as a message goes out must not be tried again unasked.
func TestNothingIsSentTwice(t *testing.T) {
	var hits atomic.Int32
	server, client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/break" {
			hits.Add(1)
			panic(http.ErrAbortHandler)
		}
	})
	for range 3 { // a connection is there to be reused
		_, err := client.Do(t.Context(), Request{URL: server.URL})
		require.NoError(t, err)
	}
	_, err := client.Do(t.Context(), Request{Method: "POST", URL: server.URL + "/break", Body: []byte("{}")})
	require.True(t, problem(t, err).Left)
	require.EqualValues(t, 1, hits.Load())
}

func TestWhatDoesNotLeave(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	host := listed(t, server)
	server.Close()
	client := New(Config{Hosts: []Host{host, {"https", "no-such-host.invalid", ""}}, AllowPrivate: true})
	_, err := client.Do(t.Context(), Request{Method: "POST", URL: "http://" + host.Name + ":" + host.Port + "/a?token=t"})
	require.Equal(t, &Error{Place: "http://" + host.Name + ":" + host.Port + "/a", Code: "refused", Retryable: true, Err: problem(t, err).Err}, problem(t, err))
	require.NotContains(t, err.Error(), "token")
	for name, header := range map[string]map[string]string{"split": {"X": "a\r\nY: b"}, "name": {"X Y": "a"}, "host": {"host": "evil.com"}, "empty": {"": "a"}} {
		_, err = client.Do(t.Context(), Request{URL: "http://" + host.Name + ":" + host.Port, Header: header})
		require.Equal(t, "invalid-request", problem(t, err).Code, name)
	}
}

func FuzzAllowed(f *testing.F) {
	for _, seed := range []string{"https://crm.example.com/a", "https://crm.example.com@evil.com", "//crm.example.com", "https://crm.example.com\\@evil.com"} {
		f.Add(seed)
	}
	client := New(Config{Hosts: []Host{{"https", "crm.example.com", ""}}})
	f.Fuzz(func(t *testing.T, text string) {
		if address, err := client.Allowed(text); err == nil {
			require.Equal(t, "https", address.Scheme)
			request, err := http.NewRequest(http.MethodGet, text, nil)
			require.NoError(t, err)
			require.Equal(t, "crm.example.com", strings.ToLower(strings.TrimSuffix(request.URL.Hostname(), ".")))
		}
	})
}
