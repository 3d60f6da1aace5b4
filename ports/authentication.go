package ports

import (
	"context"

	"github.com/offload/sessiond/domain/session"
)

// Authentication verifies the session that a request carries. It is safe for concurrent use.
type Authentication interface {
	// Authenticate verifies the session in the values of all Authorization headers and returns its
	// claims. Its error is a *token.Rejection.
	Authenticate(ctx context.Context, authorization []string) (session.Claims, error)
}
