package api

import (
	_ "embed" // the description is embedded in the binary
	"net/http"
	"sync"
)

// Description is the OpenAPI 3.1 description of this API. Tests check every response of the service
// against it, and check it against the routes and the error table.
//
//go:embed openapi.json
var Description string

// description returns Description as it is served.
var description = sync.OnceValue(func() *cacheable { return newCacheable(Description) })

// openAPI responds with Description.
func (*API) openAPI(w http.ResponseWriter, r *http.Request) error {
	description().write(w, r)
	return nil
}
