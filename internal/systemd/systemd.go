// Package systemd tells the service manager how a daemon is (sd_notify(3)): ready, stopping, alive. Without a service
// manager it does nothing. It imports the standard library only.
package systemd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Manager is the service manager that started this process. The zero Manager is none.
type Manager struct {
	socket   string
	watchdog time.Duration
}

// Find reads from the environment whether there is a service manager that wants to be told.
func Find(lookup func(string) (string, bool)) Manager {
	socket, _ := lookup("NOTIFY_SOCKET")
	m := Manager{socket: socket}
	if text, ok := lookup("WATCHDOG_USEC"); ok {
		if usec, err := strconv.ParseInt(text, 10, 64); err == nil && usec > 0 {
			m.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return m
}

// Ready says that the daemon does its work now.
func (m Manager) Ready(status string) error { return m.tell("READY=1\nSTATUS=" + status) }

// Stopping says that it is about to end.
func (m Manager) Stopping() error { return m.tell("STOPPING=1") }

// Watch says, twice within the time that the manager allows, that the daemon is alive, as long as alive gives no error.
// It returns when ctx ends. A daemon that is not alive is silent, and the manager starts it again.
func (m Manager) Watch(ctx context.Context, alive func(context.Context) error, complain func(error)) {
	if m.socket == "" || m.watchdog == 0 {
		return
	}
	tick := time.NewTicker(m.watchdog / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.pat(ctx, alive)
		if err != nil && ctx.Err() == nil {
			complain(err)
		}
	}
}

func (m Manager) pat(ctx context.Context, alive func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.watchdog/2)
	defer cancel()
	if err := alive(ctx); err != nil {
		return fmt.Errorf("not well, so the service manager is not told that all is: %w", err)
	}
	return m.tell("WATCHDOG=1")
}

// tell sends one datagram. A socket whose name begins with @ is an abstract one.
func (m Manager) tell(state string) error {
	if m.socket == "" {
		return nil
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling the service manager: %w", err)
	}
	_, err = connection.Write([]byte(state))
	if closing := connection.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("telling the service manager: %w", err)
	}
	return nil
}
