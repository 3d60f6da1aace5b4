package certificate

import (
	"strconv"
	"strings"
)

// Part is one of the two files.
type Part uint8

// The parts.
const (
	// Chain is the file of the certificate.
	Chain Part = iota
	// Key is the file of its private key.
	Key
)

// String describes the part.
func (p Part) String() string {
	if p == Chain {
		return "the certificate's file"
	}
	return "the private key's file"
}

// Reason says why a file cannot be used.
type Reason uint8

// The reasons.
const (
	sound Reason = iota
	// Missing is a path at which nothing exists.
	Missing
	// Forbidden is a file that this process may not read.
	Forbidden
	// Unreadable is a file that cannot be read for another reason.
	Unreadable
	// NotRegular is a folder, a pipe or a device.
	NotRegular
	// TooLarge is a file larger than any certificate or key.
	TooLarge
	// Exposed is a mode that lets others read or write, or the group write, if that is checked.
	Exposed
	// Malformed is a file without the expected content.
	Malformed
	// Mismatched is a key that belongs to another certificate.
	Mismatched
	// Unusable is a pair with which no TLS handshake succeeds: its key is of a kind that TLS does
	// not support, or too short.
	Unusable
	// Ended is a certificate that is not valid now. Read does not check it.
	Ended
)

// Fault is one reason why a file cannot be used.
type Fault struct {
	Part   Part
	Reason Reason
}

// String describes the fault, as the part of a sentence that follows the file's name.
func (f Fault) String() string {
	switch f.Reason {
	case sound:
	case Missing:
		return "is not found"
	case Forbidden:
		return "may not be read by this process (permission denied)"
	case Unreadable:
		return "cannot be read"
	case NotRegular:
		return "is not a regular file"
	case TooLarge:
		return "is larger than " + strconv.Itoa(maxFile) + " bytes"
	case Exposed:
		return "may be read or written by others, or written by its group"
	case Malformed:
		if f.Part == Chain {
			return "holds no certificate in PEM, or one that cannot be read"
		}
		return "holds no private key in PEM, or an encrypted one"
	case Mismatched:
		return "holds the key of another certificate"
	case Unusable:
		return "holds a certificate that cannot be used for TLS"
	case Ended:
		return "holds a certificate that is not valid now"
	}
	return "has an unknown fault"
}

// Faults lists every reason why a certificate cannot be used. It is an error.
type Faults []Fault

// Error describes every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Part.String()+" "+fault.String())
	}
	return strings.Join(words, "; ")
}
