package keyset

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// accessList is the attribute in which Linux stores a file's access list (acl(5)). If a file has
// one, the group bits of its mode are the maximum of what the list grants: a new file with the same
// mode but without the list would let the group read it, and exclude the users that the list names.
const accessList = "system.posix_acl_access"

// maxAccessList is the maximum size of an attribute in Linux, in bytes.
const maxAccessList = 64 << 10

// copyAccessList gives the file to the access list of the file from. If from has none, it removes
// that of to, which may come from the default list of the directory.
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
