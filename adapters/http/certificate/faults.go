package certificate

import (
	"strconv"
	"strings"
)

// Part is which of the two files.
type Part uint8

// The parts.
const (
	// Chain is the file of the certificate.
	Chain Part = iota
	// Key is the file of its private key.
	Key
)

// String tells the part in words.
func (p Part) String() string {
	if p == Chain {
		return "the certificate's file"
	}
	return "the private key's file"
}

// Reason is what keeps a file from being used.
type Reason uint8

// The reasons.
const (
	sound Reason = iota
	// Missing is a name that stands for nothing.
	Missing
	// Forbidden is a file that this process may not read.
	Forbidden
	// Unreadable is a file that the system does not give for another reason.
	Unreadable
	// NotRegular is a folder, a pipe, a device.
	NotRegular
	// TooLarge is a file that no certificate or key fills.
	TooLarge
	// Exposed is a mode that lets others read or write, or the group write, where that is asked about.
	Exposed
	// Malformed is a file without what belongs in it.
	Malformed
	// Mismatched is a key that belongs to another certificate.
	Mismatched
	// Unusable is a pair with which no handshake of TLS is made: its key is of a kind that TLS does not have, or too short.
	Unusable
	// Ended is a certificate that is no longer valid, or not yet. Read does not ask.
	Ended
)

// Fault is one thing that keeps a file from being used.
type Fault struct {
	Part   Part
	Reason Reason
}

// String tells the fault in words, as a sentence's part that follows the file's name.
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

// Faults is all that keeps a certificate from being used. It is an error.
type Faults []Fault

// Error tells every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Part.String()+" "+fault.String())
	}
	return strings.Join(words, "; ")
}
