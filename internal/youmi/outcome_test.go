package youmi

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAnswersAndWhatTheyProve is the table "Outcomes of a call" for everything that comes with a status.
func TestAnswersAndWhatTheyProve(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	tests := []struct {
		name    string
		serve   http.HandlerFunc
		verdict Verdict
		code    string
		text    string
	}{
		{"refused", answer(`{"errmsg":200009,"succeed":false,"errdesc":"查无此人","requestId":"r9"}`), Failed, "200009", "doSendPublicMes: 200009 no such friend (查无此人) [request r9]"},
		{"an unlisted code", answer(`{"errmsg":7,"succeed":false}`), Failed, "7", `doSendPublicMes: code "7"`},
		{"contradiction", answer(`{"errmsg":200013,"succeed":true}`), Unknown, "200013", "contradicts itself"},
		{"not JSON", answer(`<html>busy</html>`), Unknown, "unreadable", "cannot be read"},
		{"empty", answer(``), Unknown, "unreadable", "cannot be read"},
		{"too long", answer(strings.Repeat(" ", MaxBody+1)), Unknown, "too-long", "longer than 1 MiB"},
		{"too long, of unknown length", func(w http.ResponseWriter, _ *http.Request) {
			for { // without an end: only a bounded reader ever stops
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<16)); err != nil {
					return
				}
			}
		}, Unknown, "too-long", "longer than 1 MiB"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, done)
		}, Unknown, "truncated", "cut off"},
		{"500", status(500), Unknown, "HTTP-500", "HTTP 500 Internal Server Error"},
		{"503 with a pause", status(503, "Retry-After", "7"), Unknown, "HTTP-503", "HTTP 503"},
		{"408", status(408), Unknown, "HTTP-408", "HTTP 408"},
		{"429", status(429, "Retry-After", "7"), Throttled, "HTTP-429", "HTTP 429"},
		{"400", status(400), Failed, "HTTP-400", "HTTP 400"},
		{"404", status(404), Failed, "HTTP-404", "HTTP 404"},
		{"redirect", status(307, "Location", "/elsewhere"), Failed, "redirect", "set base_url"},
		{"400 with an envelope", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"errmsg":200012,"succeed":false,"errdesc":"参数错误"}`)
		}, Failed, "HTTP-400", "(参数错误)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var calls atomic.Int64
			p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				test.serve(w, r)
			})
			config := p.config()
			config.Timeout = 5 * time.Second
			client, err := New(config)
			require.NoError(t, err)
			_, err = client.Send(t.Context(), hello())
			require.Equal(t, test.verdict, Classify(err), "%v", err)
			var e *APIError
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.code, e.Code)
			require.ErrorContains(t, err, test.text)
			require.EqualValues(t, 1, calls.Load(), "sent once")
			if strings.Contains(test.name, "pause") || test.verdict == Throttled {
				require.Equal(t, 7*time.Second, e.RetryAfter)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 11, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, " 5 ": 5 * time.Second, "-5": 0, "99999999999": 24 * time.Hour, "soon": 0, "9223372036854775807": 24 * time.Hour,
		"Wed, 11 Nov 2026 10:01:00 GMT": time.Minute, "Wed, 11 Nov 2026 09:00:00 GMT": 0, "Wed, 11 Nov 2099 09:00:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, retryAfter(header, now), header)
	}
}

// TestFailuresBelowHTTP proves what left and what did not.
func TestFailuresBelowHTTP(t *testing.T) {
	p := newPlatform(t, answer(done))
	send := func(t *testing.T, base string, change func(*Config)) *APIError {
		config := p.config()
		config.BaseURL = base
		if change != nil {
			change(&config)
		}
		client, err := New(config)
		require.NoError(t, err)
		require.NoError(t, client.Authenticate(t.Context()))
		_, err = client.Send(t.Context(), hello())
		var e *APIError
		require.ErrorAs(t, err, &e)
		return e
	}
	expect := func(t *testing.T, e *APIError, verdict Verdict, code string) {
		require.Equal(t, verdict, e.Verdict, "%v", e)
		require.Equal(t, code, e.Code, "%v", e)
	}
	t.Run("refused connection", func(t *testing.T) {
		expect(t, send(t, "http://"+closedAddress(t), nil), Unreachable, "refused")
	})
	t.Run("no such host", func(t *testing.T) {
		transport := newTransport(1)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "nowhere.test") {
				return nil, &net.DNSError{Err: "no such host", Name: "nowhere.test", IsNotFound: true}
			}
			return dial(ctx, network, address)
		}
		expect(t, send(t, "http://nowhere.test", func(c *Config) { c.Transport = newDirect(transport, 1) }), Unreachable, "dns")
	})
	t.Run("TLS to a server without", func(t *testing.T) {
		expect(t, send(t, strings.Replace(p.URL, "http:", "https:", 1), nil), Unreachable, "tls")
	})
	t.Run("a certificate nobody vouches for", func(t *testing.T) {
		secured := httptest.NewUnstartedServer(answer(done))
		secured.Config.ErrorLog = quiet()
		secured.StartTLS()
		defer secured.Close()
		expect(t, send(t, secured.URL, nil), NotSent, "certificate")
	})
	t.Run("handshake broken", func(t *testing.T) {
		expect(t, send(t, "https://"+rawServer(t, func(conn net.Conn) { conn.Close() }), nil), Unreachable, "unconnected")
	})
	t.Run("closed after the request", func(t *testing.T) {
		expect(t, send(t, "http://"+rawServer(t, func(conn net.Conn) { readRequest(conn); conn.Close() }), nil), Unknown, "broken")
	})
	t.Run("half an answer", func(t *testing.T) {
		expect(t, send(t, "http://"+rawServer(t, func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Le")
			conn.Close()
		}), nil), Unknown, "broken")
	})
	t.Run("no answer in time", func(t *testing.T) {
		expect(t, send(t, "http://"+rawServer(t, func(conn net.Conn) {
			defer conn.Close()
			readRequest(conn)
			_, _ = conn.Read(make([]byte, 1)) // until the client gives up
		}), func(c *Config) { c.Timeout = 100 * time.Millisecond }), Unknown, "timeout")
	})
	t.Run("an answer that never ends", func(t *testing.T) {
		expect(t, send(t, "http://"+rawServer(t, func(conn net.Conn) {
			defer conn.Close()
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
			_, _ = conn.Read(make([]byte, 1))
		}), func(c *Config) { c.Timeout = 100 * time.Millisecond }), Unknown, "timeout")
	})
	t.Run("cancelled before it left", func(t *testing.T) {
		client := p.client(t)
		require.NoError(t, client.Authenticate(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := client.Send(ctx, hello())
		var e *APIError
		require.ErrorAs(t, err, &e)
		expect(t, e, NotSent, "cancelled")
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("cancelled after it left", func(t *testing.T) {
		arrived := make(chan struct{})
		config := p.config()
		config.BaseURL = "http://" + rawServer(t, func(conn net.Conn) {
			defer conn.Close()
			readRequest(conn)
			close(arrived)
			_, _ = conn.Read(make([]byte, 1))
		})
		client, err := New(config)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		_, err = client.Send(ctx, hello())
		require.Equal(t, Unknown, Classify(err))
	})
	t.Run("what cannot be written", func(t *testing.T) {
		_, err := p.client(t).Call(t.Context(), OperationSend, func() {})
		require.Equal(t, NotSent, Classify(err))
		_, err = p.client(t).Call(t.Context(), "sendTelegram", nil)
		require.Equal(t, NotSent, Classify(err))
	})
}

func TestClassifyForeignErrors(t *testing.T) {
	require.Equal(t, Succeeded, Classify(nil))
	require.Equal(t, Unknown, Classify(errors.New("anything")))
	require.Equal(t, Failed, Classify(fmt.Errorf("step: %w", &APIError{Verdict: Failed})))
}

// TestNothingIsSentTwice lets a server close connections at every possible moment around a request, and counts what it
// has read in full. Whatever happens, a message arrives at most once, and one that is said not to have been sent has not
// arrived.
func TestNothingIsSentTwice(t *testing.T) {
	const messages = 600
	var mutex sync.Mutex
	arrived := map[string]int{}
	var served atomic.Int64
	address := rawServer(t, func(conn net.Conn) {
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return
			}
			mutex.Lock()
			arrived[string(body)]++
			mutex.Unlock()
			n := served.Add(1)
			if n%7 == 0 {
				return // acted on it, and dies before the answer
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(done), done)
			if n%3 == 0 {
				return // closes an idle connection, without having announced it
			}
		}
	})
	p := newPlatform(t, answer(done))
	config := p.config()
	config.BaseURL, config.Concurrency = "http://"+address, 8
	client, err := New(config)
	require.NoError(t, err)
	verdicts := make([]Verdict, messages)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < messages; i += 8 {
				_, err := client.Call(t.Context(), OperationSend, []byte(`{"n":`+strconv.Itoa(i)+`}`))
				verdicts[i] = Classify(err)
			}
		})
	}
	group.Wait()
	client.CloseIdle()
	mutex.Lock()
	defer mutex.Unlock()
	counts := map[Verdict]int{}
	for i, verdict := range verdicts {
		counts[verdict]++
		n := arrived[`{"n":`+strconv.Itoa(i)+`}`]
		require.LessOrEqual(t, n, 1, "message %d arrived %d times", i, n)
		switch verdict {
		case Succeeded:
			require.Equal(t, 1, n, "message %d was said to be sent", i)
		case NotSent, Unreachable:
			require.Zero(t, n, "message %d was said not to be sent", i)
		default:
			require.Equal(t, Unknown, verdict)
		}
	}
	require.Positive(t, counts[Succeeded])
	require.Positive(t, counts[Unknown])
	t.Log(counts)
}

// TestStaleConnectionIsReplaced breaks a kept connection before it is written on again: the call takes another.
func TestStaleConnectionIsReplaced(t *testing.T) {
	var writes atomic.Int64
	p := newPlatform(t, answer(done))
	config := p.config()
	transport := newTransport(1)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn.(*countingConn).Conn = &brittleConn{Conn: conn.(*countingConn).Conn, writes: &writes}
		return conn, nil
	}
	config.Transport = newDirect(transport, 1)
	client, err := New(config)
	require.NoError(t, err)
	require.NoError(t, client.Authenticate(t.Context())) // the first write of the first connection; the next will break it
	_, err = client.Send(t.Context(), hello())
	require.NoError(t, err)
	require.EqualValues(t, 3, writes.Load(), "token, the write that failed, the repeated one")
}

// brittleConn fails its second write before a byte has left.
type brittleConn struct {
	net.Conn
	writes *atomic.Int64
	own    int
}

// SyscallConn lets the client look whether the connection is still open.
func (b *brittleConn) SyscallConn() (syscall.RawConn, error) {
	return b.Conn.(syscall.Conn).SyscallConn()
}

func (b *brittleConn) Write(p []byte) (int, error) {
	b.writes.Add(1)
	if b.own++; b.own == 2 {
		return 0, errors.New("the peer is gone")
	}
	return b.Conn.Write(p)
}

func TestConnectionsAreKept(t *testing.T) {
	var mutex sync.Mutex
	connections := map[string]bool{}
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		connections[r.RemoteAddr] = true
		mutex.Unlock()
		answer(done)(w, r)
	})
	client := p.client(t)
	for range 50 {
		_, err := client.Send(t.Context(), hello())
		require.NoError(t, err)
	}
	require.Len(t, connections, 1)
}

// TestForeignTransportProvesNothing has a transport fail that never tells of connections.
func TestForeignTransportProvesNothing(t *testing.T) {
	client := offline(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Host == "sso.test" {
			return reply(200, `{"access_token":"a"}`), nil
		}
		return nil, errors.New("failed")
	})
	_, err := client.Send(t.Context(), hello())
	require.Equal(t, Unknown, Classify(err))
}

func TestHTTP2IsNotUsed(t *testing.T) {
	var protocol string
	secured := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol = r.Proto
		answer(done)(w, r)
	}))
	secured.EnableHTTP2 = true
	secured.StartTLS()
	defer secured.Close()
	p := newPlatform(t, nil)
	config := p.config()
	transport := newTransport(1)
	transport.TLSClientConfig = &tls.Config{RootCAs: secured.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	config.BaseURL, config.Transport = secured.URL, newDirect(transport, 1)
	client, err := New(config)
	require.NoError(t, err)
	_, err = client.Send(t.Context(), hello())
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", protocol)
}
