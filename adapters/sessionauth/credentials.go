package sessionauth

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/domain/proof"
)

// Credentials are what a request brings to prove its session, as it was received.
type Credentials struct {
	// Authorization holds the values of all Authorization headers. A request with more than one is
	// refused, so a service must not pick one of them.
	Authorization []string
	// Proofs holds the values of all DPoP headers. They are not looked at where sessions cannot be
	// bound to keys, and neither are Method and Path.
	Proofs []string
	// Method and Path are those of the request, exactly as the client sent them: the path is not
	// decoded, and may have a query. Together with one of Config.PublicOrigins they are what a
	// proof must be for.
	Method, Path string
}

// credentials returns what r brings to prove its session.
func credentials(r *http.Request) Credentials {
	path := envelope.SentPath(r)
	if r.RequestURI == "" { // r was not read by a server, but made from something else
		path = r.URL.EscapedPath()
	}
	return Credentials{
		Authorization: r.Header.Values(envelope.HeaderAuthorization),
		Proofs:        r.Header.Values(envelope.HeaderProof),
		Method:        r.Method,
		Path:          path,
	}
}

// target returns the request that a proof must be for.
func (v *Verifier) target(c Credentials) proof.Target {
	if c.Path == "" || len(v.origins) == 0 {
		return proof.Target{} // of the request of a caller who forgot it, no proof is one
	}
	request := proof.Request{Method: c.Method, URI: c.Path}
	return request.Target(v.origins)
}
