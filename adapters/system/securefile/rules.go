package securefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The permissions that are checked.
const (
	// exposedMode holds the bits that let others read or write a file, or its group write it. Read
	// access for the group is allowed: Kubernetes (fsGroup) and systemd (LoadCredential) set it.
	exposedMode fs.FileMode = 0o026
	// othersWrite is the bit that lets others write in a folder.
	othersWrite fs.FileMode = 0o002
)

// Exposures returns the reasons why the file must not hold a secret: others can read it, change it,
// or replace it in a folder on the way to it.
func (f *File) Exposures() []*Fault {
	var faults []*Fault
	if f.Info.Mode().Perm()&exposedMode != 0 {
		faults = append(faults, faultExposed.copy())
	}
	if !f.named { // the file is in no folder any more
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
		faults = append(faults, faultExposedFolder.copy())
	}
	return faults
}

// Foreign returns a fault for the file name, and one for its folder, if it belongs to neither root
// nor the user of this process: its owner can replace the file. It returns nil if the file cannot
// be found.
func Foreign(name string) []*Fault {
	var faults []*Fault
	path, err := Resolve(name, func(string, string) {})
	if err != nil {
		return nil // Read reports it
	}
	if info, err := os.Lstat(path); err == nil && foreign(info) {
		faults = append(faults, faultForeignFile.copy())
	}
	if info, err := os.Lstat(filepath.Dir(path)); err == nil && foreign(info) {
		faults = append(faults, faultForeignFolder.copy())
	}
	return faults
}

// Replaced returns a fault if no name is left for the file, though its path still leads to it: it
// was replaced beneath a mount of that single file. It returns nil otherwise.
func (f *File) Replaced() *Fault {
	if !f.named {
		return faultReplaced.copy()
	}
	return nil
}

// foreign reports whether a file belongs to neither root nor this process's user.
func foreign(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// unlinked reports whether no name is left for a file, according to the link count of its file
// system.
func unlinked(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
