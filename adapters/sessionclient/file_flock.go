//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package sessionclient

import (
	"errors"
	"os"
	"syscall"
)

const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

// modesCount is whether the mode of a file says who may read it.
const modesCount = true

// tryLock locks a file until it is closed. It returns false and no error if another one holds the
// lock.
func tryLock(file *os.File) (bool, error) {
	switch err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return false, nil
	default:
		return false, err
	}
}
