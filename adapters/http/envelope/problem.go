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
	Write(w, form.status, p.body())
}

// body returns the body of the error response.
func (p *Problem) body() []byte {
	var shown, whole Object
	shown.Text("code", p.Kind.Code())
	shown.Text("message", p.Kind.Message())
	shown.Text("request_id", p.RequestID)
	if len(p.Violations) > 0 {
		shown.List("details", details(p.Violations))
	}
	whole.Object("error", &shown)
	return whole.Bytes()
}

// details returns the violations as the body names them, with the bounds in code points where a
// rule has some.
func details(violations session.Violations) []Object {
	list := make([]Object, len(violations))
	for i, violation := range violations {
		list[i].Text("field", string(violation.Field))
		list[i].Text("rule", string(violation.Rule))
		if least, greatest, bounded := violation.Bounds(); bounded {
			list[i].Number("min", int64(least))
			list[i].Number("max", int64(greatest))
		}
	}
	return list
}
