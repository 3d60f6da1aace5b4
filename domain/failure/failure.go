// Package failure classifies errors by what a caller may learn of them.
//
// A Kind is all that leaves the service: a code for programs and a message for people, both stable.
// Each concept of the domain has a typed error of its own (a rejection, a refusal, violations), and
// that type reports its kind. The package imports only the standard library.
package failure

import "errors"

// Kind classifies a failure as a caller sees it. The zero value is Internal: an unclassified error
// is a defect.
type Kind uint8

// The kinds.
const (
	// Internal is a defect or an unclassified error.
	Internal Kind = iota
	// Unauthorized is a request without credentials.
	Unauthorized
	// InvalidToken is a token that is invalid for any reason other than its age.
	InvalidToken
	// ExpiredToken is a token that is valid except for its age.
	ExpiredToken
	// NotFound is a path that no route serves.
	NotFound
	// MethodNotAllowed is a path that is served for other methods only.
	MethodNotAllowed
	// PayloadTooLarge is a body over the limit.
	PayloadTooLarge
	// UnsupportedMediaType is a body that is declared as something other than JSON.
	UnsupportedMediaType
	// Validation is a body whose members violate the rules.
	Validation
	// RateLimited is a request that the issuance throttle refused.
	RateLimited
	// Unavailable is a request that may succeed later without being changed.
	Unavailable
)

// text is a kind's stable code and message.
type text struct{ code, message string }

var texts = map[Kind]text{
	Internal:             {"internal_error", "Internal server error"},
	Unauthorized:         {"unauthorized", "Missing bearer token"},
	InvalidToken:         {"invalid_token", "Invalid session token"},
	ExpiredToken:         {"expired_token", "Session token expired"},
	NotFound:             {"not_found", "Not found"},
	MethodNotAllowed:     {"method_not_allowed", "Method not allowed"},
	PayloadTooLarge:      {"payload_too_large", "Request body too large"},
	UnsupportedMediaType: {"unsupported_media_type", "Unsupported media type"},
	Validation:           {"validation_error", "Request validation failed"},
	RateLimited:          {"session_rate_limited", "Too many session requests; retry later"},
	Unavailable:          {"service_unavailable", "Service unavailable; retry later"},
}

// Kinds lists every kind, for tables and their tests.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(texts))
	for kind := Internal; kind <= Unavailable; kind++ {
		kinds = append(kinds, kind)
	}
	return kinds
}

// Code returns the kind's code for programs: stable, in lower snake_case.
func (k Kind) Code() string { return k.text().code }

// Message returns the kind's message for people. It is stable and never refers to a single request.
func (k Kind) Message() string { return k.text().message }

func (k Kind) text() text {
	if t, known := texts[k]; known {
		return t
	}
	return texts[Internal]
}

// Kinded is an error that reports its kind.
type Kinded interface {
	error
	FailureKind() Kind
}

// KindOf returns the kind of the first error in err's chain that implements Kinded, and Internal if
// there is none.
func KindOf(err error) Kind {
	if kinded, ok := errors.AsType[Kinded](err); ok {
		return kinded.FailureKind()
	}
	return Internal
}

// Error is a failure whose kind no other concept of the domain owns, with the cause for the
// operator. Its text is for logs; a caller sees only the kind.
type Error struct {
	Kind  Kind
	Cause error
}

// New returns an Error of kind. The cause may be nil.
func New(kind Kind, cause error) *Error { return &Error{Kind: kind, Cause: cause} }

// Error returns the code and the cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Kind.Code()
	}
	return e.Kind.Code() + ": " + e.Cause.Error()
}

// Unwrap tells the cause.
func (e *Error) Unwrap() error { return e.Cause }

// FailureKind tells the kind.
func (e *Error) FailureKind() Kind { return e.Kind }
