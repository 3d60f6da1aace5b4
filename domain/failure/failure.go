// Package failure names what can go wrong, as far as a caller may know it.
//
// A Kind is the whole of what leaves the service: a code for programs and a message for people, both stable. Each concept of
// the domain owns a typed error of its own (a rejection, a refusal, violations) and that type tells its kind. It imports the
// standard library alone.
package failure

import "errors"

// Kind is a failure as a caller may know it. The zero value is Internal: what nobody classified is a defect.
type Kind uint8

// The kinds.
const (
	// Internal is a defect, or an error that nobody classified.
	Internal Kind = iota
	// Unauthorized is a request without credentials.
	Unauthorized
	// InvalidToken is a token that is unsound in any way but its age.
	InvalidToken
	// ExpiredToken is a token that is sound in every way but its age.
	ExpiredToken
	// NotFound is a path that nobody serves.
	NotFound
	// MethodNotAllowed is a path that is served under another method.
	MethodNotAllowed
	// PayloadTooLarge is a body over the limit.
	PayloadTooLarge
	// UnsupportedMediaType is a body that says it is not JSON.
	UnsupportedMediaType
	// Validation is a body that breaks the rules of its members.
	Validation
	// RateLimited is a request that the issuance throttle refused.
	RateLimited
	// Unavailable is a request that could succeed later, through no change of its own.
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

// Code is the kind's word for programs: stable, lower case, snake_case.
func (k Kind) Code() string { return k.text().code }

// Message is the kind's sentence for people: stable, and never about one request.
func (k Kind) Message() string { return k.text().message }

func (k Kind) text() text {
	if t, known := texts[k]; known {
		return t
	}
	return texts[Internal]
}

// Kinded is an error that knows its kind.
type Kinded interface {
	error
	FailureKind() Kind
}

// KindOf tells the kind of err: that of the first error in its chain that knows one, otherwise Internal.
func KindOf(err error) Kind {
	if kinded, ok := errors.AsType[Kinded](err); ok {
		return kinded.FailureKind()
	}
	return Internal
}

// Error is a failure of a kind that no concept of the domain owns, with the cause for the operator.
// Its text is for logs; a caller is shown the kind alone.
type Error struct {
	Kind  Kind
	Cause error
}

// New makes an Error of kind; cause may be nil.
func New(kind Kind, cause error) *Error { return &Error{Kind: kind, Cause: cause} }

// Error tells the code and the cause.
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
