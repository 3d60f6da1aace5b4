// Package logs writes events as log lines.
//
// A line holds fixed words, numbers, request ids that the edge made or checked, and pseudonyms; never an address, an install id or
// a token. It imports domain, ports and the standard library.
package logs

import (
	"context"
	"log/slog"
	"sync"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The events' words.
const (
	eventThrottled        = "session_issuance_throttled"
	eventRejected         = "token_rejected"
	eventKeysReloaded     = "keys_reloaded"
	eventKeysReloadFailed = "keys_reload_failed"
	eventKeysWatchFailed  = "keys_watch_failed"
	eventSignerMissing    = "keys_signer_missing"
	eventSignerFound      = "keys_signer_found"
	eventStranger         = "forwarded_by_stranger"
	eventOutageStarted    = "limiter_outage_started"
	eventOutageEnded      = "limiter_outage_ended"
)

// remedyStranger is for the operator whose clients all share one limit, and who does not know it yet.
const remedyStranger = "a peer in a private range sends forwarding headers, and no proxy is trusted: all clients behind it share one limit; " +
	"if it is your proxy, name it in OFFLOAD_TRUSTED_PROXIES"

// Recorder is a ports.Events that writes to a logger.
type Recorder struct {
	logger     *slog.Logger
	clock      ports.Clock
	pseudonyms throttle.Pseudonyms
	throttled  *valve
	stranger   sync.Once
}

// New makes a recorder. Whoever stops it calls Close, so that no count of lines left out is lost.
func New(logger *slog.Logger, clock ports.Clock, pseudonyms throttle.Pseudonyms) *Recorder {
	r := &Recorder{logger: logger, clock: clock, pseudonyms: pseudonyms}
	r.throttled = newValve(clock, func(leftOut int) {
		logger.LogAttrs(context.Background(), slog.LevelWarn, eventThrottled,
			slog.Int("suppressed", leftOut))
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
				slog.String("request_id", ports.OriginOf(ctx).RequestID),
				slog.String("reason", string(e.Reason)))
		}
	case ports.KeysReloaded:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventKeysReloaded, r.states(e.Keyring))
	case ports.KeysReloadFailed:
		r.logger.LogAttrs(ctx, slog.LevelError, eventKeysReloadFailed,
			slog.String("cause", e.Cause.Error()))
	case ports.KeysWatchFailed:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventKeysWatchFailed,
			slog.String("cause", e.Cause.Error()))
	case ports.SignerMissing:
		r.logger.LogAttrs(ctx, slog.LevelError, eventSignerMissing)
	case ports.SignerFound:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventSignerFound)
	case ports.ForwardedByStranger:
		r.stranger.Do(func() {
			r.logger.LogAttrs(ctx, slog.LevelWarn, eventStranger,
				slog.String("remedy", remedyStranger))
		})
	case ports.LimiterOutageStarted:
		r.logger.LogAttrs(ctx, slog.LevelError, eventOutageStarted,
			slog.String("policy", string(e.Policy)), slog.String("cause", e.Cause.Error()))
	case ports.LimiterOutageEnded:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventOutageEnded,
			slog.String("policy", string(e.Policy)))
	case ports.SessionIssued, ports.LimiterOutageDecision: // counted, not told
	}
}

// states are the ids of the keys with what each may do now.
func (r *Recorder) states(ring *keys.Keyring) slog.Attr {
	var states []slog.Attr
	now := r.clock.Now()
	for _, key := range ring.Keys() {
		states = append(states, slog.String(string(key.ID()), ring.StateAt(key, now).String()))
	}
	return slog.GroupAttrs("keys", states...)
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
