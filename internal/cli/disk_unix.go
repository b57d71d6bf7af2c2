//go:build unix

package cli

import "syscall"

// freeSpace is how many bytes this user can still write where a folder is.
func freeSpace(folder string) (bytes uint64, known bool) {
	var status syscall.Statfs_t
	if err := syscall.Statfs(folder, &status); err != nil {
		return 0, false
	}
	return uint64(status.Bavail) * uint64(status.Bsize), true //nolint:unconvert // the types differ from system to system
}
