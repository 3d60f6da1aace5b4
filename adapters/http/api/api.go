// Package api is the public HTTP interface: it parses requests, calls the use cases, and writes
// responses. Each route has a file. It imports domain, ports, server, and libraries for structured
// fields and CORS.
package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/ports"
)

// The paths.
const (
	pathIssue   = "/v1/sessions/anonymous"
	pathCurrent = "/v1/sessions/current"
	pathVerify  = "/v1/sessions/verify"
	pathHealth  = "/v1/health"
	pathJWKS    = "/.well-known/jwks.json"
	pathOpenAPI = "/openapi.json"
)

// API is what the routes need.
type API struct {
	Issuance       ports.Issuance
	Authentication ports.Authentication
	Publication    ports.Publication
	Events         ports.Events
	// Trusted are the proxies whose Header (X-Forwarded-For or Forwarded) is believed.
	Trusted clientaddr.Trusted
	Header  string
	// Origins are the origins whose scripts may ask for sessions, as browsers write them; empty for
	// none.
	Origins []string
	// Version and Environment are shown by the health route.
	Version, Environment string
}

// Routes returns every route of the public listener.
func (a *API) Routes() []server.Route {
	return []server.Route{
		{Pattern: pathIssue, Methods: []string{http.MethodPost}, Handle: a.noticing(a.issue),
			Middleware: a.crossing(http.MethodPost)},
		{Pattern: pathCurrent, Methods: []string{http.MethodGet}, Handle: a.noticing(a.current),
			Middleware: a.crossing(http.MethodGet, http.MethodHead)},
		{Pattern: pathVerify, Subtree: true, Handle: a.noticing(a.verify)},
		{Pattern: pathJWKS, Methods: []string{http.MethodGet}, Handle: a.jwks},
		{Pattern: pathHealth, Methods: []string{http.MethodGet}, Handle: a.health},
		{Pattern: pathOpenAPI, Methods: []string{http.MethodGet}, Handle: a.openAPI},
	}
}
