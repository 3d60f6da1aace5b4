package certificate

import (
	"errors"
	"strings"

	"github.com/offload/sessiond/adapters/system/securefile"
)

// Part identifies one of the two files.
type Part uint8

// The parts.
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

// The reasons why a file that could be read is no usable certificate or key. Those of securefile
// say why it could not be read.
const (
	// Malformed means that the file does not contain what it should.
	Malformed securefile.Reason = "malformed"
	// Mismatched means that the key belongs to another certificate.
	Mismatched securefile.Reason = "mismatched"
	// Unusable means that no TLS handshake can succeed with the pair: the key is too short, or of a
	// type that TLS does not support.
	Unusable securefile.Reason = "unusable"
	// Ended means that the certificate has expired or is not yet valid. Read does not check this.
	Ended securefile.Reason = "ended"
)

// Fault is one reason why a file cannot be used.
type Fault struct {
	Part Part
	*securefile.Fault
}

// unread returns the fault of a file that could not be read.
func unread(part Part, err error) Fault {
	fault, _ := errors.AsType[*securefile.Fault](err)
	return Fault{part, fault}
}

// malformedChain returns the fault of a certificate file without a usable certificate. isKey is
// true if the file holds a private key instead.
func malformedChain(isKey bool) Fault {
	if isKey {
		return Fault{Chain, &securefile.Fault{Reason: Malformed,
			Problem: "holds a private key and no certificate",
			Remedy:  "name the certificate here, and the key in the other variable"}}
	}
	return Fault{Chain, &securefile.Fault{Reason: Malformed,
		Problem: "holds no certificate in PEM, or one that cannot be read",
		Remedy:  "use the certificate in PEM, followed by its chain up to a root"}}
}

// malformedKey returns the fault of a key file without a usable key. isChain is true if the file
// holds a certificate instead.
func malformedKey(isChain bool) Fault {
	if isChain {
		return Fault{Key, &securefile.Fault{Reason: Malformed,
			Problem: "holds a certificate and no private key",
			Remedy:  "name the private key here, and the certificate in the other variable"}}
	}
	return Fault{Key, &securefile.Fault{Reason: Malformed,
		Problem: "holds no private key in PEM, or an encrypted one",
		Remedy:  "use a private key in PEM, not encrypted"}}
}

// mismatched returns the fault of a key that belongs to another certificate.
func mismatched() Fault {
	return Fault{Key, &securefile.Fault{Reason: Mismatched,
		Problem: "holds the key of another certificate",
		Remedy: "name the private key of the certificate, which must be the first one in its " +
			"own file"}}
}

// unusable returns the fault of a pair with which no handshake succeeds.
func unusable() Fault {
	return Fault{Chain, &securefile.Fault{Reason: Unusable,
		Problem: "holds a certificate that cannot be used for TLS",
		Remedy:  "get a certificate for another key, such as ECDSA P-256 or RSA with 2048 bits"}}
}

// ended returns the fault of a certificate that is not valid now.
func ended() Fault {
	return Fault{Chain, &securefile.Fault{Reason: Ended,
		Problem: "holds a certificate that is not valid now",
		Remedy:  "renew it; a new one takes effect without a restart"}}
}

// Faults lists every reason why a certificate cannot be used. It implements error.
type Faults []Fault

// Error describes every fault.
func (f Faults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Part.String()+" "+fault.Error())
	}
	return strings.Join(words, "; ")
}

// Unwrap returns the faults of the files.
func (f Faults) Unwrap() []error {
	faults := make([]error, 0, len(f))
	for _, fault := range f {
		faults = append(faults, fault.Fault)
	}
	return faults
}
