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

// accessListFor returns an access list that lets one additional user read: entries for the owner,
// that user, the group, the mask and others (acl(5)).
func accessListFor(user uint32) []byte {
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

func TestUpdateKeepsAccessList(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "keyset.json")
	write(t, path, keysetText(t, "a"), 0o600)
	err := unix.Setxattr(path, accessList, accessListFor(otherUser), 0)
	if errors.Is(err, unix.ENOTSUP) {
		return // the file system does not support access lists
	}
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), mode(t, path),
		"the group bits of the mode hold the mask of the list")
	require.NoError(t, add(NewStore(path), "b"))
	assert.Equal(t, os.FileMode(0o640), mode(t, path))
	list := make([]byte, 256)
	n, err := unix.Getxattr(path, accessList, list)
	require.NoError(t, err)
	assert.Equal(t, accessListFor(otherUser), list[:n])

	// A file without an access list must not get the default list of the directory.
	require.NoError(t, unix.Removexattr(path, accessList))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, unix.Setxattr(dir, "system.posix_acl_default", accessListFor(otherUser), 0))
	require.NoError(t, add(NewStore(path), "c"))
	_, err = unix.Getxattr(path, accessList, list)
	assert.ErrorIs(t, err, unix.ENODATA)
	assert.Equal(t, os.FileMode(0o640), mode(t, path))

	require.NoError(t, os.Remove(path))
	require.NoError(t, add(NewStore(path), "d"))
	assert.Equal(t, os.FileMode(0o600), mode(t, path))
}
