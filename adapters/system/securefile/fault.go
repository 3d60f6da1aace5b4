package securefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Reason identifies why a file cannot be used, in one stable word. Packages that check the content
// of a file define further reasons for their own faults.
type Reason string

// The reasons of this package.
const (
	// Missing means that the name refers to nothing.
	Missing Reason = "missing"
	// Forbidden means that this process has no permission to read the file.
	Forbidden Reason = "forbidden"
	// Unreadable means that the system cannot open or read the file for another reason, which is
	// the fault's cause.
	Unreadable Reason = "unreadable"
	// NotRegular means a directory, a pipe or a device.
	NotRegular Reason = "not_regular"
	// TooLarge means a file that is larger than its limit.
	TooLarge Reason = "too_large"
	// TooSlow means that the file system did not answer in time.
	TooSlow Reason = "too_slow"
	// Replaced means that no name is left for the file that the path leads to: it was replaced
	// beneath a mount of that single file, which shows the old one forever.
	Replaced Reason = "replaced"
	// Exposed means a mode that lets others read or write the file, or its group write it.
	Exposed Reason = "exposed"
	// ExposedFolder means a folder on the way to the file in which others may replace it.
	ExposedFolder Reason = "exposed_folder"
	// ForeignFile means that the file belongs to neither root nor this process's user.
	ForeignFile Reason = "foreign_file"
	// ForeignFolder means that the folder of the file belongs to neither.
	ForeignFolder Reason = "foreign_folder"
)

// Fault describes one reason why a file cannot be used. It implements error. None of its texts
// contains the content or the name of the file.
type Fault struct {
	Reason Reason
	// Problem describes what is wrong. It continues a sentence that begins with the file's name.
	Problem string
	// Remedy describes what the operator can do.
	Remedy string
	// Cause is the underlying error, without a path; nil if Problem is complete without one.
	Cause error
}

// Error returns the problem and its cause.
func (f *Fault) Error() string {
	if f.Cause == nil {
		return f.Problem
	}
	return f.Problem + ": " + f.Cause.Error()
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Cause }

// copy returns a copy of a fault, which the caller may change.
func (f Fault) copy() *Fault { return &f }

// remedyMount is the remedy for mounts of single files, which still show the old file after it was
// replaced.
const remedyMount = "mount the folder, not the single file"

// The faults with fixed texts. Callers get a copy.
var (
	faultMissing = Fault{Reason: Missing, Problem: "is not found",
		Remedy: "name a file that exists"}
	faultForbidden = Fault{Reason: Forbidden,
		Problem: "may not be read by this process (permission denied)",
		Remedy:  "let the service's user read it"}
	faultNotRegular = Fault{Reason: NotRegular, Problem: "is not a regular file",
		Remedy: "name a regular file, not a directory, pipe or device"}
	faultReplaced = Fault{Reason: Replaced,
		Problem: "was replaced beneath a mount of this single file, and no longer changes",
		Remedy:  remedyMount + ", and restart the container"}
	faultExposed = Fault{Reason: Exposed,
		Problem: "may be read or written by others, or written by its group",
		Remedy:  "restrict the mode, for example to 0600 or 0640: chmod o-rwx,g-w"}
	faultExposedFolder = Fault{Reason: ExposedFolder,
		Problem: "is in a folder in which others may replace it",
		Remedy:  "take the right to write from others, or set the sticky bit: chmod o-w"}
	faultForeignFile = Fault{Reason: ForeignFile,
		Problem: "belongs to another user, who may replace it",
		Remedy:  "give it to root or to the service's user: chown"}
	faultForeignFolder = Fault{Reason: ForeignFolder,
		Problem: "is in a folder of another user, who may replace it",
		Remedy:  "give the folder to root or to the service's user: chown"}
)

// TooSlowFault returns the fault of a file system that did not answer within a number of seconds.
func TooSlowFault(seconds int) *Fault {
	return &Fault{Reason: TooSlow,
		Problem: "could not be read within " + strconv.Itoa(seconds) + " s",
		Remedy:  "check the file system that it is on"}
}

// tooLarge returns the fault of a file of more than limit bytes.
func tooLarge(limit int64) *Fault {
	return &Fault{Reason: TooLarge,
		Problem: "is larger than " + strconv.FormatInt(limit, 10) + " bytes",
		Remedy:  "name a smaller file"}
}

// faultOf returns the fault of a file that the system cannot open or read.
func faultOf(err error) *Fault {
	fault := Fault{Reason: Unreadable, Problem: "cannot be read",
		Remedy: "name a file that can be read", Cause: WithoutPath(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fault = faultMissing
	case errors.Is(err, fs.ErrPermission):
		fault = faultForbidden
	case errors.Is(err, syscall.ESTALE): // NFS returns it for a file that was replaced
		fault = faultReplaced
	}
	return &fault
}

// WithoutPath returns the system's error in err without the path, or err if it has none.
func WithoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Err
	}
	return err
}
