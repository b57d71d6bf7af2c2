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

// Supervisor is the service manager that started this process. The zero Supervisor is none.
type Supervisor struct {
	socket   string
	watchdog time.Duration
}

// Find reads from the environment whether there is a service manager that wants to be told.
func Find(lookup func(string) (string, bool)) Supervisor {
	socket, _ := lookup("NOTIFY_SOCKET")
	s := Supervisor{socket: socket}
	if text, ok := lookup("WATCHDOG_USEC"); ok {
		if usec, err := strconv.ParseInt(text, 10, 64); err == nil && usec > 0 {
			s.watchdog = time.Duration(usec) * time.Microsecond
		}
	}
	return s
}

// Ready says that the daemon does its work now.
func (s Supervisor) Ready(status string) error { return s.tell("READY=1\nSTATUS=" + status) }

// Stopping says that it is about to end.
func (s Supervisor) Stopping() error { return s.tell("STOPPING=1") }

// Watch says, twice within the time that the manager allows, that the daemon is alive, as long as alive gives no error.
// It returns when ctx ends. A daemon that is not alive is silent, and the manager starts it again.
func (s Supervisor) Watch(ctx context.Context, alive func(context.Context) error, complain func(error)) {
	if s.socket == "" || s.watchdog == 0 {
		return
	}
	tick := time.NewTicker(s.watchdog / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.pat(ctx, alive)
		if err != nil && ctx.Err() == nil {
			complain(err)
		}
	}
}

func (s Supervisor) pat(ctx context.Context, alive func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.watchdog/2)
	defer cancel()
	if err := alive(ctx); err != nil {
		return fmt.Errorf("not well, so the service manager is not told that all is: %w", err)
	}
	return s.tell("WATCHDOG=1")
}

// tell sends one datagram. A socket whose name begins with @ is an abstract one.
func (s Supervisor) tell(state string) error {
	if s.socket == "" {
		return nil
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
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
