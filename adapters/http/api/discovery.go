package api

import (
	"encoding/json"
	"net/http"

	"github.com/offload/sessiond/adapters/http/server"
	"github.com/offload/sessiond/domain/keys"
)

// discovered is the document from which generic verifiers learn the public keys of an issuer
// (OpenID Connect Discovery 1.0 §3). It has only the members that they need, because the service is
// not an OpenID Provider: it has no authorization endpoint and no response types.
type discovered struct {
	Issuer string `json:"issuer"`
	JWKS   string `json:"jwks_uri"`
	// Algorithms lists every algorithm that a published key can have, not only those of the present
	// keys: many verifiers read the document once, and a rotation may change the algorithm.
	Algorithms    []keys.Algorithm `json:"id_token_signing_alg_values_supported"`
	SubjectTypes  []string         `json:"subject_types_supported"`
	ResponseTypes []string         `json:"response_types_supported"`
}

// discovery returns a handler that responds with the document of issuer, which is a valid origin.
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
