package ports

import (
	"context"
	"net/netip"
	"time"

	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/throttle"
)

// Issuance issues sessions. It is safe for concurrent use.
type Issuance interface {
	// Issue issues a session, new or renewed. It returns a *throttle.Refusal if a limit was
	// reached, and an *Unavailable if no key may sign or the limiter could not decide. It takes no
	// grant if it fails.
	Issue(ctx context.Context, request IssueRequest) (Issued, error)
}

// IssueRequest is a request for a session.
type IssueRequest struct {
	Session session.Request
	// Client is the address of the client, not of a proxy in front of it.
	Client netip.Addr
	// Credentials may hold a session to renew. One that does not qualify for a renewal is ignored.
	Credentials Credentials
}

// Issued is a session that was issued.
type Issued struct {
	Token  string
	Claims session.Claims
	// ExpiresIn is the time from now to the exp claim.
	ExpiresIn time.Duration
	// RefreshAfter is how long from now the client should wait before it renews, in whole seconds.
	// It differs between clients, to spread renewals.
	RefreshAfter time.Duration
	// Decision is the limiter's decision. It is undecided if no grant was taken for this session.
	Decision throttle.Decision
}
