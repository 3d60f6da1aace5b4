package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// serviceName is the name by which clients know the service.
const serviceName = "offload-backend-api"

// health responds with the name, version and environment of the service, whatever its state.
func (a *API) health(w http.ResponseWriter, _ *http.Request) error {
	var body envelope.Object
	body.Text("status", "ok")
	body.Text("service", serviceName)
	body.Text("version", a.Version)
	body.Text("environment", a.Environment)
	envelope.Write(w, http.StatusOK, body.Bytes())
	return nil
}
