package keyset

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// The reasons why a file that can be read cannot be used as a keyset. Package securefile defines
// the reasons why a file cannot be read.
const (
	// ReasonMalformed means that the text is not a keyset; the cause is keys.SetFaults.
	ReasonMalformed securefile.Reason = "malformed"
	// ReasonRefused means that the rules do not accept the keys; the cause is the error of
	// Rules.Accept.
	ReasonRefused securefile.Reason = "refused"
	// ReasonNoSigner means that no key of the set can sign now or later.
	ReasonNoSigner securefile.Reason = "no_signer"
)

// remedyFile is the remedy for a file with invalid content.
const remedyFile = "correct the file; sessiond keys list reports the same faults"

// malformed returns the fault of a text that keys.ReadSet does not accept.
func malformed(cause error) *securefile.Fault {
	return &securefile.Fault{Reason: ReasonMalformed, Problem: "is not a valid keyset",
		Remedy: remedyFile, Cause: cause}
}

// refused returns the fault of keys that Rules.Accept does not accept.
func refused(cause error) *securefile.Fault {
	return &securefile.Fault{Reason: ReasonRefused, Problem: "holds keys that are refused",
		Remedy: "create strong keys (sessiond keys create), then revoke or remove these",
		Cause:  cause}
}

// noSigner returns the fault of a set without a key that can sign now or later.
func noSigner() *securefile.Fault {
	return &securefile.Fault{Reason: ReasonNoSigner,
		Problem: "holds no key that can sign, now or later",
		Remedy:  "add a key: sessiond keys create"}
}

// unread returns the fault of a file that cannot be read from an error of securefile, and completes
// the remedy with what is specific to keysets.
func unread(err error) *securefile.Fault {
	fault, _ := errors.AsType[*securefile.Fault](err)
	switch fault.Reason { //nolint:exhaustive // the remedies of the others are complete
	case securefile.Missing:
		fault.Remedy += ", or create it: sessiond keys create"
	case securefile.TooLarge:
		fault.Remedy += ", or restore the last good keyset"
	}
	return fault
}

// Faults lists everything that keeps a keyset file from being used. It implements error.
type Faults []*securefile.Fault

// Error implements error. It returns the text of every fault.
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

// WriteProblem identifies why a keyset file was not written.
type WriteProblem uint8

// The problems.
const (
	// ProblemBusy means that other writers held the lock until the caller's context ended or the
	// time to wait was over.
	ProblemBusy WriteProblem = iota
	// ProblemUnwritable means that the new file cannot be created or put in place, for example
	// because the file system is read-only or full, or the directory is missing; see the cause.
	ProblemUnwritable
	// ProblemOwner means that this process is not permitted to give the owner, group, mode or
	// access list of the old file to the new one.
	ProblemOwner
	// ProblemInvalid means that the new file could not be read again: it would be too large, or
	// have times that a file cannot express.
	ProblemInvalid
	// ProblemMounted means that the file is itself a mount point, which cannot be replaced.
	ProblemMounted
	// ProblemUnsynced means that the new file is in place, but that the old one may be back after a
	// power failure, because the directory was not synced.
	ProblemUnsynced
)

// String returns a description of the problem. It continues a sentence about the file.
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

// WriteError reports why a keyset file was not written. The file is unchanged, except for
// ProblemUnsynced.
type WriteError struct {
	Problem WriteProblem
	// Cause is never nil.
	Cause error
}

// Error implements error. It returns the problem and its cause.
func (e *WriteError) Error() string {
	return "keyset file: " + e.Problem.String() + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Cause }
