package sessionauth

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// Credentials are what a request brings to prove its session, as it was received.
type Credentials struct {
	// Authorization holds the values of all Authorization headers. A request with more than one is
	// refused, so a service must not pick one of them.
	Authorization []string
}

// credentials returns what r brings to prove its session.
func credentials(r *http.Request) Credentials {
	return Credentials{Authorization: r.Header.Values(envelope.HeaderAuthorization)}
}
