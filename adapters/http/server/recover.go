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

// recover responds for a handler that panicked. The log gets the stack, but of the panic value only
// its type, or the message of a runtime error, because the value may hold input.
func (e *Router) recover(answer *recorder, r *http.Request) {
	thrown := recover()
	if thrown == nil {
		return
	}
	if err, ok := thrown.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(thrown)
	}
	id := ports.OriginOf(r.Context()).RequestID
	e.logger.LogAttrs(r.Context(), slog.LevelError, "panic_recovered",
		slog.String("request_id", id), slog.String("thrown", describe(thrown)),
		slog.String("stack", string(debug.Stack())))
	if answer.status != 0 {
		panic(http.ErrAbortHandler) // a partial response is worse than none: break the connection
	}
	writeError(answer, id, failure.New(failure.Internal, nil))
}

func describe(thrown any) string {
	if err, ok := thrown.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", thrown)
}
