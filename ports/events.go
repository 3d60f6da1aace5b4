package ports

import (
	"context"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/domain/token"
)

// Events receives what happened, for logs and metrics. No event holds a token, an address or an
// install id.
type Events interface {
	// Record records an event. It never blocks on anything outside the process, cannot fail, and is
	// safe for concurrent use.
	Record(ctx context.Context, event Event)
}

// Event is one of the types below.
type Event interface{ event() }

// SessionIssued reports that a session was issued.
type SessionIssued struct{ Renewed bool }

// IssuanceThrottled reports a request that was over a limit.
type IssuanceThrottled struct {
	// Dimension is the one with the longest wait.
	Dimension throttle.Dimension
	// Mode says whether the request was refused: it was under Enforce.
	Mode ThrottleMode
	// RetryAfterSeconds is the wait that the refused client was sent, or would have been sent under
	// Observe.
	RetryAfterSeconds int
	// Install is the subject of the installation. An adapter that shows it digests it once more.
	Install throttle.Subject
}

// TokenVerified reports the outcome of verifying the token on a protected path.
type TokenVerified struct {
	// Reason is why the token was rejected; empty for a valid one.
	Reason token.Reason
}

// ForwardedByStranger reports a request with forwarding headers from a peer in a private range
// while no proxy is trusted. Most likely the operator forgot to name a proxy, and all clients
// behind it share one limit.
type ForwardedByStranger struct{}

// KeysReloaded reports that a valid keyset came into force: with other keys than before, or with
// the same ones after a failure.
type KeysReloaded struct{ Keyring *keys.Keyring }

// KeysReloadFailed reports a keyset that did not come into force; the last good one stays. It is
// recorded once for each new cause.
type KeysReloadFailed struct {
	// Cause lists everything that is wrong and holds no key material; never nil.
	Cause error
}

// KeysWatchFailed reports that the operating system does not notify of changes to the keyset, or
// not of all of them, so that only polling finds them. It is recorded once for each new cause.
type KeysWatchFailed struct {
	// Cause is the system's error; never nil.
	Cause error
}

// SignerMissing reports that no key may sign. It is recorded once each time that this begins.
type SignerMissing struct{}

// SignerFound reports the end of SignerMissing.
type SignerFound struct{}

// LimiterOutageStarted reports that the shared limiter storage is out: from now on the policy
// decides. It is recorded once for each outage.
type LimiterOutageStarted struct {
	Policy OutagePolicy
	// Cause is the failure that reached the threshold; never nil. It comes from the storage, which
	// keeps secrets and addresses out of it.
	Cause error
}

// LimiterOutageEnded reports the end of LimiterOutageStarted: from now on every decision is shared
// again.
type LimiterOutageEnded struct{ Policy OutagePolicy }

// LimiterOutageDecision reports one decision that the policy made in place of the shared storage:
// during an outage, or after a single call that failed.
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
