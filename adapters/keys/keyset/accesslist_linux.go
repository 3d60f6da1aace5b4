package keyset

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// accessList is where Linux keeps a file's access list (acl(5)). With one, the mode's group bits are a bound on all that it grants: a new file
// that had the mode alone would let the group read, and shut out whom the list names.
const accessList = "system.posix_acl_access"

// maxAccessList is more bytes than a list can have.
const maxAccessList = 64 << 10

// copyAccessList gives a file the access list of another, or none where that has none: the folder may have given it one.
func copyAccessList(from, to *os.File) error {
	list := make([]byte, maxAccessList)
	n, err := unix.Fgetxattr(int(from.Fd()), accessList, list)
	switch {
	case errors.Is(err, unix.ENOTSUP):
		return nil
	case errors.Is(err, unix.ENODATA):
		if err := unix.Fremovexattr(int(to.Fd()), accessList); !errors.Is(err, unix.ENODATA) {
			return err
		}
		return nil
	case err != nil:
		return err
	}
	return unix.Fsetxattr(int(to.Fd()), accessList, list[:n], 0)
}
