package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/ports"
)

// The headers in which a proxy describes the original request.
const (
	headerForwardedMethod = "X-Forwarded-Method"
	headerForwardedProto  = "X-Forwarded-Proto"
	headerForwardedHost   = "X-Forwarded-Host"
	headerForwardedURI    = "X-Forwarded-Uri"
)

// credentials returns the credentials in r. Their target is r itself.
func (a *API) credentials(r *http.Request) ports.Credentials {
	found := a.credentialsOf(r)
	if len(found.Proofs) > 0 {
		request := a.requestOf(r)
		found.Target = request.Target(a.PublicOrigins)
	}
	return found
}

// originalCredentials returns the credentials in r, a sub-request of a proxy. Their target is the
// original request, which the proxy describes in headers or in the path.
func (a *API) originalCredentials(r *http.Request) ports.Credentials {
	found := a.credentialsOf(r)
	if len(found.Proofs) > 0 {
		request := a.requestOf(r)
		found.Target = request.Original(pathVerify, a.PublicOrigins)
	}
	return found
}

// credentialsOf returns the credentials in r without a target. If sessions cannot be bound, proofs
// are ignored.
func (a *API) credentialsOf(r *http.Request) ports.Credentials {
	found := ports.Credentials{Authorization: r.Header[envelope.HeaderAuthorization]}
	if a.Binding.On() {
		found.Proofs = r.Header[envelope.HeaderProof]
	}
	return found
}

// requestOf returns the method and the URI of r, and what its forwarding headers say of them.
func (a *API) requestOf(r *http.Request) proof.Request {
	return proof.Request{
		Method: r.Method, URI: envelope.SentPath(r), Host: r.Host, TLS: a.TLS,
		Trusted: server.FromTrusted(r, a.Trusted),
		Forwarded: proof.Forwarded{
			Method: r.Header.Values(headerForwardedMethod),
			Proto:  r.Header.Values(headerForwardedProto),
			Host:   r.Header.Values(headerForwardedHost),
			URI:    r.Header.Values(headerForwardedURI),
		},
	}
}
