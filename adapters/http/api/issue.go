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

// issue issues or renews a session, and responds with its token and its lifetime.
func (a *API) issue(w http.ResponseWriter, r *http.Request) error {
	// before the body: reading it drops the headers
	client, credentials := a.clientOf(r), a.credentials(r)
	// Clones, because the slices of net/http are part of one that refers to all headers.
	credentials.Authorization = slices.Clone(credentials.Authorization)
	credentials.Proofs = slices.Clone(credentials.Proofs)
	request, err := decode(w, r)
	if err != nil {
		return err
	}
	issued, err := a.Issuance.Issue(r.Context(), ports.IssueRequest{
		Session: request, Client: client, Credentials: credentials,
	})
	if err != nil {
		if refusal, ok := errors.AsType[*throttle.Refusal](err); ok {
			setRateLimit(w.Header(), &refusal.Decision)
		}
		return err
	}
	setRateLimit(w.Header(), &issued.Decision)
	var body envelope.Object
	body.Text("session_token", issued.Token)
	body.Instant("expires_at", issued.Claims.ExpiresAt)
	body.Number("expires_in", int64(issued.ExpiresIn/time.Second))
	body.Number("refresh_after", int64(issued.RefreshAfter/time.Second))
	envelope.Write(w, http.StatusOK, body.Bytes())
	return nil
}
