package events_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"youmiflow/internal/events"
)

const secret = "k3y-0123456789abcdefghij"

const label = `{"Type": 0, "MerchantId": 9527, "MsgTime": 1600239001, "Values": {"ad_friend_id": 1153549, "ad_friend_wenober": "wxid_a"}}`

// memory keeps events as a store should.
type memory struct {
	mu     sync.Mutex
	events []events.Event
	fail   error
	block  bool
}

func (m *memory) AddEvent(ctx context.Context, event events.Event) (bool, error) {
	if m.block {
		<-ctx.Done()
		return false, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return false, m.fail
	}
	for _, old := range m.events {
		if old.ID == event.ID && (event.Window == 0 || !old.Received.Before(event.Received.Add(-event.Window))) {
			return false, nil
		}
	}
	m.events = append(m.events, event)
	return true, nil
}

func receiver(t testing.TB, config events.Config) *events.Receiver {
	t.Helper()
	config.Secret = secret
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	r, err := events.New(config)
	require.NoError(t, err)
	return r
}

func push(r http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestPushIsKeptAndAcknowledgedAsDocumented(t *testing.T) {
	store := &memory{}
	r := receiver(t, events.Config{Store: store})
	for range 3 {
		w := push(r, http.MethodPost, events.Prefix+secret, label)
		require.Equal(t, http.StatusOK, w.Code)
		require.JSONEq(t, `{"Result": true, "ReturnCode": 200, "Message": "ok"}`, w.Body.String())
	}
	require.Len(t, store.events, 1, "a repetition is kept once")
	require.Equal(t, events.KindLabels, store.events[0].Kind)
	require.Equal(t, label, string(store.events[0].Raw))
}

// Whoever does not know the secret cannot tell the receiver from any path that is not there.
func TestStrangersGetNotFound(t *testing.T) {
	store := &memory{}
	r := receiver(t, events.Config{Store: store})
	elsewhere := httptest.NewRecorder()
	http.NotFound(elsewhere, httptest.NewRequest(http.MethodPost, "/", nil))
	for _, path := range []string{"/", "/events", "/events/", events.Prefix + secret[1:], events.Prefix + secret + "x", events.Prefix + secret + "/", "/other/" + secret, "/events/../events/" + secret} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			w := push(r, method, path, label)
			require.Equal(t, http.StatusNotFound, w.Code, path)
			require.Equal(t, elsewhere.Body.String(), w.Body.String())
			require.Equal(t, elsewhere.Header(), w.Header())
		}
	}
	require.Empty(t, store.events)
}

func TestReceiverRefuses(t *testing.T) {
	store := &memory{}
	r := receiver(t, events.Config{Store: store})
	for name, test := range map[string]struct {
		method, body string
		want         int
	}{
		"GET":      {http.MethodGet, "", http.StatusMethodNotAllowed},
		"PUT":      {http.MethodPut, label, http.StatusMethodNotAllowed},
		"empty":    {http.MethodPost, "", http.StatusBadRequest},
		"too long": {http.MethodPost, strings.Repeat("x", events.MaxBody+1), http.StatusRequestEntityTooLarge},
	} {
		w := push(r, test.method, events.Prefix+secret, test.body)
		require.Equal(t, test.want, w.Code, name)
		require.Contains(t, w.Body.String(), `"Result":false`, name)
		require.NotContains(t, w.Body.String(), secret)
	}
	require.Equal(t, http.StatusOK, push(r, http.MethodPost, events.Prefix+secret, strings.Repeat("x", events.MaxBody)).Code, "the longest is kept, raw")
	require.Len(t, store.events, 1)
}

func TestBodyThatBreaksOffIsNotAcknowledged(t *testing.T) {
	store := &memory{}
	w := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, events.Prefix+secret, iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(label))))
	receiver(t, events.Config{Store: store}).ServeHTTP(w, request)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Empty(t, store.events)
}

// A body that comes too slowly is cut off by the read deadline.
func TestSlowBodyIsCutOff(t *testing.T) {
	store := &memory{}
	server := httptest.NewServer(receiver(t, events.Config{Store: store, Timeout: 50 * time.Millisecond}))
	defer server.Close()
	body, writer := newPipe(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+events.Prefix+secret, body)
	require.NoError(t, err)
	_, err = writer.Write([]byte(`{"Type":`))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
		require.NoError(t, response.Body.Close())
	}
	require.Empty(t, store.events)
}

// What could not be kept is asked for again, never acknowledged, and the log does not tell the secret.
func TestFailingDiskIsNoAcknowledgement(t *testing.T) {
	var log bytes.Buffer
	store := &memory{fail: errors.New("no space left on device")}
	r := receiver(t, events.Config{Store: store, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w := push(r, http.MethodPost, events.Prefix+secret, label)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.JSONEq(t, `{"Result": false, "ReturnCode": 503, "Message": "the event could not be kept"}`, w.Body.String())
	require.Contains(t, log.String(), "no space left on device")
	require.NotContains(t, log.String(), secret)
	store.fail = nil
	require.Equal(t, http.StatusOK, push(r, http.MethodPost, events.Prefix+secret, label).Code)
	require.Len(t, store.events, 1)
}

// A disk that hangs is given up on in time.
func TestHangingDiskIsNoAcknowledgement(t *testing.T) {
	r := receiver(t, events.Config{Store: &memory{block: true}, Timeout: time.Millisecond})
	require.Equal(t, http.StatusServiceUnavailable, push(r, http.MethodPost, events.Prefix+secret, label).Code)
}

func TestPushesInHandAreBounded(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{})
	r := receiver(t, events.Config{Store: waiting{arrived, release}, Concurrency: 1})
	var first *httptest.ResponseRecorder
	var wait sync.WaitGroup
	wait.Go(func() { first = push(r, http.MethodPost, events.Prefix+secret, label) })
	<-arrived
	require.Equal(t, http.StatusServiceUnavailable, push(r, http.MethodPost, events.Prefix+secret, label).Code)
	close(release)
	wait.Wait()
	require.Equal(t, http.StatusOK, first.Code)
}

type waiting struct{ arrived, release chan struct{} }

func (w waiting) AddEvent(context.Context, events.Event) (bool, error) {
	w.arrived <- struct{}{}
	<-w.release
	return true, nil
}

func TestConfigIsChecked(t *testing.T) {
	for name, config := range map[string]events.Config{
		"no Store":                {Secret: secret},
		"it needs at least":       {Store: &memory{}, Secret: "short"},
		"a-z, A-Z, 0-9, - and _ ": {Store: &memory{}, Secret: strings.Repeat("/", 30)},
	} {
		_, err := events.New(config)
		require.ErrorContains(t, err, name)
		if config.Secret != "" {
			require.NotContains(t, err.Error(), config.Secret)
		}
	}
	for range 100 {
		_, err := events.New(events.Config{Store: &memory{}, Secret: events.NewSecret()})
		require.NoError(t, err)
	}
	first, second := events.NewSecret(), events.NewSecret()
	require.NotEqual(t, first, second)
}
