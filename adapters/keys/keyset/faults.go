package keyset

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/offload/sessiond/domain/keys"
)

// Reason says why a keyset file cannot be used.
type Reason uint8

// The reasons.
const (
	// ReasonMissing is a path at which nothing exists.
	ReasonMissing Reason = iota
	// ReasonUnreadable is a file that the system does not let us read; the cause is the system's
	// error.
	ReasonUnreadable
	// ReasonNotRegular is a folder, a pipe or a device.
	ReasonNotRegular
	// ReasonTooLarge is a file of more than keys.MaxSetBytes bytes.
	ReasonTooLarge
	// ReasonExposed is a mode that lets others read or write, or the group write, in a
	// production-like environment.
	ReasonExposed
	// ReasonMalformed is a text that is not a keyset; the cause is keys.SetFaults.
	ReasonMalformed
	// ReasonRefused is a set of keys that the rules reject; the cause is their error.
	ReasonRefused
	// ReasonNoSigner is a set in which no key can sign now or later.
	ReasonNoSigner
)

// Fault is one reason why a keyset file cannot be used.
type Fault struct {
	Reason Reason
	// Cause is nil if the reason says everything.
	Cause error
}

// String describes the fault, as the part of a sentence that follows the file's name.
func (f Fault) String() string {
	words := f.Reason.String()
	if f.Cause != nil {
		words += ": " + f.Cause.Error()
	}
	return words
}

// String describes the reason.
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
		return "is no sound keyset"
	case ReasonRefused:
		return "holds keys that are refused"
	case ReasonNoSigner:
		return "holds no key that can sign, now or later"
	}
	return "has an unknown fault"
}

// Faults lists every reason why a keyset file cannot be used. It is an error.
type Faults []Fault

// Error describes every fault.
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

// WriteProblem says why a keyset file was not written.
type WriteProblem uint8

// The problems.
const (
	// ProblemBusy is a file that other writers held for as long as the caller could wait.
	ProblemBusy WriteProblem = iota
	// ProblemUnwritable is a folder in which no file can be created, for the reason that the system
	// gives: it is read-only, full or missing.
	ProblemUnwritable
	// ProblemOwner is an owner, group, mode or access list that this process cannot give to a new
	// file.
	ProblemOwner
	// ProblemUnfit is a set that could not be read again: too large, or with times that a file
	// cannot express.
	ProblemUnfit
	// ProblemUnsynced is a file that has replaced the old one, but may be the old one again after a
	// power failure.
	ProblemUnsynced
)

// String describes the problem.
func (p WriteProblem) String() string {
	switch p {
	case ProblemBusy:
		return "is being changed by another process"
	case ProblemUnwritable:
		return "cannot be written"
	case ProblemOwner:
		return "belongs to another user or group, which this process may not give to its successor"
	case ProblemUnfit:
		return "would not be sound"
	case ProblemUnsynced:
		return "is written, but may be the old one again after a power cut"
	}
	return "has an unknown problem"
}

// WriteError is the error for a keyset file that was not written. Unless the problem says
// otherwise, the file is unchanged.
type WriteError struct {
	Problem WriteProblem
	// Cause is never nil.
	Cause error
}

// Error describes the problem and its cause.
func (e *WriteError) Error() string {
	return "keyset file: " + e.Problem.String() + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Cause }

// bare returns the system's error without the path.
func bare(err error) error {
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
