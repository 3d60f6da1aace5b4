// Package ops is the operators' HTTP interface: liveness, readiness and metrics, and a client that
// requests the first two from a running service. It imports ports, envelope and server.
package ops

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/ports"
)

// Ops holds the dependencies of the routes.
type Ops struct {
	Readiness ports.Readiness
	Metrics   http.Handler
}

// Routes returns every route of the operations listener.
func (o *Ops) Routes() []server.Route {
	get := []string{http.MethodGet}
	return []server.Route{
		{Pattern: PathLive, Methods: get, Handle: livez},
		{Pattern: PathReady, Methods: get, Handle: o.readyz,
			ExpectedStatus: http.StatusServiceUnavailable},
		{Pattern: "/metrics", Methods: get, Handle: o.metrics},
	}
}

// live is the body of /livez.
type live struct {
	Status string `json:"status"`
}

// livez responds with 200 while the process serves requests.
func livez(w http.ResponseWriter, _ *http.Request) error {
	envelope.WriteJSON(w, http.StatusOK, live{Status: "ok"})
	return nil
}

// ready is the body of /readyz: the whole status, and each check by name.
type ready struct {
	Status string           `json:"status"`
	Checks map[string]check `json:"checks"`
}

// check is the status of one part.
type check struct {
	Status string `json:"status"`
	Detail string `json:"detail"`
}

// The values of Status in ready and check.
const (
	statusReady   = "ready"
	statusUnready = "unready"
)

// readyz responds with 200 if every part of the service is ready, and with 503 otherwise.
func (o *Ops) readyz(w http.ResponseWriter, _ *http.Request) error {
	report, status := ready{Status: statusReady, Checks: map[string]check{}}, http.StatusOK
	for _, condition := range o.Readiness.Conditions() {
		word := statusReady
		if !condition.Ready {
			word, report.Status, status = statusUnready, statusUnready,
				http.StatusServiceUnavailable
		}
		report.Checks[condition.Name] = check{Status: word, Detail: condition.Detail}
	}
	envelope.WriteJSON(w, status, report)
	return nil
}

// metrics responds with the metrics.
func (o *Ops) metrics(w http.ResponseWriter, r *http.Request) error {
	o.Metrics.ServeHTTP(w, r)
	return nil
}
