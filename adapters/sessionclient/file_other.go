//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package sessionclient

import (
	"errors"
	"os"
)

const openFlags = 0

// tryLock returns an error: there is no lock.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
