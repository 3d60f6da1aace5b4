package proof

import (
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/domain/token"
)

// Use judges the use of a session on a protected path. The claims are those of a token that has
// passed all checks of token.Read, so Use checks the expiry, which is the last check of a token. It
// first rejects a bound token that is presented as Bearer: such a token must not be called expired,
// which would say that all else is right. Use fails with a *Rejection, or with a *token.Rejection
// if the session has expired.
func (p Presented) Use(claims session.Claims) error {
	if err := p.checkDowngrade(claims.Bound); err != nil {
		return err
	}
	if err := token.CheckExpiry(claims, p.Now); err != nil {
		return err
	}
	return p.Access(claims.Bound, claims.InstallID)
}
