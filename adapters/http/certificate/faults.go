package certificate

import (
	"strconv"
	"strings"
)

// Part identifies one of the two files.
type Part uint8

// These are the parts.
const (
	// Chain is the certificate file.
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

// Reason states why a file cannot be used.
type Reason uint8

// These are the reasons.
const (
	sound Reason = iota
	// Missing means that the file does not exist.
	Missing
	// Forbidden means that this process has no permission to read the file.
	Forbidden
	// Unreadable means that reading the file failed for another reason.
	Unreadable
	// NotRegular means that the name is a directory, a pipe, or a device.
	NotRegular
	// TooLarge means that the file is larger than any certificate or key.
	TooLarge
	// Exposed means that the file's mode lets others read or write, or the group write. It is
	// reported only if Files.Strict is set.
	Exposed
	// Malformed means that the file does not contain what it should.
	Malformed
	// Mismatched means that the key belongs to another certificate.
	Mismatched
	// Unusable means that no TLS handshake can succeed with the pair: the key is too short, or of a
	// type that TLS does not support.
	Unusable
	// Ended means that the certificate has expired or is not yet valid. Read does not check this.
	Ended
)

// Fault is one reason why a file cannot be used.
type Fault struct {
	Part   Part
	Reason Reason
}

// String describes the fault as a phrase that follows the file's name.
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

// Faults lists every reason why a certificate cannot be used. It implements error.
type Faults []Fault

// Error describes every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Part.String()+" "+fault.String())
	}
	return strings.Join(words, "; ")
}
