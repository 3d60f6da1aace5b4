package ports

import "github.com/offload/sessiond/domain/proof"

// Credentials are what a request brings to prove that it may use a session, as it was received:
// nothing in them is verified.
type Credentials struct {
	// Authorization holds the values of all Authorization headers, in the order of the request.
	Authorization []string
	// Proofs holds the values of all DPoP headers, in the order of the request.
	Proofs []string
	// Target is the request that a proof must have been made for.
	Target proof.Target
}
