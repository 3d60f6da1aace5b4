package keyset

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// accessList is the extended attribute that holds a file's access list (acl(5)). If there is one,
// the group bits of the mode limit everything that it grants: a new file with only the mode would
// let the group read, and exclude those whom the list names.
const accessList = "system.posix_acl_access"

// maxAccessList is more than the size of any list in bytes.
const maxAccessList = 64 << 10

// copyAccessList gives a file the access list of another. If that has none, it removes the one that
// the folder may have given the file.
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
