//go:build !unix

package cli

// readInBackground does nothing where no shell stops processes in the background.
func readInBackground() (restore func()) { return func() {} }
