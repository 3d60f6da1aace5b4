package envelope

import (
	"net/http"
	"strconv"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// shape describes the response to one kind of failure.
type shape struct {
	status int
	// challenge is the value of HeaderChallenge, or empty to omit the header.
	challenge string
}

// shapes is the only table that maps a failure kind to a response. A kind that it does not contain
// is a programming error and is reported as failure.Internal.
var shapes = map[failure.Kind]shape{
	failure.Internal:             {status: http.StatusInternalServerError},
	failure.Unauthorized:         {http.StatusUnauthorized, token.Challenge(failure.Unauthorized)},
	failure.InvalidToken:         {http.StatusUnauthorized, token.Challenge(failure.InvalidToken)},
	failure.ExpiredToken:         {http.StatusUnauthorized, token.Challenge(failure.ExpiredToken)},
	failure.NotFound:             {status: http.StatusNotFound},
	failure.MethodNotAllowed:     {status: http.StatusMethodNotAllowed},
	failure.PayloadTooLarge:      {status: http.StatusRequestEntityTooLarge},
	failure.UnsupportedMediaType: {status: http.StatusUnsupportedMediaType},
	failure.Validation:           {status: http.StatusUnprocessableEntity},
	failure.RateLimited:          {status: http.StatusTooManyRequests},
	failure.Unavailable:          {status: http.StatusServiceUnavailable},
}

// Problem is what a client is told about a failed request.
type Problem struct {
	Kind failure.Kind
	// RequestID is what Begin returned.
	RequestID string
	// RetryAfter is how many seconds the client should wait, or 0 if waiting does not help.
	RetryAfter int
	// Violations are the rules that the request's body violates, or nil.
	Violations session.Violations
}

// The body of every error response.
type (
	body struct {
		Error problem `json:"error"`
	}
	problem struct {
		Code      string   `json:"code"`
		Message   string   `json:"message"`
		RequestID string   `json:"request_id"`
		Details   []detail `json:"details,omitempty"`
	}
	detail struct {
		Field session.Field `json:"field"`
		Rule  session.Rule  `json:"rule"`
		// Min and Max are the bounds in code points if the rule is about the length.
		Min int `json:"min,omitempty"`
		Max int `json:"max,omitempty"`
	}
)

// WriteProblem writes the error response for p. It sets every header of the response but those of
// Begin.
func WriteProblem(w http.ResponseWriter, p Problem) {
	form, known := shapes[p.Kind]
	if !known {
		p.Kind, form = failure.Internal, shapes[failure.Internal]
	}
	header := w.Header()
	header.Set(HeaderErrorCode, p.Kind.Code())
	if form.challenge != "" {
		header.Set(HeaderChallenge, form.challenge)
	}
	if p.RetryAfter > 0 {
		header.Set(HeaderRetryAfter, strconv.Itoa(p.RetryAfter))
	}
	shown := problem{Code: p.Kind.Code(), Message: p.Kind.Message(), RequestID: p.RequestID}
	for _, violation := range p.Violations {
		least, greatest, _ := violation.Bounds()
		shown.Details = append(shown.Details, detail{violation.Field, violation.Rule, least,
			greatest})
	}
	WriteJSON(w, form.status, body{shown})
}
