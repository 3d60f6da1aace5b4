package envelope

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// statuses is the only table that maps a failure kind to a response; the challenges are those of
// package token. A kind that it does not contain is a programming error and is reported as
// failure.Internal.
var statuses = [...]int{
	failure.Internal:             http.StatusInternalServerError,
	failure.Unauthorized:         http.StatusUnauthorized,
	failure.InvalidToken:         http.StatusUnauthorized,
	failure.ExpiredToken:         http.StatusUnauthorized,
	failure.InvalidProof:         http.StatusUnauthorized,
	failure.ProofNonceRequired:   http.StatusUnauthorized,
	failure.NotFound:             http.StatusNotFound,
	failure.MethodNotAllowed:     http.StatusMethodNotAllowed,
	failure.PayloadTooLarge:      http.StatusRequestEntityTooLarge,
	failure.UnsupportedMediaType: http.StatusUnsupportedMediaType,
	failure.Validation:           http.StatusUnprocessableEntity,
	failure.RateLimited:          http.StatusTooManyRequests,
	failure.Unavailable:          http.StatusServiceUnavailable,
}

// Problem is the content of an error response.
type Problem struct {
	Kind failure.Kind
	// RequestID is what Begin returned.
	RequestID string
	// RetryAfter is how many seconds the client should wait, or 0 if waiting does not help.
	RetryAfter int
	// Violations are the rules that the request's body violates, or nil.
	Violations session.Violations
	// Bindable is true if the client should be told that sessions can be bound to device keys.
	Bindable bool
	// Nonce is the nonce that the next proof must contain, or empty if it needs none.
	Nonce string
}

// ProblemOf returns the part of a Problem that errors of the domain determine. The caller sets
// RequestID and RetryAfter.
func ProblemOf(err error) Problem {
	p := Problem{Kind: failure.KindOf(err)}
	p.Violations, _ = errors.AsType[session.Violations](err)
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		p.Bindable = rejection.Bindable
	}
	if challenge, ok := errors.AsType[*proof.Challenge](err); ok {
		p.Nonce = challenge.Nonce
	}
	return p
}

// WriteProblem writes the error response for p. It sets every header of the response except those
// that Begin sets.
func WriteProblem(w http.ResponseWriter, p Problem) {
	if int(p.Kind) >= len(statuses) || statuses[p.Kind] == 0 {
		p.Kind = failure.Internal
	}
	header := w.Header()
	header[HeaderErrorCode] = []string{p.Kind.Code()}
	if challenges := token.Challenges(p.Kind, p.Bindable); challenges != nil {
		header[HeaderChallenge] = challenges
	}
	if p.Nonce != "" {
		header[HeaderNonce] = []string{p.Nonce}
	}
	if p.RetryAfter > 0 {
		header[HeaderRetryAfter] = []string{strconv.Itoa(p.RetryAfter)}
	}
	Write(w, statuses[p.Kind], p.body())
}

// body returns the body of the error response.
func (p *Problem) body() []byte {
	body := Object{text: make([]byte, 0, 256)} // enough for most
	body.Begin("error")
	body.Text("code", p.Kind.Code())
	body.Text("message", p.Kind.Message())
	body.Text("request_id", p.RequestID)
	if len(p.Violations) > 0 {
		body.List("details", details(p.Violations))
	}
	body.End()
	return body.Bytes()
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
