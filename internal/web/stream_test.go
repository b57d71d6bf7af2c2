package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/engine"
	"youmiflow/internal/web/result"
)

// event is one server-sent event.
type event struct{ name, id, data string }

// watch opens a stream of a run.
func watch(ctx context.Context, t *testing.T, url, last string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/runs/r/events", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+viewerToken)
	r.Header.Set("Last-Event-ID", last)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer, bufio.NewScanner(answer.Body)
}

// next reads an event; one without a name is the end of the stream.
func next(lines *bufio.Scanner) (one event) {
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case key == "event":
			one.name = value
		case key == "id":
			one.id = value
		case key == "data":
			one.data = value
		case key == "" && one.name != "":
			return one
		}
	}
	return one
}

func TestARunIsWatched(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 2)
	ctx, stop := context.WithCancel(t.Context())
	url, ended := h.listen(ctx)
	defer func() { stop(); require.NoError(t, <-ended); http.DefaultClient.CloseIdleConnections() }()

	answer, lines := watch(ctx, t, url, "")
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	first := next(lines)
	require.Equal(t, "run", first.name)
	var run result.Run
	require.NoError(t, json.Unmarshal([]byte(first.data), &run))
	require.Equal(t, 2, run.Counts.Pending)

	// Who comes again with what it has seen hears of changes only.
	_, again := watch(ctx, t, url, first.id)
	h.commit(engine.SetRun{ID: "r", Status: ptr(engine.StatusSucceeded)})
	for _, lines := range []*bufio.Scanner{lines, again} {
		second := next(lines)
		require.Equal(t, "run", second.name)
		require.NotEqual(t, first.id, second.id)
		require.NoError(t, json.Unmarshal([]byte(second.data), &run))
		require.Equal(t, engine.StatusSucceeded, run.Status)
		require.Equal(t, event{"end", second.id, "{}"}, next(lines))
		require.Equal(t, event{}, next(lines), "the stream is over")
	}
	require.Empty(t, h.log.String())
}

// Streams end with the server at once, and with their clients; there are no more than 64.
func TestStreamsAreBounded(t *testing.T) {
	h := newHouse(t)
	h.addRun("r", 2)
	ctx, stop := context.WithCancel(t.Context())
	url, ended := h.listen(ctx)
	clients, leave := context.WithCancel(t.Context())
	for range 64 {
		answer, lines := watch(clients, t, url, "")
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.Equal(t, "run", next(lines).name)
	}
	answer, _ := watch(t.Context(), t, url, "")
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	leave()
	require.Eventually(t, func() bool {
		answer, _ := watch(t.Context(), t, url, "")
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode == http.StatusOK
	}, 5*time.Second, 10*time.Millisecond, "who has left makes room")

	_, lines := watch(t.Context(), t, url, "")
	require.Equal(t, "run", next(lines).name)
	began := time.Now()
	stop()
	require.NoError(t, <-ended)
	require.Less(t, time.Since(began), 2*time.Second)
	require.Equal(t, event{}, next(lines))
	http.DefaultClient.CloseIdleConnections()
}
