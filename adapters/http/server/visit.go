package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/offload/sessiond/ports"
)

// visit is a request within the budgets of its process. It moves between their states: it waits for
// the body without a slot, is computed with one, and waits without one until the client has read
// the response. A nil visit is a request without budgets.
type visit struct {
	budgets *Budgets
	answer  *recorder
	keeps   []string // see Route.Keeps
	holds   bool     // a slot
}

// visitKey is the context key of a visit.
type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf returns the visit of a request, or nil.
func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

// begin takes a slot, and keeps it until leave. It fails with *ports.Unavailable if there is none.
func (v *visit) begin(ctx context.Context) error {
	if v == nil || v.holds {
		return nil
	}
	err := v.budgets.admission.acquire(ctx)
	if errors.Is(err, errNoSlot) {
		v.budgets.shed(ctx, ports.BudgetRequests)
		return &shedError{&ports.Unavailable{RetryAfter: time.Second, Cause: err}}
	}
	if err != nil {
		v.answer.abort() // the client has gone away
	}
	v.holds = true
	return nil
}

// admit wraps handle, which is then called with a slot.
func (v *visit) admit(handle Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := v.begin(r.Context()); err != nil {
			return err
		}
		return handle(w, r)
	}
}

// leave gives the slot back, if the visit holds one.
func (v *visit) leave() {
	if v != nil && v.holds {
		v.holds = false
		v.budgets.admission.release()
	}
}

// awaitBody calls read, which reads the body, and waits for a slot. Meanwhile the request keeps no
// headers but those that its route needs.
func (v *visit) awaitBody(r *http.Request, read func() ([]byte, error)) ([]byte, error) {
	if v == nil {
		return read()
	}
	v.forget(r, v.keeps)
	v.leave()
	waiting := v.budgets.waiting.begin(awaitedBody, func() {
		// The error is ignored: a writer without deadlines has no connection, as in a test.
		_ = http.NewResponseController(v.answer).SetReadDeadline(past)
	})
	body, err := read()
	if waiting.end() {
		v.answer.abort()
	}
	if err != nil {
		return nil, err
	}
	return body, v.begin(r.Context())
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// send sends the response, and waits without a slot until the client has read it.
func (v *visit) send(r *http.Request) {
	if v == nil {
		return
	}
	v.forget(r, nil)
	waiting := v.budgets.waiting.begin(awaitedResponse, func() {
		_ = http.NewResponseController(v.answer).SetWriteDeadline(past)
	})
	v.answer.send()
	if waiting.end() {
		v.answer.abort()
	}
}

// forget drops the headers of r that are not in keeps, and its target. The rest of a request is
// small. The headers that are kept are copied, because net/http allocates all of them together.
func (v *visit) forget(r *http.Request, keeps []string) {
	kept := make(http.Header, len(keeps))
	for _, name := range keeps {
		if values := r.Header.Values(name); len(values) > 0 {
			kept[http.CanonicalHeaderKey(name)] = slices.Clone(values)
		}
	}
	r.Header, r.URL, r.RequestURI = kept, &url.URL{}, ""
}

// own returns r with ctx for the handler alone. net/http keeps the request that it made until the
// handler returns; what may be large is taken out of that one, so that the handler can forget it.
// net/http reads none of it after it has called the handler.
func own(ctx context.Context, r *http.Request) *http.Request {
	own := r.WithContext(ctx)
	r.Header, r.URL, r.RequestURI = nil, nil, ""
	return own
}

// shedError reports that a request was shed.
type shedError struct{ cause *ports.Unavailable }

// Error returns the cause's text.
func (e *shedError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *shedError) Unwrap() error { return e.cause }
