package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// current responds with the claims of the session that authorizes the request.
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
	body.Instant("issued_at", claims.IssuedAt)
	body.Instant("not_before", claims.NotBefore)
	body.Instant("expires_at", claims.ExpiresAt)
	envelope.Write(w, http.StatusOK, body.Bytes())
	return nil
}
