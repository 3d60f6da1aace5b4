package sessionauth

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
)

// retryAfter is the Retry-After value, in seconds, if the keys could not be read yet.
const retryAfter = 1

// refuse answers as the issuing service does. The answer reveals only the kind of err.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	problem := envelope.ProblemOf(err)
	problem.RequestID = envelope.Begin(w, r)
	if problem.Kind == failure.Unavailable {
		problem.RetryAfter = retryAfter
	}
	envelope.WriteProblem(w, problem)
}
