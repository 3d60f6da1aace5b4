// Package api is the public HTTP interface: it parses requests, calls the use cases, and writes
// their results. Each route has its own file. The package imports domain, ports, envelope and
// server.
package api

import (
	"net/http"
	"slices"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/clientaddr"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/domain/session"
	"github.com/offload/sessiond/ports"
)

// PathIssue is the path of the route that issues sessions.
const PathIssue = "/v1/sessions/anonymous"

// These are the paths of the other routes.
const (
	pathCurrent   = "/v1/sessions/current"
	pathVerify    = "/v1/sessions/verify"
	pathHealth    = "/v1/health"
	pathJWKS      = "/.well-known/jwks.json"
	pathDiscovery = "/.well-known/openid-configuration"
	pathOpenAPI   = "/openapi.json"
)

// API holds the dependencies of the routes.
type API struct {
	Issuance       ports.Issuance
	Authentication ports.Authentication
	Publication    ports.Publication
	Events         ports.Events
	// Trusted lists the proxies whose Header is trusted.
	Trusted clientaddr.Trusted
	Header  clientaddr.Header
	// Binding is whether sessions can or must be bound to device keys.
	Binding session.Binding
	// PublicOrigins lists the origins under which clients reach the service, and the applications
	// behind verify; empty if they are not known. Proofs must be for one of them. If Issuer, the
	// issuer of tokens, is one of them, verifiers can discover the public keys.
	PublicOrigins []proof.Origin
	Issuer        string
	// TLS is true if clients of the listener speak TLS to it.
	TLS bool
	// Origins lists the origins whose scripts may request sessions, as browsers write them. If it
	// is empty, none may, except pages on the browser's own machine if LocalPages is true.
	Origins    []string
	LocalPages bool
	// Version and Environment are shown by the health route.
	Version, Environment string

	keySet lastCacheable
}

// Routes returns every route of the public listener. There is one for discovery only if there is
// something to discover, so that its path is unknown otherwise.
func (a *API) Routes() []server.Route {
	routes := []server.Route{
		{Pattern: PathIssue, Methods: []string{http.MethodPost},
			Handle:    a.recordingForwarders(a.issue),
			ReadsBody: true, Middleware: a.cors(http.MethodPost)},
		{Pattern: pathCurrent, Methods: []string{http.MethodGet},
			Handle:     a.recordingForwarders(a.current),
			Middleware: a.cors(http.MethodGet, http.MethodHead)},
		{Pattern: pathVerify, Subtree: true, Handle: a.recordingForwarders(a.verify)},
		{Pattern: pathJWKS, Methods: []string{http.MethodGet}, Handle: a.jwks,
			Middleware: a.publicCORS(http.MethodGet, http.MethodHead)},
		{Pattern: pathHealth, Methods: []string{http.MethodGet}, Handle: a.health},
		{Pattern: pathOpenAPI, Methods: []string{http.MethodGet}, Handle: a.openAPI,
			Middleware: a.publicCORS(http.MethodGet, http.MethodHead)},
	}
	if slices.ContainsFunc(a.PublicOrigins, func(origin proof.Origin) bool {
		return origin.String() == a.Issuer
	}) {
		routes = append(routes, server.Route{Pattern: pathDiscovery,
			Methods: []string{http.MethodGet}, Handle: discovery(a.Issuer),
			Middleware: a.publicCORS(http.MethodGet, http.MethodHead)})
	}
	return routes
}
