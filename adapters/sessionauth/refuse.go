package sessionauth

import (
	"errors"
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/token"
)

// retryAfter is the Retry-After value, in seconds, if the keys could not be read yet.
const retryAfter = 1

// refuse answers as the issuing service does. The answer reveals only the kind of err.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	problem := envelope.Problem{Kind: failure.KindOf(err), RequestID: envelope.Begin(w, r)}
	if rejection, ok := errors.AsType[*token.Rejection](err); ok {
		problem.Bindable = rejection.Bindable
	}
	if problem.Kind == failure.Unavailable {
		problem.RetryAfter = retryAfter
	}
	envelope.WriteProblem(w, problem)
}
