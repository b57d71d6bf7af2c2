package sandbox

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func askInProcess(t *testing.T, config Config, path, body string) (*http.Response, string, error) {
	t.Helper()
	s, err := New(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://sandbox"+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := Transport{s}.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

const tokenForm = "client_id=a&client_secret=b&scope=Ls.Qkl.PublicApi&grant_type=client_credentials"

func TestTheTransportAnswersInProcess(t *testing.T) {
	answer, text, err := askInProcess(t, Config{Seed: 1}, "/connect/token", tokenForm)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, text, "access_token")
}

func TestTheTransportBreaksLikeAConnection(t *testing.T) {
	fault := func(text string) Config {
		f, err := ParseFault(text)
		require.NoError(t, err)
		return Config{Seed: 1, Faults: []Fault{f}}
	}
	_, _, err := askInProcess(t, fault("token:lose"), "/connect/token", tokenForm)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)

	answer, text, err := askInProcess(t, fault("token:truncate"), "/connect/token", tokenForm)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Contains(t, text, "access_token")
	require.NotContains(t, text, "}")

	answer, _, err = askInProcess(t, fault("token:http=503"), "/connect/token", tokenForm)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
}

// A sleep that somebody else arranges takes no time of this machine, and says when the caller's time is up.
func TestDelaysCanBeVirtual(t *testing.T) {
	left := 30 * time.Second
	fault, err := ParseFault("token:slow:40s")
	require.NoError(t, err)
	answer, _, err := askInProcess(t, Config{Seed: 1, Faults: []Fault{fault}, Sleep: func(_ context.Context, d time.Duration) error {
		if left -= d; left <= 0 {
			return context.DeadlineExceeded
		}
		return nil
	}}, "/connect/token", tokenForm)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, http.StatusOK, answer.StatusCode, "the head had come")

	fault, err = ParseFault("token:delay:40s")
	require.NoError(t, err)
	asked := time.Duration(0)
	_, _, err = askInProcess(t, Config{Seed: 1, Faults: []Fault{fault}, Sleep: func(_ context.Context, d time.Duration) error {
		if asked += d; asked > 30*time.Second {
			return context.DeadlineExceeded
		}
		return nil
	}}, "/connect/token", tokenForm)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	_, _, err = askInProcess(t, Config{Seed: 1, Sleep: func(context.Context, time.Duration) error { return errors.New("over") }},
		"/connect/token", tokenForm)
	require.EqualError(t, err, "over", "a request whose time is up does not leave")
}
