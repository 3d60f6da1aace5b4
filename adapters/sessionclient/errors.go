package sessionclient

import (
	"fmt"
	"strings"
	"time"
)

// The codes of an Error that are not codes of the service.
const (
	// CodeUnreachable is a request that failed before an answer arrived.
	CodeUnreachable = "unreachable"
	// CodeTimeout is an exchange that took longer than Config.Timeout, or a request that waited for
	// one until Config.MaxWait was over.
	CodeTimeout = "timeout"
	// CodeUnexpectedResponse is an answer that is not the service's.
	CodeUnexpectedResponse = "unexpected_response"
	// CodeKeyUnavailable is a Key that fails: that cannot be read, made or used.
	CodeKeyUnavailable = "key_unavailable"
)

// Error reports that there is no session. Its message holds neither a token nor an install ID.
type Error struct {
	// Code is the error code of the service, such as session_rate_limited or validation_error, or
	// one of the codes of this package.
	Code string
	// Status is the status of the answer, or 0 if there was none.
	Status int
	// Details say which fields of the request are invalid, if Code is validation_error.
	Details []Detail
	// RetryAfter is how long the service asks to wait, or 0.
	RetryAfter time.Duration
	// RequestID identifies the answer in the service's log, or is empty.
	RequestID string

	cause error
}

// Detail says which rule a field violates. Min and Max are the bounds if the rule is about length.
type Detail struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
	Min   int    `json:"min,omitempty"`
	Max   int    `json:"max,omitempty"`
}

// Error implements error.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("sessionclient: no session: " + e.Code)
	if e.Status != 0 {
		fmt.Fprintf(&text, " (status %d)", e.Status)
	}
	for _, detail := range e.Details {
		fmt.Fprintf(&text, ", %s violates the rule %s", detail.Field, detail.Rule)
		if detail.Max != 0 {
			fmt.Fprintf(&text, " (%d to %d)", detail.Min, detail.Max)
		}
	}
	if e.RetryAfter != 0 {
		fmt.Fprintf(&text, ", retry after %s", e.RetryAfter)
	}
	if e.RequestID != "" {
		text.WriteString(", request ID " + e.RequestID)
	}
	if e.cause != nil {
		text.WriteString(": " + e.cause.Error())
	}
	return text.String()
}

// keyError returns the error of a call that a Key fails.
func keyError(cause error) *Error { return &Error{Code: CodeKeyUnavailable, cause: cause} }

// Unwrap returns the error of the transport or of the Key, or nil.
func (e *Error) Unwrap() error { return e.cause }
