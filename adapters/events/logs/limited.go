package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/offload/sessiond/ports"
)

// limitWindow is the window in which maxLines lines of an event are written.
const limitWindow = time.Second

// attrSuppressed is how many lines of the event were left out since its last line.
const attrSuppressed = "suppressed"

// unlimited lists the events whose every line is written. Callers cannot cause many of them: they
// follow from what the operator does, from the time, or from a change of the surroundings, and are
// reported once for each. Every other event is limited, so that a new one cannot be forgotten.
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
// and above. Every line of a limited event has the member suppressed: how many lines of the event
// were left out before it. If no line follows, the count is written in a line of its own within a
// second. The message of a record is the fixed name of its event.
type Limited struct {
	next slog.Handler
	*lineLimiters
}

// lineLimiters holds the limiter of each event. Handlers that derive from each other share it.
type lineLimiters struct {
	clock ports.Clock
	base  slog.Handler // writes the lines that hold nothing but a count

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
		suppressed, ok := h.of(record.Message, record.Level).allow()
		if !ok {
			return nil
		}
		record = record.Clone()
		record.AddAttrs(slog.Int(attrSuppressed, suppressed))
	}
	return h.next.Handle(ctx, record)
}

// Drops reports whether a line of an event would not be written now, and counts one that the limit
// leaves out. It is for lines that callers can cause many of: one that is not made costs much less
// than one that Handle leaves out.
func (h *Limited) Drops(ctx context.Context, level slog.Level, event string) bool {
	if !h.Enabled(ctx, level) {
		return true
	}
	return level >= slog.LevelInfo && !unlimited[event] && h.of(event, level).suppresses()
}

// WithAttrs implements slog.Handler.
func (h *Limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Limited{h.next.WithAttrs(attrs), h.lineLimiters}
}

// WithGroup implements slog.Handler.
func (h *Limited) WithGroup(name string) slog.Handler {
	return &Limited{h.next.WithGroup(name), h.lineLimiters}
}

// of returns the limiter of an event. The level is that of the event's first line.
func (l *lineLimiters) of(event string, level slog.Level) *lineLimiter {
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

// Close writes the counts that were not written yet. Later lines are still written.
func (l *lineLimiters) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, limiter := range l.events {
		limiter.flush()
	}
}
