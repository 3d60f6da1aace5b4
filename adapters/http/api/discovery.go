package api

import (
	"encoding/json"
	"net/http"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/keys"
)

// discovered is what generic verifiers read to find the public keys of an issuer (OpenID Connect
// Discovery 1.0 §3). It has what they need and nothing else, because the service is no OpenID
// Provider: there is nothing to authorize, and no response type.
type discovered struct {
	Issuer string `json:"issuer"`
	JWKS   string `json:"jwks_uri"`
	// Algorithms are those that a published key can have, whatever the keys of the moment are: many
	// verifiers read the document once, and a rotation may change the algorithm.
	Algorithms    []keys.Algorithm `json:"id_token_signing_alg_values_supported"`
	SubjectTypes  []string         `json:"subject_types_supported"`
	ResponseTypes []string         `json:"response_types_supported"`
}

// discovery returns the handler of the document of an issuer, which is a valid origin.
func discovery(issuer string) server.Handler {
	document := discovered{Issuer: issuer, JWKS: issuer + pathJWKS,
		SubjectTypes: []string{"pairwise"}, ResponseTypes: []string{}}
	for _, algorithm := range keys.Algorithms() {
		if algorithm.Published() {
			document.Algorithms = append(document.Algorithms, algorithm)
		}
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic("api: " + err.Error()) // impossible: strings and lists of strings
	}
	cached := newCacheable(string(text))
	return func(w http.ResponseWriter, r *http.Request) error {
		cached.write(w, r)
		return nil
	}
}
