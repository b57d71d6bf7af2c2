package systemd

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listen is a service manager: it hands out what it is told.
func listen(t *testing.T) (string, func() string) {
	path := filepath.Join(t.TempDir(), "notify")
	connection, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return path, func() string {
		text := make([]byte, 4096)
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
		n, err := connection.Read(text)
		require.NoError(t, err)
		return string(text[:n])
	}
}

func environment(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := values[name]; return value, ok }
}

func TestTheManagerIsTold(t *testing.T) {
	path, told := listen(t)
	m := Find(environment(map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000"}))
	require.NoError(t, m.Ready("3 workflows"))
	require.Equal(t, "READY=1\nSTATUS=3 workflows", told())

	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var problem error
	complaints := make(chan error, 1000)
	var watching sync.WaitGroup
	watching.Go(func() {
		m.Watch(ctx, func(context.Context) error { mu.Lock(); defer mu.Unlock(); return problem }, func(err error) { complaints <- err })
	})
	require.Equal(t, "WATCHDOG=1", told())
	mu.Lock()
	problem = errors.New("the ledger hangs")
	mu.Unlock()
	require.ErrorContains(t, <-complaints, "the ledger hangs")
	stop()
	watching.Wait()
	require.NoError(t, m.Stopping())
	for text := told(); text != "STOPPING=1"; text = told() {
		require.Equal(t, "WATCHDOG=1", text)
	}
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	m := Find(environment(nil))
	require.NoError(t, m.Ready("x"))
	require.NoError(t, m.Stopping())
	m.Watch(t.Context(), nil, nil)
	gone := Find(environment(map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone"), "WATCHDOG_USEC": "x"}))
	require.Error(t, gone.Ready("x"))
}
