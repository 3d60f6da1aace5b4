package api

import (
	"net/http"
	"net/netip"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/proof"
	"github.com/offload/sessiond/ports"
)

// The headers in which a proxy says what the original request was.
const (
	headerForwardedMethod = "X-Forwarded-Method"
	headerForwardedProto  = "X-Forwarded-Proto"
	headerForwardedHost   = "X-Forwarded-Host"
	headerForwardedURI    = "X-Forwarded-Uri"
)

// credentials returns what r brings to prove its session, to be used for r itself.
func (a *API) credentials(r *http.Request) ports.Credentials {
	of := a.credentialsOf(r)
	if len(of.Proofs) > 0 {
		request := a.requestOf(r)
		of.Target = request.Target(a.PublicOrigins)
	}
	return of
}

// originalCredentials returns what r brings to prove its session, to be used for the request that a
// proxy asks about.
func (a *API) originalCredentials(r *http.Request) ports.Credentials {
	of := a.credentialsOf(r)
	if len(of.Proofs) > 0 {
		request := a.requestOf(r)
		of.Target = request.Original(pathVerify, a.PublicOrigins)
	}
	return of
}

// credentialsOf returns the credentials of r without the target. Where sessions cannot be bound,
// proofs are ignored.
func (a *API) credentialsOf(r *http.Request) ports.Credentials {
	of := ports.Credentials{Authorization: r.Header[envelope.HeaderAuthorization]}
	if a.Binding.On() {
		of.Proofs = r.Header[envelope.HeaderProof]
	}
	return of
}

// requestOf returns what r says of its method and URI.
func (a *API) requestOf(r *http.Request) proof.Request {
	return proof.Request{
		Method: r.Method, URI: envelope.SentPath(r), Host: r.Host, TLS: a.TLS, Trusted: a.trusts(r),
		Forwarded: proof.Forwarded{
			Method: r.Header.Values(headerForwardedMethod),
			Proto:  r.Header.Values(headerForwardedProto),
			Host:   r.Header.Values(headerForwardedHost),
			URI:    r.Header.Values(headerForwardedURI),
		},
	}
}

// trusts reports whether the peer is a proxy whose headers count.
func (a *API) trusts(r *http.Request) bool {
	if r.RemoteAddr == server.SocketPeer {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && a.Trusted.Contains(peer.Addr())
}
