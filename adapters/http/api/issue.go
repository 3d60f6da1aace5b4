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

// issued is the response that describes a newly issued session.
type issued struct {
	SessionToken string `json:"session_token"`
	ExpiresAt    string `json:"expires_at"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshAfter int64  `json:"refresh_after"`
}

func (a *API) issue(w http.ResponseWriter, r *http.Request) error {
	// before the body: reading it drops the headers
	client, proof := a.clientOf(r), credentials(r)
	proof.Authorization = slices.Clone(proof.Authorization) // net/http's is part of all headers
	request, err := decode(w, r)
	if err != nil {
		return err
	}
	given, err := a.Issuance.Issue(r.Context(), ports.IssueRequest{
		Session: request, Client: client, Credentials: proof,
	})
	if err != nil {
		if refusal, ok := errors.AsType[*throttle.Refusal](err); ok {
			setRateLimit(w.Header(), &refusal.Decision)
		}
		return err
	}
	setRateLimit(w.Header(), &given.Decision)
	envelope.WriteJSON(w, http.StatusOK, issued{
		SessionToken: given.Token,
		ExpiresAt:    instant(given.Claims.ExpiresAt),
		ExpiresIn:    int64(given.ExpiresIn / time.Second),
		RefreshAfter: int64(given.RefreshAfter / time.Second),
	})
	return nil
}
