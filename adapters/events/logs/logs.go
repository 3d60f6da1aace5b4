// Package logs writes events as log lines.
//
// A line holds fixed words, numbers, request ids that the HTTP server generated or validated, and
// pseudonyms; never an address, an install id or a token. The package imports domain, ports and the
// standard library.
package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// The names of the events.
const (
	eventThrottled     = "session_issuance_throttled"
	eventRejected      = "token_rejected"
	eventProofRejected = "proof_rejected"
	eventEndEarly      = "keys_end_early"
	eventSignerMissing = "keys_signer_missing"
	eventSignerFound   = "keys_signer_found"
	eventStranger      = "forwarded_by_stranger"
	eventCORSRefused   = "cors_refused"
	eventOutageStarted = "limiter_outage_started"
	eventOutageEnded   = "limiter_outage_ended"
	eventConfiguration = "configuration_warning"
	eventFault         = "configuration_fault"
	eventRefused       = "connections_refused"
	eventShed          = "requests_shed"
	eventTracesLost    = "traces_lost"
	eventTracesOut     = "traces_exported"
	eventConsole       = "console_refused"
	eventTraceFull     = "trace_full"
)

// The suffixes that follow the name of a material in the names of its events.
const (
	suffixReloaded     = "_reloaded"
	suffixReloadFailed = "_reload_failed"
	suffixWatchFailed  = "_watch_failed"
)

// Variables holds the names of the configuration variables that messages mention.
type Variables struct {
	// TrustedProxies lists the trusted proxies.
	TrustedProxies string
	// SharedStorage names the server of a shared limiter storage.
	SharedStorage string
	// Origins lists the origins of the web pages that are allowed.
	Origins string
	// OpsHosts lists the names under which the operations listener is known.
	OpsHosts string
}

// Remedies holds what operators can do about events, if that depends on the command line.
type Remedies struct {
	// SignerMissing is the remedy if no key signs.
	SignerMissing string
	// KeysEndEarly is the remedy for keys that end too early.
	KeysEndEarly string
}

// remedyStranger returns the remedy if clients behind a proxy that is not configured share one
// limit. proxies is the variable that lists the trusted proxies.
func remedyStranger(proxies string) string {
	return "a peer in a private range sends forwarding headers, but no proxy is trusted, so all " +
		"clients behind the peer share one limit; if it is your proxy, add its address to " + proxies
}

// Recorder implements ports.Events. It writes to a logger.
type Recorder struct {
	logger     *slog.Logger
	limited    *Limited // the handler of logger; nil if that is another
	clock      ports.Clock
	pseudonyms throttle.Pseudonyms
	variables  Variables
	remedies   Remedies
	stranger   sync.Once
	pages      *pages
}

// New returns a recorder that writes to logger, whose handler should be a Limited, so that clients
// cannot flood the log. Call Close at the end, so that no count of suppressed lines is lost.
func New(logger *slog.Logger, clock ports.Clock, pseudonyms throttle.Pseudonyms,
	variables Variables, remedies Remedies) *Recorder {
	limited, _ := logger.Handler().(*Limited)
	return &Recorder{logger: logger, limited: limited, clock: clock, pseudonyms: pseudonyms,
		variables: variables, remedies: remedies, pages: newPages(logger, clock, variables.Origins)}
}

// Close writes the count of suppressed lines about refused pages, if it is not written yet. Other
// counts are kept by the logger's handler: see Limited.Close. The recorder may still be used.
func (r *Recorder) Close() { r.pages.limiter.flush() }

// Record implements ports.Events.
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
	case ports.ProofJudged:
		if e.Reason != "" {
			r.logger.LogAttrs(ctx, slog.LevelDebug, eventProofRejected,
				slog.String("request_id", ports.OriginOf(ctx).RequestID),
				slog.String("reason", string(e.Reason)))
		}
	case ports.Reloaded:
		r.logger.LogAttrs(ctx, slog.LevelInfo, string(e.Content.Material())+suffixReloaded,
			r.content(e.Content)...)
	case ports.ReloadFailed:
		cause := []slog.Attr{slog.String("cause", e.Cause.Error())}
		if e.File != "" {
			cause = append(cause, slog.String("file", e.File))
		}
		if e.Remedy != "" {
			cause = append(cause, slog.String("remedy", e.Remedy))
		}
		r.logger.LogAttrs(ctx, slog.LevelError, string(e.Material)+suffixReloadFailed, cause...)
	case ports.WatchFailed:
		r.logger.LogAttrs(ctx, slog.LevelWarn, string(e.Material)+suffixWatchFailed,
			slog.String("cause", e.Cause.Error()))
	case ports.SignerMissing:
		r.logger.LogAttrs(ctx, slog.LevelError, eventSignerMissing, r.signerMissing(e)...)
	case ports.KeysEndEarly:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventEndEarly, r.endEarly(e)...)
	case ports.SignerFound:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventSignerFound)
	case ports.ForwardedByStranger:
		r.stranger.Do(func() {
			r.logger.LogAttrs(ctx, slog.LevelWarn, eventStranger,
				slog.String("remedy", remedyStranger(r.variables.TrustedProxies)))
		})
	case ports.CORSRefused:
		r.pages.refused(ctx, e)
	case ports.LimiterOutageStarted:
		r.logger.LogAttrs(ctx, slog.LevelError, eventOutageStarted,
			slog.String("policy", e.Policy.String()), slog.String("cause", e.Cause.Error()))
	case ports.LimiterOutageEnded:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventOutageEnded,
			slog.String("policy", e.Policy.String()))
	case ports.LimiterMisconfigured:
		ConfigurationWarning(ctx, r.logger, r.variables.SharedStorage, e.Problem, "")
	case ports.ConnectionRefused:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventRefused, slog.String("budget", string(e.Budget)))
	case ports.RequestsShed:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventShed, slog.String("budget", string(e.Budget)))
	case ports.TracesLost:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventTracesLost,
			slog.String("cause", e.Cause.Error()))
	case ports.TracesExported:
		r.logger.LogAttrs(ctx, slog.LevelInfo, eventTracesOut)
	case ports.ConsoleRefused:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventConsole,
			slog.String("request_id", ports.OriginOf(ctx).RequestID),
			slog.String("variable", r.variables.OpsHosts),
			slog.String("remedy", "if the name of the host is yours, add it to "+
				r.variables.OpsHosts+"; if not, a web page tried to read the console"))
	case ports.TraceFull:
		r.logger.LogAttrs(ctx, slog.LevelWarn, eventTraceFull, traceFull(e)...)
	case ports.SessionIssued, ports.LimiterOutageDecision, ports.SpansLost: // counted by metrics, not logged
	case ports.LimiterRepaired: // the console shows it
	}
}

// traceFull describes the size of a trace that has ended, and the cause if it is not the size.
func traceFull(e ports.TraceFull) []slog.Attr {
	attrs := []slog.Attr{slog.Int64("bytes", e.Bytes)}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return attrs
}

// content describes content that came into force.
func (r *Recorder) content(content ports.Content) []slog.Attr {
	switch c := content.(type) {
	case ports.KeysContent:
		return []slog.Attr{States(c.Keyring, r.clock.Now())}
	case ports.TLSContent:
		return []slog.Attr{slog.Any("names", c.Names), slog.Time("ends", c.Ends)}
	case ports.RedisTLSContent:
		if !c.Ends.IsZero() {
			return []slog.Attr{slog.Time("ends", c.Ends)}
		}
	}
	return nil
}

// signerMissing describes when a key will sign again, if one will, and the remedy.
func (r *Recorder) signerMissing(e ports.SignerMissing) []slog.Attr {
	remedy := slog.String("remedy", r.remedies.SignerMissing)
	if e.Until.IsZero() {
		return []slog.Attr{remedy}
	}
	return []slog.Attr{slog.Time("next", e.Until), remedy}
}

// endEarly describes the keys that end too early, and the remedy.
func (r *Recorder) endEarly(e ports.KeysEndEarly) []slog.Attr {
	ends := make([]slog.Attr, 0, len(e.Keys))
	for _, key := range e.Keys {
		ends = append(ends, slog.Group(string(key.ID),
			slog.Time("verify_until", key.VerifyUntil), slog.Time("useful_until", key.UsefulUntil)))
	}
	return []slog.Attr{slog.GroupAttrs("keys", ends...),
		slog.String("remedy", r.remedies.KeysEndEarly)}
}

// ConfigurationWarning logs a warning about the value of a configuration variable. remedy may be
// empty.
func ConfigurationWarning(ctx context.Context, logger *slog.Logger,
	variable, problem, remedy string) {
	logFinding(ctx, logger, slog.LevelWarn, eventConfiguration, variable, problem, remedy)
}

// ConfigurationFault logs a fault of a configuration variable that keeps the service from starting.
// remedy may be empty.
func ConfigurationFault(ctx context.Context, logger *slog.Logger,
	variable, problem, remedy string) {
	logFinding(ctx, logger, slog.LevelError, eventFault, variable, problem, remedy)
}

// logFinding logs an event about a configuration variable. An empty remedy is left out.
func logFinding(ctx context.Context, logger *slog.Logger, level slog.Level,
	event, variable, problem, remedy string) {
	finding := []slog.Attr{slog.String("variable", variable), slog.String("problem", problem)}
	if remedy != "" {
		finding = append(finding, slog.String("remedy", remedy))
	}
	logger.LogAttrs(ctx, level, event, finding...)
}

// States returns a group "keys" that maps the id of each key to its state at now.
func States(keyring *keys.Keyring, now time.Time) slog.Attr {
	var states []slog.Attr
	for _, key := range keyring.Keys() {
		states = append(states, slog.String(string(key.ID()), keyring.StateAt(key, now).String()))
	}
	return slog.GroupAttrs("keys", states...)
}

// issuanceThrottled logs a refusal, unless its line would be dropped: an attacker can cause many.
func (r *Recorder) issuanceThrottled(ctx context.Context, e ports.IssuanceThrottled) {
	if r.limited != nil && r.limited.Drops(ctx, slog.LevelWarn, eventThrottled) {
		return
	}
	origin := ports.OriginOf(ctx)
	r.logger.LogAttrs(ctx, slog.LevelWarn, eventThrottled,
		slog.String("request_id", origin.RequestID),
		slog.String("path", origin.Route),
		slog.String("dimension", e.Dimension.String()),
		slog.String("mode", e.Mode.String()),
		slog.Int("retry_after_seconds", e.RetryAfterSeconds),
		slog.Any("install_id_hash", pseudonym{r.pseudonyms, e.Install}),
	)
}

// pseudonym is the pseudonym of an installation. It is computed only for a line that is written.
type pseudonym struct {
	pseudonyms throttle.Pseudonyms
	install    throttle.Subject
}

// LogValue implements slog.LogValuer.
func (p pseudonym) LogValue() slog.Value { return slog.StringValue(p.pseudonyms.Of(p.install)) }
