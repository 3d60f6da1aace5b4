package api

import (
	"net/http"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/session"
)

// current describes the session of a token.
func (a *API) current(w http.ResponseWriter, r *http.Request) error {
	claims, err := a.Authentication.Authenticate(r.Context(), a.credentials(r))
	if err != nil {
		return err
	}
	var body envelope.Object
	body.Text("install_id", claims.InstallID.Text())
	body.Text("key_id", string(claims.KeyID))
	body.Text("issuer", claims.Issuer)
	body.Text("audience", claims.Audience)
	body.Text("issued_at", instant(claims.IssuedAt))
	body.Text("not_before", instant(claims.NotBefore))
	body.Text("expires_at", instant(claims.ExpiresAt))
	envelope.Write(w, http.StatusOK, body.Bytes())
	return nil
}

// instant formats a time as RFC 3339 in UTC without a fraction, which the ISO 8601 decoders of
// clients reject.
func instant(at session.Unix) string { return at.Time().Format(time.RFC3339) }
