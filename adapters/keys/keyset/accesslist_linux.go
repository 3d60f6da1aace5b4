package keyset

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// accessList is the attribute in which Linux keeps a file's access list (acl(5)). If there is one,
// the group bits of the mode limit all that it grants: a new file with the mode alone would let the
// group read, and shut out the users whom the list names.
const accessList = "system.posix_acl_access"

// maxAccessList is larger than any list can be, in bytes.
const maxAccessList = 64 << 10

// copyAccessList gives a file the access list of another, or removes it if the other has none: the
// file may have one from the directory.
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
