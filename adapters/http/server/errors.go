package server

import (
	"errors"
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// writeError writes the error response for err. It shows nothing else of err but what the API
// contract names: its kind, the wait, the nonce, and the violations.
func writeError(w http.ResponseWriter, requestID string, err error) {
	problem := envelope.ProblemOf(err)
	problem.RequestID, problem.RetryAfter = requestID, retryAfter(err)
	envelope.WriteProblem(w, problem)
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
