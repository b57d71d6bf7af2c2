package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/web"
)

// pipes is a network within the test: nothing is buffered on the way, and its time is the test's.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case one := <-p.connections:
		return one, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// dial is a client's end.
func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.connections <- there
	return here
}

// onPipes serves within a bubble of virtual time.
func onPipes(t *testing.T, do func(t *testing.T, h *house, network *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, network := newHouse(t), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.server.Serve(ctx, network) }()
		do(t, h, network)
		stop()
		require.NoError(t, <-ended)
	})
}

// letsGo waits until the server has closed a connection, and returns how long that took.
func letsGo(t *testing.T, connection net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		time.Sleep(100 * time.Millisecond) // of virtual time
		require.Less(t, time.Since(began), 5*time.Minute, "the server holds on to the client")
		if _, err := connection.Write([]byte("x")); errors.Is(err, io.ErrClosedPipe) {
			return time.Since(began)
		}
	}
}

const asViewer = "Host: daemon\r\nAuthorization: Bearer " + viewerToken + "\r\n"

// Whoever says nothing, or says it slowly, is not waited for.
func TestSlowSendersAreLetGo(t *testing.T) {
	for name, one := range map[string]struct {
		says   string
		within time.Duration
	}{
		"nothing":        {"", 6 * time.Second},
		"half a header":  {"GET /healthz HTTP/1.1\r\nHost: da", 6 * time.Second},
		"half a body":    {"POST /api/v1/validate HTTP/1.1\r\n" + asViewer + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{", 31 * time.Second},
		"no body at all": {"POST /api/v1/validate HTTP/1.1\r\n" + asViewer + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n", 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			onPipes(t, func(t *testing.T, _ *house, network *pipes) {
				connection := network.dial()
				defer func() { _ = connection.Close() }()
				_, err := io.WriteString(connection, one.says)
				require.NoError(t, err)
				began := time.Now()
				answer, err := io.ReadAll(connection)
				require.NoError(t, err, "%s", answer)
				require.Less(t, time.Since(began), one.within, "%s", answer)
				require.NotContains(t, string(answer), "HTTP/1.1 2")
			})
		})
	}
}

// Whoever does not read an answer is let go, and what was made for it with it: a page within a minute, a stream within
// 10 s of its next event.
func TestSlowReadersAreLetGo(t *testing.T) {
	for name, within := range map[string]time.Duration{"/runs/r/items": 61 * time.Second, "/runs/r/events": 11 * time.Second} {
		t.Run(strings.TrimPrefix(name, "/runs/r/"), func(t *testing.T) {
			onPipes(t, func(t *testing.T, h *house, network *pipes) {
				h.addRun("r", 100)
				connection := network.dial()
				defer func() { _ = connection.Close() }()
				_, err := fmt.Fprintf(connection, "GET /api/v1%s HTTP/1.1\r\n%s\r\n", name, asViewer)
				require.NoError(t, err)
				// The server reads what comes behind a request only once that is answered, so a write blocks until then.
				require.NoError(t, connection.SetWriteDeadline(time.Time{}))
				require.Less(t, letsGo(t, connection), within)
				for range 64 { // its place is free again
					other := network.dial()
					_, err := fmt.Fprintf(other, "GET /api/v1/runs/r/events HTTP/1.1\r\n%s\r\n", asViewer)
					require.NoError(t, err)
					answer, err := http.ReadResponse(bufio.NewReader(other), nil)
					require.NoError(t, err)
					require.Equal(t, http.StatusOK, answer.StatusCode)
					require.NoError(t, other.Close())
				}
			})
		})
	}
}

// Headers are bounded, and idle connections are closed.
func TestConnectionsAreBounded(t *testing.T) {
	onPipes(t, func(t *testing.T, _ *house, network *pipes) {
		connection := network.dial()
		defer func() { _ = connection.Close() }()
		go func() { // the server hangs up in the middle of it
			_, _ = fmt.Fprintf(connection, "GET /healthz HTTP/1.1\r\nHost: daemon\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
		}()
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, answer.StatusCode)
		require.NoError(t, answer.Body.Close())

		idle := network.dial()
		defer func() { _ = idle.Close() }()
		_, err = io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: daemon\r\n\r\n")
		require.NoError(t, err)
		began := time.Now()
		text, err := io.ReadAll(idle)
		require.NoError(t, err)
		require.Contains(t, string(text), `{"status":"ok"}`)
		require.InDelta(t, 2*time.Minute, time.Since(began), float64(time.Second))
	})
}

// A stream over a long silence shows that it lives, and ends with the daemon at once.
func TestStreamsEndWithTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, network := newHouse(t), newPipes()
		h.addRun("r", 1)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.server.Serve(ctx, network) }()
		connection := network.dial()
		_, err := fmt.Fprintf(connection, "GET /api/v1/runs/r/events HTTP/1.1\r\n%s\r\n", asViewer)
		require.NoError(t, err)
		read := make(chan string, 1)
		go func() {
			text, _ := io.ReadAll(connection)
			read <- string(text)
		}()
		time.Sleep(10*time.Minute + 5*time.Second) // of virtual time: longer than any answer may take
		h.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusPaused)})
		time.Sleep(time.Second)
		began := time.Now()
		stop()
		require.NoError(t, <-ended)
		require.Less(t, time.Since(began), time.Second)
		text := <-read
		require.Equal(t, 40, strings.Count(text, ": still here"))
		require.Equal(t, 2, strings.Count(text, "event: run"))
		require.Contains(t, text, `"status":"paused"`)
		require.NotContains(t, text, "event: end")
		require.NoError(t, connection.Close())
	})
}

// ask sends a request over a connection that stays open.
func ask(t *testing.T, connection net.Conn, path string) *http.Response {
	t.Helper()
	_, err := fmt.Fprintf(connection, "GET %s HTTP/1.1\r\n%s\r\n", path, asViewer)
	require.NoError(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	return answer
}

// However many clients come, the daemon serves 1024 of them, and says to a few more whether it is well; others wait outside.
func TestACrowdIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, network := newHouse(t), newPipes()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.server.Serve(ctx, web.Bound(network)) }()
		var inside []net.Conn
		for range 1024 {
			inside = append(inside, network.dial())
		}
		require.Equal(t, http.StatusOK, ask(t, inside[1023], "/api/v1/version").StatusCode)
		for range 32 {
			connection := network.dial()
			answer := ask(t, connection, "/api/v1/version")
			require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
			require.Equal(t, "5", answer.Header.Get("Retry-After"))
			require.True(t, answer.Close, "its place is free again")
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			require.Equal(t, http.StatusOK, ask(t, network.dial(), path).StatusCode, path)
		}
		for range 32 {
			inside = append(inside, network.dial())
		}
		outside := make(chan net.Conn)
		go func() { outside <- network.dial() }()
		synctest.Wait()
		select {
		case <-outside:
			require.Fail(t, "one too many was let in")
		default:
		}
		require.NoError(t, inside[1055].Close())
		require.Equal(t, http.StatusServiceUnavailable, ask(t, <-outside, "/api/v1/version").StatusCode, "the place that was free was a spare one")
		synctest.Wait()
		require.NoError(t, inside[0].Close())
		synctest.Wait()
		require.Equal(t, http.StatusOK, ask(t, network.dial(), "/api/v1/version").StatusCode, "who leaves makes room")
		stop()
		require.NoError(t, <-ended)
	})
}
