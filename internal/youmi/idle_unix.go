//go:build unix

package youmi

import (
	"errors"
	"net"
	"syscall"
)

// stillOpen reports whether an idle connection is open and has nothing to say. The other side may have closed it, and a
// message that is written on it then would be unknown for ever.
func stillOpen(conn net.Conn) bool {
	counter := counting(conn)
	if counter == nil {
		return false
	}
	socket, ok := counter.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && open
}
