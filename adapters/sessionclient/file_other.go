//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package sessionclient

import (
	"errors"
	"os"
	"runtime"
)

const openFlags = 0

// modesCount is whether the mode of a file says who may read it.
const modesCount = runtime.GOOS == "aix" || runtime.GOOS == "solaris"

// tryLock returns an error: there is no lock.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
