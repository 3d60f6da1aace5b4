package ports

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
)

// Events hears what happened, for logs and metrics. No event holds a token, an address or an install id.
type Events interface {
	// Record takes note. It never blocks on anything outside the process, cannot fail, and is safe for concurrent use.
	Record(ctx context.Context, event Event)
}

// Event is one of the types below.
type Event interface{ event() }

// SessionIssued is a session that was given.
type SessionIssued struct{ Renewed bool }

// IssuanceThrottled is a request that was over a limit.
type IssuanceThrottled struct {
	// Dimension is the one with the longest wait.
	Dimension throttle.Dimension
	// Mode tells whether the request was refused for it.
	Mode ThrottleMode
	// RetryAfterSeconds is what the refused caller was told, or would have been.
	RetryAfterSeconds int
	// Install is the subject of the installation; whoever shows it digests it once more.
	Install throttle.Subject
}

// TokenVerified is a token that stood, or did not, on a protected path.
type TokenVerified struct {
	// Reason is why it was rejected; empty for a valid one.
	Reason token.Reason
}

// ForwardedByStranger is a request with forwarding headers from a peer in a private range, while no proxy is trusted: most likely a proxy that the
// operator forgot to name, so that all its clients share one limit.
type ForwardedByStranger struct{}

// KeysReloaded is a keyset that is sound and in force: other keys than before, or the same after a failure.
type KeysReloaded struct{ Keyring *keys.Keyring }

// KeysReloadFailed is a keyset that did not take force: the last good one stays. It is told once for each new cause.
type KeysReloadFailed struct {
	// Cause tells all that is wrong and holds no material; never nil.
	Cause error
}

// KeysWatchFailed is a keyset whose changes the system does not tell of, or not all of them: looking often has to do. It is told once for
// each new cause.
type KeysWatchFailed struct {
	// Cause is the system's; never nil.
	Cause error
}

// SignerMissing is a service in which no key may sign. It is told once each time, when the time comes.
type SignerMissing struct{}

// SignerFound is the end of SignerMissing.
type SignerFound struct{}

// LimiterOutageStarted is a shared limiter storage that is out: from now on the policy decides. It is told once each time.
type LimiterOutageStarted struct {
	Policy OutagePolicy
	// Cause is the failure that tipped the scales. It is the storage's, which keeps secrets and addresses out of it; never nil.
	Cause error
}

// LimiterOutageEnded is the end of LimiterOutageStarted: from now on every decision is shared again.
type LimiterOutageEnded struct{ Policy OutagePolicy }

// LimiterOutageDecision is one decision that the policy made in the shared storage's stead: during an outage, or for a single ask that failed.
type LimiterOutageDecision struct{ Policy OutagePolicy }

func (SignerMissing) event()         {}
func (SignerFound) event()           {}
func (SessionIssued) event()         {}
func (IssuanceThrottled) event()     {}
func (TokenVerified) event()         {}
func (KeysReloaded) event()          {}
func (KeysReloadFailed) event()      {}
func (KeysWatchFailed) event()       {}
func (ForwardedByStranger) event()   {}
func (LimiterOutageStarted) event()  {}
func (LimiterOutageEnded) event()    {}
func (LimiterOutageDecision) event() {}

// ThrottleMode is what a reached limit does.
type ThrottleMode string

// The modes.
const (
	// Enforce refuses.
	Enforce ThrottleMode = "enforce"
	// Observe tells whom it would refuse, and refuses nobody.
	Observe ThrottleMode = "observe"
)

// OutagePolicy is who decides while a shared limiter storage is out.
type OutagePolicy string

// The policies.
const (
	// OutageLocal has a storage of this replica's own decide, with the same limits.
	OutageLocal OutagePolicy = "local"
	// OutageDeny gives nobody a session.
	OutageDeny OutagePolicy = "deny"
	// OutageAllow gives everybody a session.
	OutageAllow OutagePolicy = "allow"
)

// OutagePolicies lists every policy.
func OutagePolicies() []OutagePolicy { return []OutagePolicy{OutageLocal, OutageDeny, OutageAllow} }

// Origin is the request that an event belongs to.
type Origin struct {
	// RequestID is safe to show: the edge made or checked it.
	RequestID string
	// Route is the pattern that matched, never the path as sent.
	Route string
}

type originKey struct{}

// WithOrigin puts the origin of all events that come of it into ctx.
func WithOrigin(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf is the origin in ctx, empty where there is none.
func OriginOf(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}
