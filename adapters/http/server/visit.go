package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/offload/sessiond/ports"
)

// visit is a request within the budgets of its process. It moves between their states: it waits for
// the body without a slot, is computed with one, and waits without one until the client has read
// the response. The zero visit is a request without budgets.
type visit struct {
	budgets  *Budgets
	recorder *recorder
	holds    bool // whether the request holds a slot
	// body is the wait until the client has sent the body, and response the wait until it has read
	// the response.
	body, response wait
}

// visitOf returns the visit of the request that w responds to.
func visitOf(w http.ResponseWriter) *visit {
	if rec, ok := w.(*recorder); ok {
		return &rec.visit
	}
	return &visit{}
}

// begin takes a slot, which the visit holds until leave. It fails with *shedError if none becomes
// free in time, and aborts the request if ctx ends first.
func (v *visit) begin(ctx context.Context) error {
	if v.budgets == nil || v.holds {
		return nil
	}
	err := v.budgets.admission.acquire(ctx)
	if errors.Is(err, errNoSlot) {
		v.budgets.shed(ctx, ports.BudgetRequests)
		return &shedError{&ports.Unavailable{RetryAfter: time.Second, Cause: err}}
	}
	if err != nil {
		v.recorder.abort() // the client has gone away
	}
	v.holds = true
	return nil
}

// admit wraps handle, which is then called with a slot.
func admit(handle Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := visitOf(w).begin(r.Context()); err != nil {
			return err
		}
		return handle(w, r)
	}
}

// leave gives the slot back, if the visit holds one.
func (v *visit) leave() {
	if v.holds {
		v.holds = false
		v.budgets.admission.release()
	}
}

// awaitBody calls read, which reads the body, without a slot, and then takes one. It drops the
// headers of r first: a request that waits for its client keeps none.
func (v *visit) awaitBody(r *http.Request, read func() ([]byte, error)) ([]byte, error) {
	if v.budgets == nil {
		return read()
	}
	forget(r)
	v.leave()
	v.budgets.waiting.begin(&v.body, awaitedBody, v)
	body, err := read()
	if v.body.end() {
		v.recorder.abort()
	}
	if err != nil {
		return nil, err
	}
	return body, v.begin(r.Context())
}

// send sends the response, and waits without a slot until the client has read it.
func (v *visit) send(r *http.Request) {
	if v.budgets == nil {
		return
	}
	forget(r)
	if !v.recorder.takeWindow() {
		v.recorder.send(false)
		return
	}
	v.budgets.waiting.begin(&v.response, awaitedResponse, v)
	v.recorder.send(true)
	if v.response.end() {
		v.recorder.abort()
	}
}

// reset implements resettable: it makes the read or write of the client's connection fail.
func (v *visit) reset(what awaited) {
	// The errors are ignored: a writer without deadlines has no connection, as in a test.
	connection := http.NewResponseController(v.recorder)
	if what == awaitedBody {
		_ = connection.SetReadDeadline(past)
	} else {
		_ = connection.SetWriteDeadline(past)
	}
}

// forget drops the headers of r and its target. The rest of a request is small.
func forget(r *http.Request) {
	r.Header, r.URL, r.RequestURI = nil, &noURL, ""
}

// noURL is the target of every request that has forgotten its own; it is never changed.
var noURL url.URL

// detach returns a copy of r with ctx for the handler, and removes from r what may be large.
// net/http refers to r until the handler returns, so forget would free nothing if r still had its
// headers. net/http does not read them after it has called the handler.
func detach(ctx context.Context, r *http.Request) *http.Request {
	detached := r.WithContext(ctx)
	r.Header, r.URL, r.RequestURI = nil, nil, ""
	return detached
}

// shedError reports that a request was shed: it got no slot in time.
type shedError struct{ cause *ports.Unavailable }

// Error returns the cause's text.
func (e *shedError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *shedError) Unwrap() error { return e.cause }
