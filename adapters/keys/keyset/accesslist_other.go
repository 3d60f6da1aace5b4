//go:build !linux

package keyset

import "os"

// copyAccessList does nothing on systems whose access lists are not supported.
func copyAccessList(_, _ *os.File) error { return nil }
