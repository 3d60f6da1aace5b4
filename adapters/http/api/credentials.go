package api

import (
	"net/http"

	"github.com/offload/sessiond/adapters/http/envelope"
	"github.com/offload/sessiond/ports"
)

// credentials returns what r brings to prove its session.
func credentials(r *http.Request) ports.Credentials {
	return ports.Credentials{Authorization: r.Header.Values(envelope.HeaderAuthorization)}
}
