package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/throttle"
	"github.com/offload/sessiond/ports"
)

// issue issues or renews a session, and describes it.
func (a *API) issue(w http.ResponseWriter, r *http.Request) error {
	// before the body: reading it drops the headers
	client, brought := a.clientOf(r), a.credentials(r)
	brought.Authorization = slices.Clone(brought.Authorization) // net/http's is part of all headers
	brought.Proofs = slices.Clone(brought.Proofs)
	request, err := decode(w, r)
	if err != nil {
		return err
	}
	given, err := a.Issuance.Issue(r.Context(), ports.IssueRequest{
		Session: request, Client: client, Credentials: brought,
	})
	if err != nil {
		if refusal, ok := errors.AsType[*throttle.Refusal](err); ok {
			setRateLimit(w.Header(), &refusal.Decision)
		}
		return err
	}
	setRateLimit(w.Header(), &given.Decision)
	var body envelope.Object
	body.Text("session_token", given.Token)
	body.Instant("expires_at", given.Claims.ExpiresAt)
	body.Number("expires_in", int64(given.ExpiresIn/time.Second))
	body.Number("refresh_after", int64(given.RefreshAfter/time.Second))
	envelope.Write(w, http.StatusOK, body.Bytes())
	return nil
}
