package api

import (
	_ "embed" // the description is part of the binary
	"net/http"
)

// Description is this API as OpenAPI 3.1. Tests compare it with every response of the service, with
// the routes, and with the table of errors.
//
//go:embed openapi.json
var Description string

// description is what is served of it.
var description = newCacheable(Description)

func (*API) openAPI(w http.ResponseWriter, r *http.Request) error {
	description.write(w, r)
	return nil
}
