package proof

import (
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// Use judges the use of a session on a protected path. The claims are those of a token that has
// passed its checks but the last (token.Read), which Use makes: a bound token as Bearer is found
// before it, so that such a token is never called expired, which would say that all else is right.
// Use fails with a Rejection, or with a token.Rejection if the session has expired.
func (p Presented) Use(claims session.Claims) error {
	if err := p.downgrade(claims.Bound); err != nil {
		return err
	}
	if err := token.CheckExpiry(claims, p.Now); err != nil {
		return err
	}
	return p.Access(claims.Bound, claims.InstallID)
}
