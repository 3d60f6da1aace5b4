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

// recover answers for a handler that panicked. The log gets the stack; of what was thrown only the type, or the runtime's own words, for it
// may hold input.
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
		slog.String("request_id", id), slog.String("thrown", wordsFor(thrown)),
		slog.String("stack", string(debug.Stack())))
	if answer.status != 0 {
		panic(http.ErrAbortHandler) // half an answer is worse than none: the connection breaks
	}
	writeError(answer, id, failure.New(failure.Internal, nil))
}

func wordsFor(thrown any) string {
	if err, ok := thrown.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", thrown)
}
