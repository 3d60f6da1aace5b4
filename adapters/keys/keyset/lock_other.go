//go:build !linux

package keyset

import (
	"os"
	"syscall"
)

// onNFS always returns false: on these systems, a network file system refuses locks on directories.
func onNFS(*os.File) bool { return false }

// lockFile locks a file.
func lockFile(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
