// Package failure names the kinds of failure that a caller may know about.
//
// A Kind is all that the service reveals of a failure: a code for programs and a message for
// people, both stable. Each concept of the domain has a typed error of its own (a rejection, a
// refusal, violations), which reports its kind. The package imports the standard library only.
package failure

import "errors"

// Kind classifies a failure as far as a caller may know it. The zero value is Internal: an
// unclassified error is a defect.
type Kind uint8

// The kinds.
const (
	// Internal is a defect, or an error without a kind.
	Internal Kind = iota
	// Unauthorized is a request without credentials.
	Unauthorized
	// InvalidToken is a token that is invalid in any way other than being expired.
	InvalidToken
	// ExpiredToken is a token that is valid in every way except that it has expired.
	ExpiredToken
	// InvalidProof is a proof of possession of a device key that is missing or invalid.
	InvalidProof
	// ProofNonceRequired is a proof whose time cannot be judged: a new proof that contains a nonce
	// of the service may be accepted.
	ProofNonceRequired
	// NotFound is an unknown path.
	NotFound
	// MethodNotAllowed is a known path with a method that it does not support.
	MethodNotAllowed
	// PayloadTooLarge is a request body over the size limit.
	PayloadTooLarge
	// UnsupportedMediaType is a request body whose declared media type is not JSON.
	UnsupportedMediaType
	// Validation is a request body that violates the rules for its members.
	Validation
	// RateLimited is a request that the issuance throttle refused.
	RateLimited
	// Unavailable is a request that may succeed later without being changed.
	Unavailable
)

// text is the stable code and message of a kind.
type text struct{ code, message string }

var texts = [...]text{
	Internal:             {"internal_error", "Internal server error"},
	Unauthorized:         {"unauthorized", "Missing bearer token"},
	InvalidToken:         {"invalid_token", "Invalid session token"},
	ExpiredToken:         {"expired_token", "Session token expired"},
	InvalidProof:         {"invalid_proof", "Invalid proof of possession"},
	ProofNonceRequired:   {"proof_nonce_required", "Proof needs a nonce"},
	NotFound:             {"not_found", "Not found"},
	MethodNotAllowed:     {"method_not_allowed", "Method not allowed"},
	PayloadTooLarge:      {"payload_too_large", "Request body too large"},
	UnsupportedMediaType: {"unsupported_media_type", "Unsupported media type"},
	Validation:           {"validation_error", "Request validation failed"},
	RateLimited:          {"session_rate_limited", "Too many session requests; retry later"},
	Unavailable:          {"service_unavailable", "Service unavailable; retry later"},
}

// Kinds returns every kind in ascending order, for tables and their tests.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(texts))
	for kind := range texts {
		kinds = append(kinds, Kind(kind))
	}
	return kinds
}

// Code returns the code of the kind for programs: stable, lower case, snake_case.
func (k Kind) Code() string { return k.text().code }

// Message returns the message of the kind for people: stable, and independent of the request.
func (k Kind) Message() string { return k.text().message }

func (k Kind) text() text {
	if int(k) < len(texts) {
		return texts[k]
	}
	return texts[Internal]
}

// Kinded is implemented by errors that have a kind.
type Kinded interface {
	error
	FailureKind() Kind
}

// KindOf returns the kind of the first error in the tree of err that implements Kinded, in the
// order of errors.As; Internal if there is none.
func KindOf(err error) Kind {
	if kinded, ok := errors.AsType[Kinded](err); ok {
		return kinded.FailureKind()
	}
	return Internal
}

// Error is a failure of a kind for which the domain has no typed error, with its cause for the
// operator. Its text is for logs: a caller learns only the kind.
type Error struct {
	Kind  Kind
	Cause error
}

// New returns an Error of the given kind; cause may be nil.
func New(kind Kind, cause error) *Error { return &Error{Kind: kind, Cause: cause} }

// Error implements error. It returns the code and the cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Kind.Code()
	}
	return e.Kind.Code() + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// FailureKind implements Kinded.
func (e *Error) FailureKind() Kind { return e.Kind }
