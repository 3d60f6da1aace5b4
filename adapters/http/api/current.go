package api

import (
	"net/http"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/session"
)

// current is the response that describes the session of a bearer token.
type current struct {
	InstallID string `json:"install_id"`
	KeyID     string `json:"key_id"`
	Issuer    string `json:"issuer"`
	Audience  string `json:"audience"`
	IssuedAt  string `json:"issued_at"`
	NotBefore string `json:"not_before"`
	ExpiresAt string `json:"expires_at"`
}

func (a *API) current(w http.ResponseWriter, r *http.Request) error {
	claims, err := a.Authentication.Authenticate(r.Context(), credentials(r))
	if err != nil {
		return err
	}
	envelope.WriteJSON(w, http.StatusOK, current{
		InstallID: claims.InstallID.Text(),
		KeyID:     string(claims.KeyID),
		Issuer:    claims.Issuer,
		Audience:  claims.Audience,
		IssuedAt:  instant(claims.IssuedAt),
		NotBefore: instant(claims.NotBefore),
		ExpiresAt: instant(claims.ExpiresAt),
	})
	return nil
}

// instant formats a time as RFC 3339 in UTC without a fraction, which the ISO 8601 decoders of
// clients reject.
func instant(at session.Unix) string { return at.Time().Format(time.RFC3339) }
