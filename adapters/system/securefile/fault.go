package securefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Reason is why a file cannot be used: one stable word. Packages that check the content of a file
// define further reasons for their own faults.
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
	// ForeignFolder means that its folder does.
	ForeignFolder Reason = "foreign_folder"
)

// Fault is one reason why a file cannot be used. It implements error. No text of it contains the
// content or the name of the file.
type Fault struct {
	Reason Reason
	// Problem says what is wrong, in words that follow the file's name.
	Problem string
	// Remedy says what to do about it.
	Remedy string
	// Cause is the system's error, without a path; nil if the problem says everything.
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

// fresh returns a copy of a fault, which its caller may change.
func (f Fault) fresh() *Fault { return &f }

// remedyMount is for mounts of single files, which do not follow a file that is replaced.
const remedyMount = "mount the folder, not the single file"

// The faults that depend on nothing else.
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
	case errors.Is(err, syscall.ESTALE): // what NFS says of a file that was replaced
		fault = faultReplaced
	}
	return &fault
}

// WithoutPath returns the system's error without the path that it is about.
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
