package securefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The permissions that are checked.
const (
	// exposedMode lets others read or write a file, or its group write it. Read access for the
	// group is fine: Kubernetes (fsGroup) and systemd (LoadCredential) set it.
	exposedMode fs.FileMode = 0o026
	// othersWrite lets others write a folder.
	othersWrite fs.FileMode = 0o002
)

// Exposures returns why the file must not hold a secret: others may read it, change it, or replace
// it in a folder on the way to it.
func (f *File) Exposures() []*Fault {
	var faults []*Fault
	if f.Info.Mode().Perm()&exposedMode != 0 {
		faults = append(faults, faultExposed.fresh())
	}
	if !f.named { // it is in no folder: an open file that has only a descriptor left
		return faults
	}
	exposed := false
	_, err := Resolve(f.name, func(folder, _ string) {
		info, err := os.Lstat(folder)
		exposed = exposed || err == nil && info.Mode()&othersWrite != 0 &&
			info.Mode()&fs.ModeSticky == 0
	})
	switch {
	case err != nil:
		faults = append(faults, faultOf(err))
	case exposed:
		faults = append(faults, faultExposedFolder.fresh())
	}
	return faults
}

// Foreign returns what the operator should know about the owners of a file and of its folder:
// either may belong to a user who is neither root nor the user of this process.
func Foreign(name string) []*Fault {
	var faults []*Fault
	path, err := Resolve(name, func(string, string) {})
	if err != nil {
		return nil // reading the file says why
	}
	if info, err := os.Lstat(path); err == nil && foreign(info) {
		faults = append(faults, faultForeignFile.fresh())
	}
	if info, err := os.Lstat(filepath.Dir(path)); err == nil && foreign(info) {
		faults = append(faults, faultForeignFolder.fresh())
	}
	return faults
}

// Replaced returns a fault if no name is left for the file, though its path still leads to it: it
// was replaced beneath a mount of that single file. It returns nil otherwise.
func (f *File) Replaced() *Fault {
	if !f.named {
		return faultReplaced.fresh()
	}
	return nil
}

// foreign reports whether a file belongs to neither root nor this process's user.
func foreign(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// unlinked reports whether no name is left for a file, as its file system counts them.
func unlinked(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
