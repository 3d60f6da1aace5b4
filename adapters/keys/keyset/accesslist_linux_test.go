package keyset

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// grants is an access list that lets one more user read: owner, that user, group, bound, others
// (acl(5)).
func grants(user uint32) []byte {
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, entry := range []struct {
		tag, rights uint16
		id          uint32
	}{{0x01, 6, ^uint32(0)}, {0x02, 4, user}, {0x04, 0, ^uint32(0)}, {0x10, 4, ^uint32(0)},
		{0x20, 0, ^uint32(0)}} {
		list = binary.LittleEndian.AppendUint16(list, entry.tag)
		list = binary.LittleEndian.AppendUint16(list, entry.rights)
		list = binary.LittleEndian.AppendUint32(list, entry.id)
	}
	return list
}

func TestAChangeKeepsTheAccessList(t *testing.T) {
	folder := sharedFolder(t)
	path := filepath.Join(folder, "keyset.json")
	write(t, path, textOf(t, "a"), 0o600)
	err := unix.Setxattr(path, accessList, grants(otherUser), 0)
	if errors.Is(err, unix.ENOTSUP) {
		return // a file system without access lists has none to keep
	}
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), mode(t, path),
		"the bound stands where the group's rights do")
	require.NoError(t, add(NewStore(path), "b"))
	assert.Equal(t, os.FileMode(0o640), mode(t, path))
	list := make([]byte, 256)
	n, err := unix.Getxattr(path, accessList, list)
	require.NoError(t, err)
	assert.Equal(t, grants(otherUser), list[:n])

	// What the folder would give to new files, a file that did not have it does not get.
	require.NoError(t, unix.Removexattr(path, accessList))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, unix.Setxattr(folder, "system.posix_acl_default", grants(otherUser), 0))
	require.NoError(t, add(NewStore(path), "c"))
	_, err = unix.Getxattr(path, accessList, list)
	assert.ErrorIs(t, err, unix.ENODATA)
	assert.Equal(t, os.FileMode(0o640), mode(t, path))

	require.NoError(t, os.Remove(path))
	require.NoError(t, add(NewStore(path), "d"))
	assert.Equal(t, os.FileMode(0o600), mode(t, path))
}
