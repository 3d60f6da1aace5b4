package ports

import (
	"context"

	"github.com/offload/sessiond/domain/session"
)

// Authentication verifies the session that a request carries. It is safe for concurrent use.
type Authentication interface {
	// Authenticate verifies the session in credentials, with the proof if it is bound to a device
	// key, and returns its claims. Its error is a *token.Rejection, a *proof.Rejection or a
	// *proof.Challenge.
	Authenticate(ctx context.Context, credentials Credentials) (session.Claims, error)
}
