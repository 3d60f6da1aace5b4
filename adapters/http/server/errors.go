package server

import (
	"errors"
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// writeError writes the error response for err. It shows nothing else of err but what the API
// contract names: its kind, the wait, the nonce, and the violations.
func writeError(w http.ResponseWriter, requestID string, err error) {
	violations, _ := errors.AsType[session.Violations](err)
	rejection, rejected := errors.AsType[*token.Rejection](err)
	envelope.WriteProblem(w, envelope.Problem{Kind: failure.KindOf(err), RequestID: requestID,
		RetryAfter: retryAfter(err), Violations: violations,
		Bindable: rejected && rejection.Bindable, Nonce: nonce(err)})
}

// nonce returns what the client's next proof must name; empty if it needs none.
func nonce(err error) string {
	if challenge, ok := errors.AsType[*proof.Challenge](err); ok {
		return challenge.Nonce
	}
	return ""
}

// retryAfter returns how many seconds the client should wait, or 0 if waiting does not help.
func retryAfter(err error) int {
	if refusal, ok := errors.AsType[*throttle.Refusal](err); ok {
		return refusal.RetryAfterSeconds()
	}
	if unavailable, ok := errors.AsType[*ports.Unavailable](err); ok {
		return throttle.Seconds(unavailable.RetryAfter)
	}
	return 0
}
