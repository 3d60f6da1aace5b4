package keyset

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Reason is why a keyset file cannot be used.
type Reason uint8

// The reasons.
const (
	// ReasonMissing means that the name refers to nothing.
	ReasonMissing Reason = iota
	// ReasonUnreadable means that the system cannot open or read the file; the cause is the
	// system's error.
	ReasonUnreadable
	// ReasonNotRegular means a directory, a pipe or a device.
	ReasonNotRegular
	// ReasonTooLarge means a file of more than keys.MaxSetBytes bytes.
	ReasonTooLarge
	// ReasonExposed means a mode that lets others read or write, or the group write, in a
	// production-like environment.
	ReasonExposed
	// ReasonMalformed means that the text is not a keyset; the cause is keys.SetFaults.
	ReasonMalformed
	// ReasonRefused means that the rules do not accept the keys; the cause is the error of
	// Rules.Accept.
	ReasonRefused
	// ReasonNoSigner means that no key of the set can sign now or later.
	ReasonNoSigner
)

// Fault is one reason why a keyset file cannot be used.
type Fault struct {
	Reason Reason
	// Cause is nil if the reason says everything.
	Cause error
}

// String returns a description of the fault, in words that can follow the file's name.
func (f Fault) String() string {
	words := f.Reason.String()
	if f.Cause != nil {
		words += ": " + f.Cause.Error()
	}
	return words
}

// String returns a description of the reason.
func (r Reason) String() string {
	switch r {
	case ReasonMissing:
		return "is not found"
	case ReasonUnreadable:
		return "cannot be read"
	case ReasonNotRegular:
		return "is not a regular file"
	case ReasonTooLarge:
		return "is larger than " + strconv.Itoa(keys.MaxSetBytes) + " bytes"
	case ReasonExposed:
		return "may be read or written by others, or written by its group"
	case ReasonMalformed:
		return "is not a valid keyset"
	case ReasonRefused:
		return "holds keys that are refused"
	case ReasonNoSigner:
		return "holds no key that can sign, now or later"
	}
	return "has an unknown fault"
}

// Faults is the list of everything that keeps a keyset file from being used. It implements error.
type Faults []Fault

// Error returns the text of every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.String())
	}
	return "keyset file: " + strings.Join(words, "; ")
}

// Unwrap returns the causes of all faults.
func (f Faults) Unwrap() []error {
	var causes []error
	for _, fault := range f {
		if fault.Cause != nil {
			causes = append(causes, fault.Cause)
		}
	}
	return causes
}

// WriteProblem is why a keyset file was not written.
type WriteProblem uint8

// The problems.
const (
	// ProblemBusy means that other writers were changing the file for as long as the caller could
	// wait.
	ProblemBusy WriteProblem = iota
	// ProblemUnwritable means that no new file can be created or put in place; the cause says why:
	// read-only, full, missing directory.
	ProblemUnwritable
	// ProblemOwner means that this process is not permitted to give the owner, group, mode or
	// access list of the old file to the new one.
	ProblemOwner
	// ProblemInvalid means that the set could not be read again: it is too large, or has instants
	// that a file cannot express.
	ProblemInvalid
	// ProblemUnsynced means that the new file is in place, but may be the old one again after a
	// power failure.
	ProblemUnsynced
)

// String returns a description of the problem.
func (p WriteProblem) String() string {
	switch p {
	case ProblemBusy:
		return "is being changed by another process"
	case ProblemUnwritable:
		return "cannot be written"
	case ProblemOwner:
		return "belongs to another user or group, which this process may not give to the new file"
	case ProblemInvalid:
		return "would not be a valid keyset"
	case ProblemUnsynced:
		return "was written, but a power failure may bring back the old one"
	}
	return "has an unknown problem"
}

// WriteError reports why a keyset file was not written. Unless the problem says otherwise, the file
// is unchanged.
type WriteError struct {
	Problem WriteProblem
	// Cause is never nil.
	Cause error
}

// Error returns the problem and its cause.
func (e *WriteError) Error() string {
	return "keyset file: " + e.Problem.String() + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Cause }

// withoutPath returns the system's error without the path that it is about.
func withoutPath(err error) error {
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
