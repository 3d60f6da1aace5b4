package ports

import (
	"context"
	"net/netip"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

// Issuance gives sessions. It is safe for concurrent use.
type Issuance interface {
	// Issue gives a session, new or renewed. It fails with a *throttle.Refusal where a limit was reached, with an *Unavailable
	// where no key may sign or nobody could decide, and takes no grant when it fails.
	Issue(ctx context.Context, ask IssueRequest) (Issued, error)
}

// IssueRequest is who asks for a session.
type IssueRequest struct {
	Session session.Request
	// Client is the address of the client, not of a proxy before it.
	Client netip.Addr
	// Authorization holds the values of all such headers, for a renewal. None of them is ever an error.
	Authorization []string
}

// Issued is a session that was given.
type Issued struct {
	Token  string
	Claims session.Claims
	// ExpiresIn is from now to the claim exp.
	ExpiresIn time.Duration
	// RefreshAfter is when the client had best renew, from now: whole seconds, spread over clients.
	RefreshAfter time.Duration
	// Decision is what the throttle decided; it is undecided where nothing was taken for this session.
	Decision throttle.Decision
}

// Authentication tells whose session a request carries. It is safe for concurrent use.
type Authentication interface {
	// Authenticate reads the values of all Authorization headers. It fails with a *token.Rejection.
	Authenticate(ctx context.Context, authorization []string) (session.Claims, error)
}

// Publication tells the public keys. It is safe for concurrent use.
type Publication interface {
	// PublicSet is the JWK Set (RFC 7517) of the keys with a public part that are pending, signing or verifying now. The same keys give
	// the same text.
	PublicSet() string
}
