package keyset

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// The reasons why a file that could be read is no usable keyset. Those of securefile say why it
// could not be read.
const (
	// ReasonMalformed means that the text is not a keyset; the cause is keys.SetFaults.
	ReasonMalformed securefile.Reason = "malformed"
	// ReasonRefused means that the rules do not accept the keys; the cause is the error of
	// Rules.Accept.
	ReasonRefused securefile.Reason = "refused"
	// ReasonNoSigner means that no key of the set can sign now or later.
	ReasonNoSigner securefile.Reason = "no_signer"
)

// remedyFile is the remedy for a file with faults inside.
const remedyFile = "correct the file; sessiond keys list reports the same faults"

func malformed(cause error) *securefile.Fault {
	return &securefile.Fault{Reason: ReasonMalformed, Problem: "is not a valid keyset",
		Remedy: remedyFile, Cause: cause}
}

func refused(cause error) *securefile.Fault {
	return &securefile.Fault{Reason: ReasonRefused, Problem: "holds keys that are refused",
		Remedy: "create strong keys (sessiond keys create), then revoke or remove these",
		Cause:  cause}
}

func noSigner() *securefile.Fault {
	return &securefile.Fault{Reason: ReasonNoSigner,
		Problem: "holds no key that can sign, now or later",
		Remedy:  "add a key: sessiond keys create"}
}

// unread returns the fault of a file that could not be read, with the command that helps.
func unread(err error) *securefile.Fault {
	fault, _ := errors.AsType[*securefile.Fault](err)
	switch fault.Reason { //nolint:exhaustive // the others have no command that helps
	case securefile.Missing:
		fault.Remedy += ", or create it: sessiond keys create"
	case securefile.TooLarge:
		fault.Remedy += ", or restore the last good keyset"
	}
	return fault
}

// Faults is the list of everything that keeps a keyset file from being used. It implements error.
type Faults []*securefile.Fault

// Error returns the text of every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Error())
	}
	return "keyset file: " + strings.Join(words, "; ")
}

// Unwrap returns the faults.
func (f Faults) Unwrap() []error {
	faults := make([]error, 0, len(f))
	for _, fault := range f {
		faults = append(faults, fault)
	}
	return faults
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
	// ProblemMounted means that the file is itself a mount point, which cannot be replaced.
	ProblemMounted
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
	case ProblemMounted:
		return "is itself a mount point and cannot be replaced (mount its folder instead)"
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
