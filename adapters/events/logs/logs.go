// Package logs writes events as log lines.
//
// A line holds fixed words, numbers, request ids that the edge made or checked, and pseudonyms; never an address, an install id or
// a token. It imports domain, ports and the standard library.
package logs

import (
	"context"
	"log/slog"
	"sync"

	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The events' words.
const (
	eventThrottled = "session_issuance_throttled"
	eventRejected  = "token_rejected"
	eventStranger  = "forwarded_by_stranger"
)

// remedyStranger is for the operator whose clients all share one limit, and who does not know it yet.
const remedyStranger = "a peer in a private range sends forwarding headers, and no proxy is trusted: all clients behind it share one limit; " +
	"if it is your proxy, name it in OFFLOAD_TRUSTED_PROXIES"

// Recorder is a ports.Events that writes to a logger.
type Recorder struct {
	logger     *slog.Logger
	pseudonyms throttle.Pseudonyms
	throttled  *valve
	stranger   sync.Once
}

// New makes a recorder. Whoever stops it calls Close, so that no count of lines left out is lost.
func New(logger *slog.Logger, clock ports.Clock, pseudonyms throttle.Pseudonyms) *Recorder {
	r := &Recorder{logger: logger, pseudonyms: pseudonyms}
	r.throttled = newValve(clock, func(leftOut int) {
		logger.LogAttrs(context.Background(), slog.LevelWarn, eventThrottled, slog.Int("suppressed", leftOut))
	})
	return r
}

// Record is ports.Events'.
func (r *Recorder) Record(ctx context.Context, event ports.Event) {
	switch e := event.(type) {
	case ports.IssuanceThrottled:
		r.issuanceThrottled(ctx, e)
	case ports.TokenVerified:
		if e.Reason != "" {
			r.logger.LogAttrs(ctx, slog.LevelDebug, eventRejected,
				slog.String("request_id", ports.OriginOf(ctx).RequestID), slog.String("reason", string(e.Reason)))
		}
	case ports.ForwardedByStranger:
		r.stranger.Do(func() { r.logger.LogAttrs(ctx, slog.LevelWarn, eventStranger, slog.String("remedy", remedyStranger)) })
	case ports.SessionIssued: // counted, not told
	}
}

func (r *Recorder) issuanceThrottled(ctx context.Context, e ports.IssuanceThrottled) {
	leftOut, open := r.throttled.pass()
	if !open {
		return
	}
	origin := ports.OriginOf(ctx)
	r.logger.LogAttrs(ctx, slog.LevelWarn, eventThrottled,
		slog.String("request_id", origin.RequestID),
		slog.String("path", origin.Route),
		slog.String("dimension", e.Dimension.String()),
		slog.String("mode", string(e.Mode)),
		slog.Int("retry_after_seconds", e.RetryAfterSeconds),
		slog.String("install_id_hash", r.pseudonyms.Of(e.Install)),
		slog.Int("suppressed", leftOut),
	)
}

// Close tells what was left out and not yet told. Lines of a later Record are still written.
func (r *Recorder) Close() { r.throttled.flush() }
