package keyset

import (
	"os"

	"golang.org/x/sys/unix"
)

// onNFS reports whether a directory is on a network file system whose locks on directories, if it
// has any, hold on this client only.
func onNFS(folder *os.File) bool {
	var stat unix.Statfs_t
	return unix.Fstatfs(int(folder.Fd()), &stat) == nil && stat.Type == unix.NFS_SUPER_MAGIC
}

// lockFile locks a file as a whole for its open description (F_OFD_SETLK, fcntl(2)). Unlike flock
// it also excludes writers on the server of an NFS folder.
func lockFile(file *os.File) error {
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}
