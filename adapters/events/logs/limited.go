package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// limitWindow is the window in which at most maxLines lines of an event are written.
const limitWindow = time.Second

// attrSuppressed is the key of the number of lines of the event that were left out since its last
// line.
const attrSuppressed = "suppressed"

// unlimited is the set of the events whose every line is written. Clients cannot cause many of
// them: each line reports one action of the operator, one scheduled change, or one change in the
// environment of the process. Events that are not in the set are limited, so that a new event is
// limited by default.
var unlimited = func() map[string]bool {
	events := map[string]bool{
		"service_started": true, "service_stopping": true, "service_stopped": true,
		eventConfiguration: true,
		eventEndEarly:      true, eventSignerMissing: true, eventSignerFound: true,
		eventOutageStarted: true, eventOutageEnded: true,
		eventTracesLost: true, eventTracesOut: true,
		eventTraceFull:   true, // once for each process
		eventStranger:    true, // once for each process
		eventCORSRefused: true, // limited by pages, more strictly
	}
	for _, material := range ports.Materials() {
		for _, suffix := range []string{suffixReloaded, suffixReloadFailed, suffixWatchFailed} {
			events[string(material)+suffix] = true
		}
	}
	return events
}()

// Limited is a slog.Handler that writes at most ten lines of an event in any second, at level info
// and above. Every line of a limited event has the attribute "suppressed": the number of lines of
// the event that were left out before it. If no line follows, the number is written in a line of
// its own within a second. The message of a record must be the fixed name of its event.
type Limited struct {
	next slog.Handler
	*lineLimiters
}

// lineLimiters holds the limiter of each event. It is shared by a handler and those that WithAttrs
// and WithGroup derive from it.
type lineLimiters struct {
	clock ports.Clock
	base  slog.Handler // writes the lines that hold only a count

	mu     sync.Mutex
	events map[string]*lineLimiter
}

var _ slog.Handler = (*Limited)(nil)

// NewLimited returns a handler that passes the lines that may be written to next. Call Close at the
// end, so that no count is lost.
func NewLimited(next slog.Handler, clock ports.Clock) *Limited {
	return &Limited{next, &lineLimiters{clock: clock, base: next, events: map[string]*lineLimiter{}}}
}

// Enabled implements slog.Handler.
func (h *Limited) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *Limited) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelInfo && !unlimited[record.Message] {
		suppressed, ok := h.limiterOf(record.Message, record.Level).allow()
		if !ok {
			return nil
		}
		record = record.Clone()
		record.AddAttrs(slog.Int(attrSuppressed, suppressed))
	}
	return h.next.Handle(ctx, record)
}

// Drops reports whether a line of an event would not be written now. If the limit is the reason, it
// counts the line as suppressed. Callers use it before they build a line that clients can cause
// often: that costs much less than building a line that Handle drops.
func (h *Limited) Drops(ctx context.Context, level slog.Level, event string) bool {
	if !h.Enabled(ctx, level) {
		return true
	}
	return level >= slog.LevelInfo && !unlimited[event] && h.limiterOf(event, level).suppress()
}

// WithAttrs implements slog.Handler.
func (h *Limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Limited{h.next.WithAttrs(attrs), h.lineLimiters}
}

// WithGroup implements slog.Handler.
func (h *Limited) WithGroup(name string) slog.Handler {
	return &Limited{h.next.WithGroup(name), h.lineLimiters}
}

// limiterOf returns the limiter of an event, and creates it for the event's first line. Lines that
// hold only a count have the level of that first line.
func (l *lineLimiters) limiterOf(event string, level slog.Level) *lineLimiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.events[event]
	if limiter == nil {
		limiter = newLineLimiter(l.clock, limitWindow, func(suppressed int) {
			slog.New(l.base).LogAttrs(context.Background(), level, event,
				slog.Int(attrSuppressed, suppressed))
		})
		l.events[event] = limiter
	}
	return limiter
}

// Close writes the counts that are not written yet. The handler may still be used.
func (l *lineLimiters) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, limiter := range l.events {
		limiter.flush()
	}
}
