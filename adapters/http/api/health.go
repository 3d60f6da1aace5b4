package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// serviceName is the name by which clients know the service.
const serviceName = "offload-backend-api"

type health struct {
	Status      string `json:"status"`
	Service     string `json:"service"`
	Version     string `json:"version"`
	Environment string `json:"environment"`
}

func (a *API) health(w http.ResponseWriter, _ *http.Request) error {
	envelope.WriteJSON(w, http.StatusOK, health{Status: "ok", Service: serviceName,
		Version: a.Version, Environment: a.Environment})
	return nil
}
