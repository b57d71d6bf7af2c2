//go:build unix

package cli

import (
	"os/signal"
	"syscall"
)

// readInBackground has a process in the background get an error when it reads from its terminal, in place of being stopped
// by the shell: the run goes on. It returns what undoes that.
func readInBackground() (restore func()) {
	signal.Ignore(syscall.SIGTTIN)
	return func() { signal.Reset(syscall.SIGTTIN) }
}
