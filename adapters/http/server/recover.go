package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/offload/sessiond/domain/failure"
	"github.com/offload/sessiond/ports"
)

// recover, which must be deferred, writes the error response for a handler that panicked. If the
// response has begun, or the panic is http.ErrAbortHandler, it panics with http.ErrAbortHandler, by
// which net/http breaks the connection off. The log gets the stack, but of the panic value only
// its type, or the message of a runtime error, because the value may hold input.
func (rt *Router) recover(rec *recorder, r *http.Request) {
	thrown := recover()
	if thrown == nil {
		return
	}
	if err, ok := thrown.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(thrown)
	}
	id := ports.OriginOf(r.Context()).RequestID
	rt.logger.LogAttrs(r.Context(), slog.LevelError, "panic_recovered",
		slog.String("request_id", id), slog.String("thrown", describe(thrown)),
		slog.String("stack", string(debug.Stack())))
	if rec.status != 0 {
		panic(http.ErrAbortHandler) // a partial response is worse than none: break the connection
	}
	writeError(rec, id, failure.New(failure.Internal, nil))
}

// describe returns the type of a panic value, or the message of a runtime error.
func describe(thrown any) string {
	if err, ok := thrown.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", thrown)
}
