package server

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
	"github.com/offload/sessiond/ports"
)

// HeaderErrorCode repeats the error code for readers that do not see the body.
const HeaderErrorCode = "X-Error-Code"

// shape describes the response to one kind of failure.
type shape struct {
	status int
	// authenticate is the value of WWW-Authenticate, or empty to omit the header.
	authenticate string
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

// envelope is the body of every error response.
type envelope struct {
	Error problem `json:"error"`
}

type problem struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	RequestID string   `json:"request_id"`
	Details   []detail `json:"details,omitempty"`
}

type detail struct {
	Field session.Field `json:"field"`
	Rule  session.Rule  `json:"rule"`
}

// writeError writes the error response for the kind of err. It shows nothing else of err but what
// the API contract names.
func writeError(w http.ResponseWriter, requestID string, err error) {
	kind := failure.KindOf(err)
	form, known := shapes[kind]
	if !known {
		kind, form = failure.Internal, shapes[failure.Internal]
	}
	header := w.Header()
	header.Set(HeaderErrorCode, kind.Code())
	if form.authenticate != "" {
		header.Set("WWW-Authenticate", form.authenticate)
	}
	if seconds := retryAfter(err); seconds > 0 {
		header.Set("Retry-After", strconv.Itoa(seconds))
	}
	body := envelope{problem{Code: kind.Code(), Message: kind.Message(), RequestID: requestID}}
	if violations, ok := errors.AsType[session.Violations](err); ok {
		for _, violation := range violations {
			body.Error.Details = append(body.Error.Details, detail(violation))
		}
	}
	WriteJSON(w, form.status, body)
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
