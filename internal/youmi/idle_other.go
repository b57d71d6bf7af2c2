//go:build !unix

package youmi

import "net"

// stillOpen cannot be known here: a connection is used once.
func stillOpen(net.Conn) bool { return false }
