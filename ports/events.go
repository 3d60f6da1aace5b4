package ports

import (
	"context"
	"time"

	"github.com/offload/sessiond/domain/keys"
	"github.com/offload/sessiond/domain/proof"
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
type SessionIssued struct {
	Renewed bool
	// ThumbprintID is true for a new session while sessions cannot be bound to device keys, if the
	// install id has the form of the thumbprint of one: it would need a proof if they could.
	ThumbprintID bool
}

// ProofJudged reports the outcome of judging the proof of a device key, or the lack of one that is
// needed.
type ProofJudged struct {
	// Reason is why the proof was rejected; empty for an accepted one.
	Reason proof.Reason
}

// IssuanceThrottled reports a request that was over a limit.
type IssuanceThrottled struct {
	// Dimension is the one with the longest wait.
	Dimension throttle.Dimension
	// Mode is the mode in force: Enforce refused the request, Observe did not.
	Mode ThrottleMode
	// RetryAfterSeconds is the wait that the refused client was sent, or would have been sent under
	// Observe.
	RetryAfterSeconds int
	// Install is the subject of the installation. Adapters show only a pseudonym of it.
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

// CORSRefused reports a refused preflight of a web page.
type CORSRefused struct {
	// Page is a digest of the page's origin, so that recorders can distinguish pages.
	Page [32]byte
	// Allowed is true if the page may use the route, but not with the method that it asked for.
	Allowed bool
}

// Material names what is read from files and follows their changes. The names of log events and of
// metrics begin with it.
type Material string

// The materials.
const (
	// MaterialKeys is the keyset.
	MaterialKeys Material = "keys"
	// MaterialTLS is the certificate of the public listener, with its key.
	MaterialTLS Material = "tls"
	// MaterialRedisTLS is what TLS with the shared limiter storage needs: the authorities that are
	// trusted, and the client certificate with its key.
	MaterialRedisTLS Material = "redis_tls"
)

// Materials returns all materials.
func Materials() []Material { return []Material{MaterialKeys, MaterialTLS, MaterialRedisTLS} }

// Content is what was read of a material: KeysContent, TLSContent or RedisTLSContent.
type Content interface {
	// Material returns the material that the content is of.
	Material() Material
}

// KeysContent is the content of a keyset.
type KeysContent struct{ Keyring *keys.Keyring }

// Material implements Content.
func (KeysContent) Material() Material { return MaterialKeys }

// TLSContent is the content of a certificate that the public listener shows.
type TLSContent struct {
	// Names are the names and addresses that the certificate is for.
	Names []string
	// Ends is the last time at which it is valid.
	Ends time.Time
}

// Material implements Content.
func (TLSContent) Material() Material { return MaterialTLS }

// RedisTLSContent is the content of the files for TLS with the shared limiter storage.
type RedisTLSContent struct {
	// Ends is the last time at which the client certificate is valid; zero if there is none.
	Ends time.Time
}

// Material implements Content.
func (RedisTLSContent) Material() Material { return MaterialRedisTLS }

// Reloaded reports that valid content came into force: new content, or the same as before after a
// ReloadFailed.
type Reloaded struct{ Content Content }

// ReloadFailed reports that new content was not put into force; the last valid content stays in
// force. It is recorded once for each new cause.
type ReloadFailed struct {
	Material Material
	// File is the path that the configuration names. It is empty if the material has several files.
	// The cause names any other file that is at fault.
	File string
	// Cause lists everything that is wrong and holds no key material; never nil.
	Cause error
	// Remedy is what to do about the first of the problems; empty if that is not known.
	Remedy string
}

// WatchFailed reports that the operating system does not notify of some or all changes to the files
// of a material, so that they are found only when the files are next read. It is recorded once for
// each new cause.
type WatchFailed struct {
	Material Material
	// Cause is the system's error; never nil.
	Cause error
}

// KeysEndEarly reports that keys in force end while sessions that they signed are still valid or
// renewable. It is recorded when the service starts, and each time that keys come into force.
type KeysEndEarly struct {
	// Keys has at least one element.
	Keys []keys.EarlyEnd
}

// SignerMissing reports that no key may sign. It is recorded once until SignerFound.
type SignerMissing struct {
	// Until is when the next key signs by the plans in force; zero if none does.
	Until time.Time
}

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

// LimiterMisconfigured reports that the server of the shared limiter storage is configured in such
// a way that limits may not hold. It is recorded once for each new problem.
type LimiterMisconfigured struct {
	// Problem continues a sentence that starts with the variable that names the server. It holds no
	// secret and no address.
	Problem string
}

// LimiterRepaired reports the end of LimiterMisconfigured.
type LimiterRepaired struct{}

// ConnectionRefused reports that a connection was closed because a budget was reached: a new one,
// or one that had to make room.
type ConnectionRefused struct{ Budget Budget }

// ConsoleRefused reports a request for the operators' console under a host name that is not
// allowed: an operator's name for the service that is missing in the configuration, or a web page
// that reaches the operations listener by DNS rebinding.
type ConsoleRefused struct{}

// RequestsShed reports that a request was refused or reset because a budget was reached.
type RequestsShed struct{ Budget Budget }

// SpansLost reports that the collector of traces did not accept spans. It is recorded for each
// export that fails.
type SpansLost struct {
	Count  int
	Reason SpanLoss
}

// SpanLoss is why spans were lost, in metrics.
type SpanLoss string

// The reasons.
const (
	// SpansUnreachable means that there is no connection to the collector.
	SpansUnreachable SpanLoss = "unreachable"
	// SpansLate means that the collector did not answer in time.
	SpansLate SpanLoss = "late"
	// SpansRedirected means that the collector answered with a redirect, which is not followed.
	SpansRedirected SpanLoss = "redirected"
	// SpansRefused means that the collector did not accept the spans, or that its answer was not
	// understood.
	SpansRefused SpanLoss = "refused"
)

// SpanLosses returns all reasons.
func SpanLosses() []SpanLoss {
	return []SpanLoss{SpansUnreachable, SpansLate, SpansRedirected, SpansRefused}
}

// TracesLost reports that the collector does not accept traces, so that they are lost. It is
// recorded once until TracesExported.
type TracesLost struct {
	// Cause holds no address and no credential; never nil.
	Cause error
}

// TracesExported reports the end of TracesLost.
type TracesExported struct{}

// TraceFull reports that the trace of decisions has ended, because it has reached its maximum size
// or could not be written. It is recorded once.
type TraceFull struct {
	// Bytes is the size of the trace.
	Bytes int64
	// Cause is the system's error, without a path; nil if the trace has reached its maximum size.
	Cause error
}

func (SpansLost) event()             {}
func (TracesLost) event()            {}
func (TracesExported) event()        {}
func (TraceFull) event()             {}
func (RequestsShed) event()          {}
func (ConsoleRefused) event()        {}
func (KeysEndEarly) event()          {}
func (SignerMissing) event()         {}
func (SignerFound) event()           {}
func (SessionIssued) event()         {}
func (IssuanceThrottled) event()     {}
func (TokenVerified) event()         {}
func (ProofJudged) event()           {}
func (Reloaded) event()              {}
func (ReloadFailed) event()          {}
func (WatchFailed) event()           {}
func (ForwardedByStranger) event()   {}
func (CORSRefused) event()           {}
func (LimiterOutageStarted) event()  {}
func (LimiterOutageEnded) event()    {}
func (LimiterOutageDecision) event() {}
func (LimiterMisconfigured) event()  {}
func (LimiterRepaired) event()       {}
func (ConnectionRefused) event()     {}
